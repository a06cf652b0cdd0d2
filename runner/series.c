/* See series.h. */
#include "runner/series.h"

#include <stdlib.h>

enum { SECOND_US = 1000000 };

runner_series *runner_series_create(void) {
  runner_series *series = calloc(1, sizeof *series);
  if (series != NULL) series->interval_us = SECOND_US;
  return series;
}

void runner_series_destroy(runner_series *series) {
  if (series == NULL) return;
  for (size_t i = 0; i < series->count; i++) runner_histogram_destroy(series->intervals[i].latency);
  free(series);
}

/* Moves what from holds to into. */
static void absorb(runner_interval *into, runner_interval *from) {
  into->finished += from->finished;
  into->failed += from->failed;
  if (into->latency == NULL) {
    into->latency = from->latency;
  } else if (from->latency != NULL) {
    runner_histogram_merge(into->latency, from->latency);
    runner_histogram_destroy(from->latency);
  }
  *from = (runner_interval){0};
}

static void make_coarser(runner_series *series) {
  for (size_t i = 0; i < series->count; i++) {
    if (i / 2 != i) absorb(&series->intervals[i / 2], &series->intervals[i]);
  }
  series->count = (series->count + 1) / 2;
  series->interval_us *= 2;
}

static runner_interval *interval_at(runner_series *series, int64_t time_us) {
  if (time_us < 0) time_us = 0;
  while (time_us / series->interval_us >= RUNNER_SERIES_MAX) make_coarser(series);
  size_t at = (size_t)(time_us / series->interval_us);
  if (at >= series->count) series->count = at + 1;
  return &series->intervals[at];
}

void runner_series_add(runner_series *series, int64_t time_us, int64_t latency_us, bool failed) {
  runner_interval *interval = interval_at(series, time_us);
  interval->finished++;
  if (failed) interval->failed++;
  if (interval->latency == NULL) interval->latency = runner_histogram_create();
  if (interval->latency != NULL) runner_histogram_record(interval->latency, latency_us);
}

void runner_series_merge(runner_series *into, runner_series *from) {
  while (from->interval_us < into->interval_us) make_coarser(from);
  while (into->interval_us < from->interval_us) make_coarser(into);
  for (size_t i = 0; i < from->count; i++) {
    absorb(interval_at(into, (int64_t)i * into->interval_us), &from->intervals[i]);
  }
}
