/* What must hold for a run to pass: "p99<2500ms", "success>=63%", "errors{reason=OUT_OF_STOCK}<12%".
 *
 *   THRESHOLD  METRIC[{LABEL=VALUE,...}] (< | <= | > | >=) NUMBER[UNIT]
 *   METRIC     p50, p99.9, … min, mean, max    latency; UNIT us, ms, s (no unit: ms)
 *              lag_p50, … lag_max              how late the runner itself was; the same units
 *              success, errors                 share of operations; UNIT % (no unit: 0 to 1)
 *              rate                            operations per second that ended; UNIT /s, or none
 *              count, missed                   operations that ended; that were due but never started
 *   LABEL      operation (place_order, …), reason, code of failures, stage of orders (order_created, …, for success) */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/result.h"

typedef struct runner_threshold {
  const char *text; /* as given */
  char metric[16];
  double share;  /* of a percentile metric, 0 to 1 */
  int operation; /* a runner_kind; -1: all */
  int stage;     /* a runner_outcome_stage; -1: none */
  char reason[48], code[24];
  char comparison[3];
  double limit; /* in microseconds, a share, per second, or a count */
} runner_threshold;

/* False where the text is no threshold: error says why. text outlives the threshold. */
bool runner_threshold_parse(runner_threshold *threshold, const char *text, char *error, size_t error_size);

/* What of a run is not in its result. */
typedef struct runner_measured {
  int64_t elapsed_us; /* without the warm-up */
  uint64_t missed;
} runner_measured;

typedef struct runner_verdict {
  const char *threshold; /* its text */
  bool passed;
  double value;   /* as limit */
  char shown[48]; /* the value for people: "1812.4 ms" */
} runner_verdict;

/* A threshold over no operations at all does not hold, but for one that says that there are few. */
runner_verdict runner_threshold_check(const runner_threshold *threshold, const runner_result *result,
                                      const runner_measured *measured);
