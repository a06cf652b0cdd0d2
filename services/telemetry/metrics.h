/* Counters, gauges and histograms in Prometheus' model, written out as text. Registering is done at start-up; recording
 * is lock-free, from any thread. Names and labels as Prometheus advises: base units, _total on counters. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "telemetry/trace.h"

typedef struct metrics_registry metrics_registry;
typedef struct metrics_family metrics_family; /* one name, one set of label names */
typedef struct metrics_series metrics_series; /* one family with one set of label values */

enum { METRICS_LABELS_MAX = 4 };

typedef enum metrics_kind { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM } metrics_kind;

/* What could not be made is NULL, and every function below takes a NULL registry, family or series (metrics_write_text
 * excepted) and then does nothing: a caller without metrics needs no branches.
 *
 * NULL without memory. At most 128 families and 32 collectors. Process metrics (process_cpu_seconds_total,
 * process_resident_memory_bytes, process_open_fds, process_start_time_seconds, …) are part of every registry. */
metrics_registry *metrics_registry_create(void);

/* Ends its families and series too; nobody may be recording. NULL is ignored. */
void metrics_registry_destroy(metrics_registry *registry);

/* Defines a family, or returns the one defined under that name (kind and labels must be the same). label_names: up to
 * METRICS_LABELS_MAX, ended by NULL; NULL for none. name, help and label names are literals; a counter's name ends in
 * _total. Histograms count seconds, in buckets from 50 µs to 30 s. A family without labels shows as 0 from here on.
 * From any thread. */
metrics_family *metrics_define(metrics_registry *registry, metrics_kind kind, const char *name, const char *help,
                               const char *const *label_names);

/* The series with these label values (as many as names; copied; NULL counts as ""), made where it is new. label_values
 * may be NULL where the family has no labels. A family holds at most 256 series: past that the last one, whose values
 * are all "other", is returned, so cardinality is bounded. Finding one that exists takes no lock; where the path is
 * hot, keep what was found. From any thread. */
metrics_series *metrics_series_get(metrics_family *family, const char *const *label_values);

/* A counter goes up by count (>= 0). */
void metrics_add(metrics_series *series, int64_t count);

/* A gauge is set, or moved with metrics_add (either way). */
void metrics_set(metrics_series *series, int64_t value);

/* A histogram takes one observation; one below 0 counts as 0. */
void metrics_observe_us(metrics_series *series, int64_t microseconds);

/* The same, and where the trace is sampled it may become the exemplar of its bucket: the one that a chart links to. */
void metrics_observe_traced_us(metrics_series *series, int64_t microseconds, const trace_context *trace);

/* For tests and health: the value of a counter or gauge; the number of observations of a histogram. */
int64_t metrics_value(const metrics_series *series);

/* Called at each scrape before the text is written, to set gauges that are read elsewhere (queue lengths, stock).
 * May take locks but not block on I/O. Two scrapes may run at once, each on its own thread. */
typedef void (*metrics_collect_fn)(void *arg);
void metrics_on_scrape(metrics_registry *registry, metrics_collect_fn collect, void *arg);

/* Prometheus text (version 0.0.4), or OpenMetrics 1.0, which also has exemplars. */
typedef enum metrics_format { METRICS_FORMAT_TEXT, METRICS_FORMAT_OPENMETRICS } metrics_format;

/* The registry for a scrape: malloc'd, the caller's to free; *length excludes the final NUL. NULL without memory. From
 * any thread. */
char *metrics_write(metrics_registry *registry, metrics_format format, size_t *length);
char *metrics_write_text(metrics_registry *registry, size_t *length); /* METRICS_FORMAT_TEXT */

/* What the HTTP answer calls it. */
const char *metrics_content_type(metrics_format format);

#define METRICS_TEXT_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
