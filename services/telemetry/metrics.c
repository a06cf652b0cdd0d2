/* The registry and recording, see metrics.h; what a scrape reads is written by metrics_text.c.
 *
 * Families and series are only ever added: to arrays of fixed size, under a lock, each published by raising the count
 * with release order. So readers (recording, look-up of what exists, a scrape) need no lock at all. */
#include "telemetry/metrics.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "telemetry/metrics_parts.h"

/* Denser around the second or two that a demo order takes. */
const metrics_bucket metrics_buckets[METRICS_BUCKETS] = {
    {50, "5e-05"},    {100, "0.0001"},  {250, "0.00025"},  {500, "0.0005"},    {1000, "0.001"},    {2500, "0.0025"},
    {5000, "0.005"},  {10000, "0.01"},  {25000, "0.025"},  {50000, "0.05"},    {100000, "0.1"},    {250000, "0.25"},
    {500000, "0.5"},  {1000000, "1.0"}, {1250000, "1.25"}, {1500000, "1.5"},   {1750000, "1.75"},  {2000000, "2.0"},
    {2500000, "2.5"}, {3000000, "3.0"}, {5000000, "5.0"},  {10000000, "10.0"}, {30000000, "30.0"},
};

enum { EXEMPLAR_REFRESH_MS = 1000 };

static void publish(atomic_size_t *count) {
  atomic_fetch_add_explicit(count, 1, memory_order_release);
}

metrics_registry *metrics_registry_create(void) {
  metrics_registry *registry = calloc(1, sizeof *registry);
  if (registry == NULL) return NULL;
  if (pthread_mutex_init(&registry->lock, NULL) != 0) {
    free(registry);
    return NULL;
  }
  return registry;
}

static void free_family(metrics_family *family) {
  for (size_t i = 0; i < metrics_published(&family->count); i++) free(family->series[i]);
  pthread_mutex_destroy(&family->lock);
  free(family);
}

void metrics_registry_destroy(metrics_registry *registry) {
  if (registry == NULL) return;
  for (size_t i = 0; i < metrics_published(&registry->family_count); i++) free_family(registry->families[i]);
  pthread_mutex_destroy(&registry->lock);
  free(registry);
}

static size_t count_labels(const char *const *names) {
  size_t count = 0;
  while (names != NULL && names[count] != NULL) count++;
  assert(count <= METRICS_LABELS_MAX);
  return count;
}

static metrics_family *find_family(metrics_registry *registry, const char *name) {
  for (size_t i = 0; i < metrics_published(&registry->family_count); i++) {
    if (strcmp(registry->families[i]->name, name) == 0) return registry->families[i];
  }
  return NULL;
}

static metrics_family *make_family(metrics_kind kind, const char *name, const char *help,
                                   const char *const *label_names) {
  metrics_family *family = calloc(1, sizeof *family);
  if (family == NULL) return NULL;
  if (pthread_mutex_init(&family->lock, NULL) != 0) {
    free(family);
    return NULL;
  }
  family->kind = kind;
  family->name = name;
  family->help = help;
  family->label_count = count_labels(label_names);
  for (size_t i = 0; i < family->label_count; i++) family->labels[i] = label_names[i];
  if (family->label_count == 0) metrics_series_get(family, NULL); /* shows as 0 from the start */
  return family;
}

metrics_family *metrics_define(metrics_registry *registry, metrics_kind kind, const char *name, const char *help,
                               const char *const *label_names) {
  if (registry == NULL) return NULL;
  pthread_mutex_lock(&registry->lock);
  metrics_family *family = find_family(registry, name);
  if (family == NULL) {
    size_t at = metrics_published(&registry->family_count);
    assert(at < METRICS_FAMILIES_MAX);
    family = make_family(kind, name, help, label_names);
    if (family != NULL) {
      registry->families[at] = family;
      publish(&registry->family_count);
    }
  }
  pthread_mutex_unlock(&registry->lock);
  if (family == NULL) return NULL;
  assert(family->kind == kind && family->label_count == count_labels(label_names));
  for (size_t i = 0; i < family->label_count; i++) assert(strcmp(family->labels[i], label_names[i]) == 0);
  return family;
}

/* FNV-1a over the values, each with its NUL. */
static uint64_t hash_values(const char *const *values, size_t count) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < count; i++) {
    const char *at = values[i];
    do {
      hash = (hash ^ (unsigned char)*at) * 0x100000001b3u;
    } while (*at++ != '\0');
  }
  return hash;
}

static metrics_series *find_series(metrics_family *family, uint64_t hash, const char *const *values) {
  size_t count = metrics_published(&family->count);
  for (size_t i = 0; i < count; i++) {
    metrics_series *series = family->series[i];
    size_t same = 0;
    if (series->hash != hash) continue;
    while (same < family->label_count && strcmp(series->values[same], values[same]) == 0) same++;
    if (same == family->label_count) return series;
  }
  return NULL;
}

static metrics_series *make_series(metrics_family *family, uint64_t hash, const char *const *values) {
  bool is_histogram = family->kind == METRICS_HISTOGRAM;
  size_t cells = is_histogram ? METRICS_HISTOGRAM_CELLS : 1;
  size_t size = sizeof(metrics_series) + cells * sizeof(_Atomic int64_t);
  size_t exemplars_at = size;
  if (is_histogram) size += (METRICS_CELL_INF + 1) * sizeof(metrics_exemplar);
  size_t text_at = size;
  for (size_t i = 0; i < family->label_count; i++) size += strlen(values[i]) + 1;
  metrics_series *series = calloc(1, size);
  if (series == NULL) return NULL;
  series->kind = family->kind;
  series->hash = hash;
  if (is_histogram) series->exemplars = (metrics_exemplar *)(void *)((char *)series + exemplars_at);
  char *text = (char *)series + text_at;
  for (size_t i = 0; i < family->label_count; i++) {
    series->values[i] = text;
    text = stpcpy(text, values[i]) + 1;
  }
  return series;
}

/* The lock of the family is held. */
static metrics_series *add_series(metrics_family *family, uint64_t hash, const char *const *values) {
  static const char *const other[METRICS_LABELS_MAX] = {"other", "other", "other", "other"};
  metrics_series *series = find_series(family, hash, values); /* may have come in meanwhile */
  size_t at = metrics_published(&family->count);
  if (series == NULL && at >= METRICS_SERIES_MAX - 1) { /* the last place is for all the rest */
    values = other;
    hash = hash_values(other, family->label_count);
    series = find_series(family, hash, values);
  }
  if (series != NULL) return series;
  series = make_series(family, hash, values);
  if (series == NULL) return NULL;
  family->series[at] = series;
  publish(&family->count);
  return series;
}

metrics_series *metrics_series_get(metrics_family *family, const char *const *label_values) {
  if (family == NULL) return NULL;
  const char *values[METRICS_LABELS_MAX] = {0};
  for (size_t i = 0; i < family->label_count; i++) values[i] = label_values[i] != NULL ? label_values[i] : "";
  uint64_t hash = hash_values(values, family->label_count);
  metrics_series *series = find_series(family, hash, values);
  if (series != NULL) return series;
  pthread_mutex_lock(&family->lock);
  series = add_series(family, hash, values);
  pthread_mutex_unlock(&family->lock);
  return series;
}

void metrics_add(metrics_series *series, int64_t count) {
  if (series == NULL) return;
  assert(series->kind == METRICS_GAUGE || (series->kind == METRICS_COUNTER && count >= 0));
  atomic_fetch_add_explicit(&series->cells[0], count, memory_order_relaxed);
}

void metrics_set(metrics_series *series, int64_t value) {
  if (series == NULL) return;
  assert(series->kind == METRICS_GAUGE);
  atomic_store_explicit(&series->cells[0], value, memory_order_relaxed);
}

/* The bucket that the observation fell into. */
static size_t observe(metrics_series *series, int64_t microseconds) {
  assert(series->kind == METRICS_HISTOGRAM);
  size_t cell = 0;
  while (cell < METRICS_CELL_INF && microseconds > metrics_buckets[cell].bound_us) cell++;
  atomic_fetch_add_explicit(&series->cells[cell], 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&series->cells[METRICS_CELL_SUM], microseconds, memory_order_relaxed);
  return cell;
}

void metrics_observe_us(metrics_series *series, int64_t microseconds) {
  if (series != NULL) observe(series, microseconds > 0 ? microseconds : 0);
}

/* A recent one will do: most observations only look at its age. */
static void keep_exemplar(metrics_exemplar *exemplar, int64_t microseconds, const trace_context *trace) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  int64_t unix_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
  if (unix_ms - atomic_load_explicit(&exemplar->unix_ms, memory_order_relaxed) < EXEMPLAR_REFRESH_MS) return;
  if (atomic_flag_test_and_set_explicit(&exemplar->busy, memory_order_acquire)) return;
  exemplar->value_us = microseconds;
  memcpy(exemplar->trace_id, trace->trace_id, sizeof exemplar->trace_id);
  atomic_store_explicit(&exemplar->unix_ms, unix_ms, memory_order_relaxed);
  atomic_flag_clear_explicit(&exemplar->busy, memory_order_release);
}

void metrics_observe_traced_us(metrics_series *series, int64_t microseconds, const trace_context *trace) {
  if (series == NULL) return;
  if (microseconds < 0) microseconds = 0;
  size_t cell = observe(series, microseconds);
  if (trace->sampled) keep_exemplar(&series->exemplars[cell], microseconds, trace);
}

int64_t metrics_value(const metrics_series *series) {
  if (series == NULL) return 0;
  if (series->kind != METRICS_HISTOGRAM) return metrics_read_cell(series, 0);
  int64_t observations = 0;
  for (size_t cell = 0; cell <= METRICS_CELL_INF; cell++) observations += metrics_read_cell(series, cell);
  return observations;
}

void metrics_on_scrape(metrics_registry *registry, metrics_collect_fn collect, void *arg) {
  if (registry == NULL) return;
  pthread_mutex_lock(&registry->lock);
  size_t at = metrics_published(&registry->collector_count);
  assert(at < METRICS_COLLECTORS_MAX);
  registry->collectors[at] = (metrics_collector){collect, arg};
  publish(&registry->collector_count);
  pthread_mutex_unlock(&registry->lock);
}
