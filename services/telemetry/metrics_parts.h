/* What the registry is made of, for metrics.c, which records, and metrics_text.c, which writes. Private to them. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "telemetry/metrics.h"

enum {
  METRICS_FAMILIES_MAX = 128,
  METRICS_SERIES_MAX = 256,
  METRICS_COLLECTORS_MAX = 32,
  METRICS_BUCKETS = 23, /* those with a bound; then +Inf */
};

/* A histogram's cells: observations by bucket, those past the last bound, and the sum of all in microseconds. */
enum { METRICS_CELL_INF = METRICS_BUCKETS, METRICS_CELL_SUM, METRICS_HISTOGRAM_CELLS };

typedef struct metrics_bucket {
  int64_t bound_us;
  const char *le; /* in seconds, as OpenMetrics wants it */
} metrics_bucket;

extern const metrics_bucket metrics_buckets[METRICS_BUCKETS];

/* An observation of a bucket whose trace can be looked at. */
typedef struct metrics_exemplar {
  atomic_flag busy;        /* whoever finds it set goes without */
  _Atomic int64_t unix_ms; /* 0: there is none yet */
  int64_t value_us;
  uint8_t trace_id[16];
} metrics_exemplar;

struct metrics_series {
  metrics_kind kind;
  uint64_t hash;
  metrics_exemplar *exemplars;            /* of a histogram: by bucket, METRICS_CELL_INF included; in this allocation */
  const char *values[METRICS_LABELS_MAX]; /* in the memory behind the cells */
  _Atomic int64_t cells[];                /* of a counter or gauge: its value */
};

struct metrics_family {
  metrics_kind kind;
  const char *name;
  const char *help;
  const char *labels[METRICS_LABELS_MAX];
  size_t label_count;
  pthread_mutex_t lock; /* for adding a series */
  atomic_size_t count;
  metrics_series *series[METRICS_SERIES_MAX];
};

typedef struct metrics_collector {
  metrics_collect_fn collect;
  void *arg;
} metrics_collector;

struct metrics_registry {
  pthread_mutex_t lock; /* for adding a family or a collector */
  atomic_size_t family_count;
  atomic_size_t collector_count;
  metrics_family *families[METRICS_FAMILIES_MAX];
  metrics_collector collectors[METRICS_COLLECTORS_MAX];
};

static inline size_t metrics_published(const atomic_size_t *count) {
  return atomic_load_explicit(count, memory_order_acquire);
}

static inline int64_t metrics_read_cell(const metrics_series *series, size_t cell) {
  return atomic_load_explicit(&series->cells[cell], memory_order_relaxed);
}
