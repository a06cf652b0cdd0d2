/* The registry as text for a scrape, see metrics.h: Prometheus' format and OpenMetrics, which differ in little. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry/metrics_parts.h"
#include "telemetry/process_metrics.h"
#include "telemetry/utf8.h"

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

static void write_seconds(FILE *out, int64_t microseconds) {
  fprintf(out, "%" PRId64 ".%06" PRId64, microseconds / 1000000, microseconds % 1000000);
}

/* OpenMetrics: " # {trace_id="…"} value time". */
static void write_exemplar(FILE *out, metrics_exemplar *exemplar) {
  char trace_id[32];
  if (atomic_flag_test_and_set_explicit(&exemplar->busy, memory_order_acquire)) return;
  int64_t unix_ms = atomic_load_explicit(&exemplar->unix_ms, memory_order_relaxed), value_us = exemplar->value_us;
  trace_format_id(trace_id, exemplar->trace_id, sizeof exemplar->trace_id);
  atomic_flag_clear_explicit(&exemplar->busy, memory_order_release);
  if (unix_ms == 0) return;
  fprintf(out, " # {trace_id=\"%.*s\"} ", (int)sizeof trace_id, trace_id);
  write_seconds(out, value_us);
  fprintf(out, " %" PRId64 ".%03" PRId64, unix_ms / 1000, unix_ms % 1000);
}

static void write_histogram(FILE *out, metrics_format format, const metrics_family *family,
                            const metrics_series *series) {
  int64_t observations = 0;
  for (size_t cell = 0; cell <= METRICS_CELL_INF; cell++) {
    observations += metrics_read_cell(series, cell);
    write_sample_name(out, family, series, "_bucket", cell < METRICS_CELL_INF ? metrics_buckets[cell].le : "+Inf");
    fprintf(out, "%" PRId64, observations);
    if (format == METRICS_FORMAT_OPENMETRICS) write_exemplar(out, &series->exemplars[cell]);
    fputc('\n', out);
  }
  write_sample_name(out, family, series, "_sum", NULL);
  write_seconds(out, metrics_read_cell(series, METRICS_CELL_SUM));
  fputc('\n', out);
  write_sample_name(out, family, series, "_count", NULL); /* counted above: equal to +Inf while others record */
  fprintf(out, "%" PRId64 "\n", observations);
}

/* In OpenMetrics the family of a counter is named without the _total of its samples. */
void metrics_write_header(FILE *out, metrics_format format, const char *name, const char *type, const char *help) {
  static const char suffix[] = "_total";
  int length = (int)strlen(name), cut = (int)strlen(suffix);
  bool is_counter = strcmp(type, "counter") == 0 && length > cut && strcmp(name + length - cut, suffix) == 0;
  if (format == METRICS_FORMAT_OPENMETRICS && is_counter) length -= cut;
  fprintf(out, "# HELP %.*s ", length, name);
  write_escaped(out, help, format == METRICS_FORMAT_OPENMETRICS);
  fprintf(out, "\n# TYPE %.*s %s\n", length, name, type);
}

static void write_family(FILE *out, metrics_format format, const metrics_family *family) {
  static const char *const kind_names[] = {"counter", "gauge", "histogram"};
  metrics_write_header(out, format, family->name, kind_names[family->kind], family->help);
  size_t count = metrics_published(&family->count);
  for (size_t i = 0; i < count; i++) {
    const metrics_series *series = family->series[i];
    if (family->kind == METRICS_HISTOGRAM) {
      write_histogram(out, format, family, series);
    } else {
      write_sample_name(out, family, series, "", NULL);
      fprintf(out, "%" PRId64 "\n", metrics_read_cell(series, 0));
    }
  }
}

char *metrics_write(metrics_registry *registry, metrics_format format, size_t *length) {
  for (size_t i = 0; i < metrics_published(&registry->collector_count); i++) {
    registry->collectors[i].collect(registry->collectors[i].arg);
  }
  char *text = NULL;
  FILE *out = open_memstream(&text, length);
  if (out == NULL) return NULL;
  for (size_t i = 0; i < metrics_published(&registry->family_count); i++) {
    write_family(out, format, registry->families[i]);
  }
  process_metrics_write(out, format);
  if (format == METRICS_FORMAT_OPENMETRICS) fputs("# EOF\n", out);
  bool failed = ferror(out) != 0;
  if (fclose(out) != 0 || failed) {
    free(text);
    return NULL;
  }
  return text;
}

char *metrics_write_text(metrics_registry *registry, size_t *length) {
  return metrics_write(registry, METRICS_FORMAT_TEXT, length);
}

const char *metrics_content_type(metrics_format format) {
  return format == METRICS_FORMAT_OPENMETRICS ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                              : METRICS_TEXT_CONTENT_TYPE;
}
