/* The registry, recording, and Prometheus' text format, see metrics.h.
 *
 * Families and series are only ever added: to arrays of fixed size, under a lock, each published by raising the count
 * with release order. So readers (recording, look-up of what exists, a scrape) need no lock at all. */
#include "telemetry/metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry/process_metrics.h"
#include "telemetry/utf8.h"

/* Upper bounds of a histogram's buckets: in microseconds, and in seconds as the text has them. Denser around the second
 * or two that a demo order takes. A last bucket, +Inf, follows. */
static const struct {
  int64_t bound_us;
  const char *le;
} buckets[] = {
    {50, "0.00005"},  {100, "0.0001"}, {250, "0.00025"},  {500, "0.0005"},  {1000, "0.001"},   {2500, "0.0025"},
    {5000, "0.005"},  {10000, "0.01"}, {25000, "0.025"},  {50000, "0.05"},  {100000, "0.1"},   {250000, "0.25"},
    {500000, "0.5"},  {1000000, "1"},  {1250000, "1.25"}, {1500000, "1.5"}, {1750000, "1.75"}, {2000000, "2"},
    {2500000, "2.5"}, {3000000, "3"},  {5000000, "5"},    {10000000, "10"}, {30000000, "30"},
};

enum { BUCKETS = sizeof buckets / sizeof *buckets, CELL_INF = BUCKETS, CELL_SUM, HISTOGRAM_CELLS };
enum { FAMILIES_MAX = 128, SERIES_MAX = 256, COLLECTORS_MAX = 32 };

struct metrics_series {
  metrics_kind kind;
  uint64_t hash;
  const char *values[METRICS_LABELS_MAX]; /* in the memory behind the cells */
  _Atomic int64_t cells[]; /* counter, gauge: its value; histogram: observations by bucket, then their sum in µs */
};

struct metrics_family {
  metrics_kind kind;
  const char *name;
  const char *help;
  const char *labels[METRICS_LABELS_MAX];
  size_t label_count;
  pthread_mutex_t lock; /* for adding a series */
  atomic_size_t count;
  metrics_series *series[SERIES_MAX];
};

typedef struct collector {
  metrics_collect_fn collect;
  void *arg;
} collector;

struct metrics_registry {
  pthread_mutex_t lock; /* for adding a family or a collector */
  atomic_size_t family_count;
  atomic_size_t collector_count;
  metrics_family *families[FAMILIES_MAX];
  collector collectors[COLLECTORS_MAX];
};

static size_t published(const atomic_size_t *count) {
  return atomic_load_explicit(count, memory_order_acquire);
}

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
  for (size_t i = 0; i < published(&family->count); i++) free(family->series[i]);
  pthread_mutex_destroy(&family->lock);
  free(family);
}

void metrics_registry_destroy(metrics_registry *registry) {
  if (registry == NULL) return;
  for (size_t i = 0; i < published(&registry->family_count); i++) free_family(registry->families[i]);
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
  for (size_t i = 0; i < published(&registry->family_count); i++) {
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
    size_t at = published(&registry->family_count);
    assert(at < FAMILIES_MAX);
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
  size_t count = published(&family->count);
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
  size_t cells = family->kind == METRICS_HISTOGRAM ? HISTOGRAM_CELLS : 1;
  size_t size = sizeof(metrics_series) + cells * sizeof(_Atomic int64_t);
  size_t text_at = size;
  for (size_t i = 0; i < family->label_count; i++) size += strlen(values[i]) + 1;
  metrics_series *series = calloc(1, size);
  if (series == NULL) return NULL;
  series->kind = family->kind;
  series->hash = hash;
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
  size_t at = published(&family->count);
  if (series == NULL && at >= SERIES_MAX - 1) { /* the last place is for all the rest */
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

void metrics_observe_us(metrics_series *series, int64_t microseconds) {
  if (series == NULL) return;
  assert(series->kind == METRICS_HISTOGRAM);
  if (microseconds < 0) microseconds = 0;
  size_t cell = 0;
  while (cell < CELL_INF && microseconds > buckets[cell].bound_us) cell++;
  atomic_fetch_add_explicit(&series->cells[cell], 1, memory_order_relaxed);
  atomic_fetch_add_explicit(&series->cells[CELL_SUM], microseconds, memory_order_relaxed);
}

static int64_t read_cell(const metrics_series *series, size_t cell) {
  return atomic_load_explicit(&series->cells[cell], memory_order_relaxed);
}

int64_t metrics_value(const metrics_series *series) {
  if (series == NULL) return 0;
  if (series->kind != METRICS_HISTOGRAM) return read_cell(series, 0);
  int64_t observations = 0;
  for (size_t cell = 0; cell <= CELL_INF; cell++) observations += read_cell(series, cell);
  return observations;
}

void metrics_on_scrape(metrics_registry *registry, metrics_collect_fn collect, void *arg) {
  if (registry == NULL) return;
  pthread_mutex_lock(&registry->lock);
  size_t at = published(&registry->collector_count);
  assert(at < COLLECTORS_MAX);
  registry->collectors[at] = (collector){collect, arg};
  publish(&registry->collector_count);
  pthread_mutex_unlock(&registry->lock);
}

/* Escapes backslash and newline, in label values the quote too; a byte that is not UTF-8 would cost the whole scrape.
 */
static void write_escaped(FILE *out, const char *text, bool in_quotes) {
  while (*text != '\0') {
    size_t length = utf8_sequence_length(text);
    if (length == 0) {
      fputs(UTF8_REPLACEMENT, out);
      length = 1;
    } else if (*text == '\n') {
      fputs("\\n", out);
    } else {
      if (*text == '\\' || (in_quotes && *text == '"')) fputc('\\', out);
      fwrite(text, 1, length, out);
    }
    text += length;
  }
}

/* name, suffix, and labels; le may be NULL. */
static void write_sample_name(FILE *out, const metrics_family *family, const metrics_series *series, const char *suffix,
                              const char *le) {
  const char *separator = "{";
  fprintf(out, "%s%s", family->name, suffix);
  for (size_t i = 0; i < family->label_count; i++) {
    fprintf(out, "%s%s=\"", separator, family->labels[i]);
    write_escaped(out, series->values[i], true);
    fputc('"', out);
    separator = ",";
  }
  if (le != NULL) {
    fprintf(out, "%sle=\"%s\"", separator, le);
    separator = ",";
  }
  fputs(*separator == ',' ? "} " : " ", out);
}

static void write_histogram(FILE *out, const metrics_family *family, const metrics_series *series) {
  int64_t observations = 0;
  for (size_t cell = 0; cell <= CELL_INF; cell++) {
    observations += read_cell(series, cell);
    write_sample_name(out, family, series, "_bucket", cell < CELL_INF ? buckets[cell].le : "+Inf");
    fprintf(out, "%" PRId64 "\n", observations);
  }
  int64_t sum_us = read_cell(series, CELL_SUM);
  write_sample_name(out, family, series, "_sum", NULL);
  fprintf(out, "%" PRId64 ".%06" PRId64 "\n", sum_us / 1000000, sum_us % 1000000);
  write_sample_name(out, family, series, "_count", NULL); /* counted above: equal to +Inf while others record */
  fprintf(out, "%" PRId64 "\n", observations);
}

static void write_family(FILE *out, const metrics_family *family) {
  static const char *const kind_names[] = {"counter", "gauge", "histogram"};
  fprintf(out, "# HELP %s ", family->name);
  write_escaped(out, family->help, false);
  fprintf(out, "\n# TYPE %s %s\n", family->name, kind_names[family->kind]);
  size_t count = published(&family->count);
  for (size_t i = 0; i < count; i++) {
    const metrics_series *series = family->series[i];
    if (family->kind == METRICS_HISTOGRAM) {
      write_histogram(out, family, series);
    } else {
      write_sample_name(out, family, series, "", NULL);
      fprintf(out, "%" PRId64 "\n", read_cell(series, 0));
    }
  }
}

char *metrics_write_text(metrics_registry *registry, size_t *length) {
  for (size_t i = 0; i < published(&registry->collector_count); i++) {
    registry->collectors[i].collect(registry->collectors[i].arg);
  }
  char *text = NULL;
  FILE *out = open_memstream(&text, length);
  if (out == NULL) return NULL;
  for (size_t i = 0; i < published(&registry->family_count); i++) write_family(out, registry->families[i]);
  process_metrics_write(out);
  bool failed = ferror(out) != 0;
  if (fclose(out) != 0 || failed) {
    free(text);
    return NULL;
  }
  return text;
}
