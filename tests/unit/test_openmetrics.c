/* The OpenMetrics form of the registry, and its exemplars. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "telemetry/metrics.h"

static int setup(void **state) {
  *state = metrics_registry_create();
  return *state == NULL ? -1 : 0;
}

static int teardown(void **state) {
  metrics_registry_destroy(*state);
  return 0;
}

static trace_context traced(uint8_t first, bool sampled) {
  return (trace_context){.trace_id = {first, [15] = 1}, .span_id = {1}, .sampled = sampled};
}

static char *write_open(metrics_registry *registry) {
  size_t length;
  char *text = metrics_write(registry, METRICS_FORMAT_OPENMETRICS, &length);
  assert_non_null(text);
  assert_int_equal(strlen(text), length);
  return text;
}

static void counters_family_has_no_suffix_and_its_samples_have_one(void **state) {
  metrics_family *family = metrics_define(*state, METRICS_COUNTER, "calls_total", "Calls that \"were\" made.", NULL);
  metrics_add(metrics_series_get(family, NULL), 3);
  char *text = write_open(*state);
  assert_non_null(strstr(text, "# HELP calls Calls that \\\"were\\\" made.\n# TYPE calls counter\ncalls_total 3\n"));
  assert_non_null(strstr(text, "# TYPE process_cpu_seconds counter\nprocess_cpu_seconds_total "));
  free(text);
}

static void text_ends_with_eof_and_once(void **state) {
  char *text = write_open(*state);
  const char *mark = strstr(text, "# EOF\n");
  assert_non_null(mark);
  assert_string_equal(mark, "# EOF\n");
  free(text);
}

static void bucket_shows_a_sampled_trace_with_its_value(void **state) {
  metrics_family *family = metrics_define(*state, METRICS_HISTOGRAM, "call_duration_seconds", "Duration.", NULL);
  metrics_series *series = metrics_series_get(family, NULL);
  trace_context sampled = traced(0xab, true), unsampled = traced(0xcd, false);
  metrics_observe_traced_us(series, 1800000, &sampled);
  metrics_observe_traced_us(series, 120, &unsampled);
  metrics_observe_us(series, 700);
  char *text = write_open(*state);
  const char *bucket = strstr(text, "call_duration_seconds_bucket{le=\"2.0\"} 3 # {trace_id=\"ab");
  assert_non_null(bucket);
  char trace_id[64];
  double value, seconds;
  assert_int_equal(sscanf(strchr(bucket, '#'), "# {trace_id=\"%32[0-9a-f]\"} %lf %lf\n", trace_id, &value, &seconds),
                   3);
  assert_string_equal(trace_id, "ab000000000000000000000000000001");
  assert_true(value > 1.7999 && value < 1.8001 && seconds > 1.5e9);
  assert_null(strstr(text, "trace_id=\"cd"));
  assert_ptr_equal(strstr(text, "# {"), strchr(bucket, '#')); /* the only one */
  free(text);
}

static void plain_text_has_no_exemplars_and_the_same_samples(void **state) {
  metrics_family *family = metrics_define(*state, METRICS_HISTOGRAM, "call_duration_seconds", "Duration.", NULL);
  trace_context sampled = traced(0xab, true);
  metrics_observe_traced_us(metrics_series_get(family, NULL), 1800000, &sampled);
  size_t length;
  char *text = metrics_write(*state, METRICS_FORMAT_TEXT, &length);
  assert_null(strstr(text, "trace_id"));
  assert_null(strstr(text, "# EOF"));
  assert_non_null(strstr(text, "call_duration_seconds_bucket{le=\"2.0\"} 1\n"));
  assert_non_null(strstr(text, "# TYPE process_cpu_seconds_total counter\n"));
  free(text);
}

enum { THREADS = 4, OBSERVATIONS = 20000 };

static void *observe_many(void *arg) {
  trace_context sampled = traced(0xab, true);
  for (int i = 0; i < OBSERVATIONS; i++) metrics_observe_traced_us(arg, 10, &sampled);
  return NULL;
}

static void nothing_is_lost_while_exemplars_are_kept_and_read(void **state) {
  metrics_family *family = metrics_define(*state, METRICS_HISTOGRAM, "call_duration_seconds", "Duration.", NULL);
  metrics_series *series = metrics_series_get(family, NULL);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, observe_many, series), 0);
  for (int i = 0; i < 20; i++) free(write_open(*state));
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  assert_int_equal(metrics_value(series), THREADS * OBSERVATIONS);
}

#define registry_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      registry_test(counters_family_has_no_suffix_and_its_samples_have_one),
      registry_test(text_ends_with_eof_and_once),
      registry_test(bucket_shows_a_sampled_trace_with_its_value),
      registry_test(plain_text_has_no_exemplars_and_the_same_samples),
      registry_test(nothing_is_lost_while_exemplars_are_kept_and_read),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
