/* How a run gets on: a live view of three lines that is redrawn on a terminal, with a sparkline of the rate; a plain
 * line every tenth or two seconds elsewhere. NO_COLOR is respected. One thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "runner/engine.h"
#include "runner/result.h"

enum { RUNNER_SPARKS = 30 };

typedef struct runner_progress {
  FILE *out;
  uint64_t total;   /* operations of the run; 0: not known */
  int64_t total_us; /* of time; 0: not known */
  bool terminal, colour, drawn;
  int64_t shown_us;     /* when the last line was written */
  uint64_t shown_tenth; /* of the run, then */

  double sparks[RUNNER_SPARKS]; /* operations ended in each of the last intervals, newest last */
  int64_t spark_us;             /* when the last one began */
  uint64_t spark_finished;      /* ended until then */
} runner_progress;

/* colour: may be used where out is a terminal. */
runner_progress runner_progress_begin(FILE *out, uint64_t total, int64_t total_us, bool colour);

/* Shows the state where it is time to; last: in any case, and ends the view. live->latency must be there. */
void runner_progress_show(runner_progress *progress, const runner_engine_progress *engine, const runner_live *live,
                          bool last);
