/* How a run gets on: one line that is redrawn on a terminal, a plain line every tenth or two seconds elsewhere.
 * NO_COLOR is respected. One thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "runner/engine.h"
#include "runner/result.h"

typedef struct runner_progress {
  FILE *out;
  uint64_t total; /* orders of the run */
  bool terminal, colour;
  int64_t shown_us;     /* when the last line was written */
  uint64_t shown_tenth; /* of the run, then */
} runner_progress;

/* colour: may be used where out is a terminal. */
runner_progress runner_progress_begin(FILE *out, uint64_t total, bool colour);

/* Shows the state where it is time to; last: in any case, and ends the line. */
void runner_progress_show(runner_progress *progress, const runner_engine_progress *engine, const runner_live *live,
                          bool last);
