/* A run second by second: how many operations ended in each, how many failed, and their latencies. Memory is bounded:
 * past RUNNER_SERIES_MAX seconds, two neighbours become one interval, and so on. Not thread-safe. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runner/histogram.h"

enum { RUNNER_SERIES_MAX = 600 };

typedef struct runner_interval {
  uint64_t finished, failed;
  runner_histogram *latency; /* NULL: nothing ended in it */
} runner_interval;

typedef struct runner_series {
  int64_t interval_us; /* 1,000,000 and twice that as often as needed */
  size_t count;
  runner_interval intervals[RUNNER_SERIES_MAX];
} runner_series;

/* NULL without memory. */
runner_series *runner_series_create(void);
void runner_series_destroy(runner_series *series);

/* time_us: of the end, since the counting began; negative counts as 0. Without memory for a histogram the latency is
 * left out. */
void runner_series_add(runner_series *series, int64_t time_us, int64_t latency_us, bool failed);

/* Adds what from saw at the same times; from may be made coarser. */
void runner_series_merge(runner_series *into, runner_series *from);
