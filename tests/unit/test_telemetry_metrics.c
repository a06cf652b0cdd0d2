/* Metrics as a scraper sees them: the text is parsed strictly (exposition format 0.0.4) before anything is asserted. */
#include <ctype.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "telemetry/metrics.h"

/* ---- a strict reader of the text ---- */

enum { SAMPLES_MAX = 8192 };

typedef struct sample {
  char key[512]; /* name{labels}, as in the text */
  char value[32];
} sample;

typedef struct scrape {
  size_t count;
  size_t families;
  sample samples[SAMPLES_MAX];
} scrape;

static bool is_name(const char *text, size_t length) {
  for (size_t i = 0; i < length; i++) {
    if (!isalpha((unsigned char)text[i]) && text[i] != '_' && (i == 0 || !isdigit((unsigned char)text[i])))
      return false;
  }
  return length > 0;
}

/* Goes past {a="b",c="d"}, where there is one. Quotes, backslashes and newlines in values must be escaped. */
static const char *skip_labels(const char *at) {
  if (*at != '{') return at;
  do {
    const char *name = ++at;
    at += strcspn(at, "=");
    assert_true(is_name(name, (size_t)(at - name)));
    assert_memory_equal(at, "=\"", 2);
    for (at += 2; *at != '"'; at++) {
      assert_true(*at != '\0' && *at != '\n');
      if (*at == '\\') assert_non_null(memchr("\\\"n", *++at, 3));
    }
    at++;
  } while (*at == ',');
  assert_int_equal(*at, '}');
  return at + 1;
}

/* Reads "# HELP name text" and "# TYPE name kind", which must open each family; returns what follows. */
static const char *read_head(const char *at, char name[128], char kind[16]) {
  char same_name[128];
  int end = 0;
  assert_int_equal(sscanf(at, "# HELP %127s %*[^\n]%n", name, &end), 1);
  at += end;
  assert_int_equal(*at++, '\n');
  end = 0;
  assert_int_equal(sscanf(at, "# TYPE %127s %15s%n", same_name, kind, &end), 2);
  assert_string_equal(name, same_name);
  assert_true(strcmp(kind, "counter") == 0 || strcmp(kind, "gauge") == 0 || strcmp(kind, "histogram") == 0);
  at += end;
  assert_int_equal(*at++, '\n');
  return at;
}

static const char *read_sample(const char *at, const char *family, const char *kind, sample *out) {
  const char *labels = at + strcspn(at, "{ ");
  assert_true(is_name(at, (size_t)(labels - at)));
  assert_memory_equal(at, family, strlen(family));
  size_t suffix_length = (size_t)(labels - at) - strlen(family);
  const char *suffix = at + strlen(family);
  if (strcmp(kind, "histogram") != 0) {
    assert_int_equal(suffix_length, 0);
  } else {
    assert_true((suffix_length == 7 && memcmp(suffix, "_bucket", 7) == 0) ||
                (suffix_length == 4 && memcmp(suffix, "_sum", 4) == 0) ||
                (suffix_length == 6 && memcmp(suffix, "_count", 6) == 0));
  }
  const char *value = skip_labels(labels);
  assert_int_equal(*value, ' ');
  snprintf(out->key, sizeof out->key, "%.*s", (int)(value - at), at);
  value++;
  size_t length = strcspn(value, "\n");
  char *end = NULL;
  snprintf(out->value, sizeof out->value, "%.*s", (int)length, value);
  strtod(out->value, &end);
  assert_true(length > 0 && length < sizeof out->value && *end == '\0');
  assert_int_equal(value[length], '\n');
  return value + length + 1;
}

static scrape *parse_text(const char *at) {
  scrape *result = calloc(1, sizeof *result);
  char(*names)[128] = calloc(128, sizeof *names);
  char kind[16] = "";
  assert_non_null(result);
  assert_non_null(names);
  while (*at != '\0') {
    if (*at == '#') {
      assert_true(result->families < 128);
      at = read_head(at, names[result->families], kind);
      for (size_t i = 0; i < result->families; i++) assert_string_not_equal(names[i], names[result->families]);
      result->families++;
    } else {
      sample *new = &result->samples[result->count];
      assert_true(result->families > 0 && result->count < SAMPLES_MAX);
      at = read_sample(at, names[result->families - 1], kind, new);
      for (size_t i = 0; i < result->count; i++) assert_string_not_equal(result->samples[i].key, new->key);
      result->count++;
    }
  }
  free(names);
  return result;
}

static scrape *scrape_registry(metrics_registry *registry) {
  size_t length = 0;
  char *text = metrics_write_text(registry, &length);
  assert_non_null(text);
  assert_int_equal(strlen(text), length);
  scrape *result = parse_text(text);
  free(text);
  return result;
}

static const char *value_of(const scrape *from, const char *key) {
  for (size_t i = 0; i < from->count; i++) {
    if (strcmp(from->samples[i].key, key) == 0) return from->samples[i].value;
  }
  fail_msg("no sample %s", key);
  return NULL;
}

static double number_of(const scrape *from, const char *key) {
  return strtod(value_of(from, key), NULL);
}

/* ---- the tests ---- */

static int setup(void **state) {
  *state = metrics_registry_create();
  return *state == NULL ? -1 : 0;
}

static int teardown(void **state) {
  metrics_registry_destroy(*state);
  return 0;
}

static const char *const method_and_code[] = {"method", "code", NULL};

static void counters_and_gauges_are_written_with_their_labels(void **state) {
  metrics_registry *registry = *state;
  metrics_family *calls = metrics_define(registry, METRICS_COUNTER, "calls_total", "Calls.", method_and_code);
  metrics_family *queue = metrics_define(registry, METRICS_GAUGE, "queue_length", "Waiting.", NULL);
  metrics_series *ok = metrics_series_get(calls, (const char *[]){"CreateOrder", "OK"});
  metrics_add(ok, 2);
  metrics_add(metrics_series_get(calls, (const char *[]){"CreateOrder", "OK"}), 3);
  metrics_add(metrics_series_get(calls, (const char *[]){"CreateOrder", NULL}), 1);
  metrics_set(metrics_series_get(queue, NULL), 7);
  metrics_add(metrics_series_get(queue, NULL), -10);

  scrape *seen = scrape_registry(registry);
  assert_string_equal(value_of(seen, "calls_total{method=\"CreateOrder\",code=\"OK\"}"), "5");
  assert_string_equal(value_of(seen, "calls_total{method=\"CreateOrder\",code=\"\"}"), "1");
  assert_string_equal(value_of(seen, "queue_length"), "-3");
  assert_int_equal(metrics_value(ok), 5);
  free(seen);
}

static void family_without_labels_shows_zero_from_the_start(void **state) {
  metrics_define(*state, METRICS_COUNTER, "orders_total", "Orders.", NULL);
  metrics_define(*state, METRICS_HISTOGRAM, "wait_seconds", "Waits.", NULL);
  scrape *seen = scrape_registry(*state);
  assert_string_equal(value_of(seen, "orders_total"), "0");
  assert_string_equal(value_of(seen, "wait_seconds_bucket{le=\"+Inf\"}"), "0");
  assert_string_equal(value_of(seen, "wait_seconds_sum"), "0.000000");
  free(seen);
}

static void defining_twice_gives_the_same_family(void **state) {
  metrics_family *first = metrics_define(*state, METRICS_COUNTER, "calls_total", "Calls.", method_and_code);
  assert_non_null(first);
  assert_ptr_equal(metrics_define(*state, METRICS_COUNTER, "calls_total", "Calls.", method_and_code), first);
}

static void label_values_and_help_are_escaped(void **state) {
  metrics_family *family =
      metrics_define(*state, METRICS_COUNTER, "odd_total", "Back\\slash, \"quote\"\nand newline.", method_and_code);
  metrics_add(metrics_series_get(family, (const char *[]){"a\"b\\c\nd", "é\xFF{},="}), 1);
  size_t length;
  char *text = metrics_write_text(*state, &length);
  assert_non_null(strstr(text, "# HELP odd_total Back\\\\slash, \"quote\"\\nand newline.\n"));
  scrape *seen = parse_text(text);
  assert_string_equal(value_of(seen, "odd_total{method=\"a\\\"b\\\\c\\nd\",code=\"é\uFFFD{},=\"}"), "1");
  free(seen);
  free(text);
}

static void label_values_are_told_apart_where_their_joined_text_is_equal(void **state) {
  metrics_family *family = metrics_define(*state, METRICS_COUNTER, "calls_total", "Calls.", method_and_code);
  metrics_series *one = metrics_series_get(family, (const char *[]){"ab", "c"});
  assert_ptr_not_equal(one, metrics_series_get(family, (const char *[]){"a", "bc"}));
  assert_ptr_equal(one, metrics_series_get(family, (const char *[]){"ab", "c"}));
}

/* The buckets of one series in the order of the text: bounds rise, counts never fall, the last is +Inf and equals
 * _count. Returns how many. */
static size_t check_buckets(const scrape *seen, const char *prefix, const char *count_key) {
  double last_bound = 0;
  double last_count = 0;
  size_t buckets = 0;
  for (size_t i = 0; i < seen->count; i++) {
    const sample *bucket = &seen->samples[i];
    if (strncmp(bucket->key, prefix, strlen(prefix)) != 0) continue;
    double bound = strtod(bucket->key + strlen(prefix), NULL);
    double count = strtod(bucket->value, NULL);
    assert_true(bound > last_bound && count >= last_count);
    last_bound = bound;
    last_count = count;
    buckets++;
  }
  assert_true(last_bound > 1e300); /* +Inf */
  assert_true(last_count == number_of(seen, count_key));
  return buckets;
}

static void histogram_counts_seconds_in_cumulative_buckets(void **state) {
  metrics_family *family =
      metrics_define(*state, METRICS_HISTOGRAM, "call_duration_seconds", "Duration.", (const char *[]){"method", NULL});
  metrics_series *get = metrics_series_get(family, (const char *[]){"Get"});
  metrics_series *list = metrics_series_get(family, (const char *[]){"List"});
  static const int64_t observed_us[] = {0, -5, 50, 51, 999, 1800000, 30000000, 30000001};
  for (size_t i = 0; i < sizeof observed_us / sizeof *observed_us; i++) metrics_observe_us(get, observed_us[i]);
  metrics_observe_us(list, 1);

  scrape *seen = scrape_registry(*state);
  static const struct {
    const char *le, *count;
  } cases[] = {{"5e-05", "3"}, {"0.0001", "4"}, {"0.0005", "4"}, {"0.001", "5"}, {"1.75", "5"},
               {"2.0", "6"},   {"10.0", "6"},   {"30.0", "7"},   {"+Inf", "8"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char key[128];
    snprintf(key, sizeof key, "call_duration_seconds_bucket{method=\"Get\",le=\"%s\"}", cases[i].le);
    assert_string_equal(value_of(seen, key), cases[i].count);
  }
  assert_string_equal(value_of(seen, "call_duration_seconds_sum{method=\"Get\"}"), "61.801101");
  assert_string_equal(value_of(seen, "call_duration_seconds_count{method=\"Get\"}"), "8");
  assert_string_equal(value_of(seen, "call_duration_seconds_count{method=\"List\"}"), "1");
  assert_true(check_buckets(seen, "call_duration_seconds_bucket{method=\"Get\",le=\"",
                            "call_duration_seconds_count{method=\"Get\"}") > 15);
  assert_int_equal(metrics_value(get), 8);
  free(seen);
}

static void series_past_the_bound_are_counted_as_other(void **state) {
  metrics_family *family = metrics_define(*state, METRICS_COUNTER, "calls_total", "Calls.", method_and_code);
  metrics_series *first = NULL;
  for (int i = 0; i < 1000; i++) {
    char method[16];
    snprintf(method, sizeof method, "m%d", i);
    metrics_series *series = metrics_series_get(family, (const char *[]){method, "OK"});
    metrics_add(series, 1);
    if (i == 0) first = series;
  }
  assert_ptr_equal(metrics_series_get(family, (const char *[]){"m0", "OK"}), first);

  scrape *seen = scrape_registry(*state);
  size_t series = 0;
  for (size_t i = 0; i < seen->count; i++) series += strncmp(seen->samples[i].key, "calls_total{", 12) == 0;
  assert_int_equal(series, 256);
  assert_string_equal(value_of(seen, "calls_total{method=\"m254\",code=\"OK\"}"), "1");
  assert_string_equal(value_of(seen, "calls_total{method=\"other\",code=\"other\"}"), "745");
  free(seen);
}

static void set_queue_length(void *arg) {
  metrics_set(arg, metrics_value(arg) + 1);
}

static void gauges_are_collected_at_each_scrape(void **state) {
  metrics_series *gauge =
      metrics_series_get(metrics_define(*state, METRICS_GAUGE, "queue_length", "Waiting.", NULL), NULL);
  metrics_on_scrape(*state, set_queue_length, gauge);
  for (int scraped = 1; scraped <= 2; scraped++) {
    scrape *seen = scrape_registry(*state);
    assert_true(number_of(seen, "queue_length") == scraped);
    free(seen);
  }
}

static void define_and_get_in_collector(void *arg) {
  metrics_family *family = metrics_define(arg, METRICS_GAUGE, "stock", "Stock.", (const char *[]){"product_id", NULL});
  metrics_set(metrics_series_get(family, (const char *[]){"LAPTOP-001"}), 50);
}

static void collector_may_define_and_look_up(void **state) {
  metrics_on_scrape(*state, define_and_get_in_collector, *state);
  scrape *seen = scrape_registry(*state);
  assert_string_equal(value_of(seen, "stock{product_id=\"LAPTOP-001\"}"), "50");
  free(seen);
}

static int count_open_fds(void) {
  int count = 0;
  for (int fd = 0; fd < 20000; fd++) count += fcntl(fd, F_GETFD) >= 0;
  return count;
}

static void process_is_described(void **state) {
  scrape *seen = scrape_registry(*state);
  double now = (double)time(NULL);
  double started = number_of(seen, "process_start_time_seconds");
  assert_true(started > now - 3600 && started < now + 5);
  assert_true(number_of(seen, "process_cpu_seconds_total") >= 0);
  assert_true(number_of(seen, "process_resident_memory_bytes") > 100e3);
  assert_true(number_of(seen, "process_virtual_memory_bytes") > number_of(seen, "process_resident_memory_bytes"));
  assert_true(number_of(seen, "process_threads") >= 1);
  assert_true(number_of(seen, "process_open_fds") == count_open_fds());
  assert_true(number_of(seen, "process_max_fds") == (double)sysconf(_SC_OPEN_MAX));
  free(seen);
}

static void null_is_taken_where_a_caller_has_no_metrics(void **state) {
  (void)state;
  metrics_family *family = metrics_define(NULL, METRICS_COUNTER, "calls_total", "Calls.", method_and_code);
  metrics_series *series = metrics_series_get(family, (const char *[]){"a", "b"});
  assert_null(series);
  metrics_add(series, 1);
  metrics_set(series, 1);
  metrics_observe_us(series, 1);
  metrics_on_scrape(NULL, set_queue_length, NULL);
  assert_int_equal(metrics_value(series), 0);
  metrics_registry_destroy(NULL);
}

enum { THREADS = 4, ROUNDS = 5000, METHODS = 40 };

static void *record(void *arg) {
  metrics_family *calls = metrics_define(arg, METRICS_COUNTER, "calls_total", "Calls.", method_and_code);
  metrics_family *times =
      metrics_define(arg, METRICS_HISTOGRAM, "call_duration_seconds", "Duration.", (const char *[]){"method", NULL});
  for (int i = 0; i < ROUNDS; i++) {
    char method[16];
    snprintf(method, sizeof method, "m%d", i % METHODS);
    metrics_add(metrics_series_get(calls, (const char *[]){method, "OK"}), 1);
    metrics_observe_us(metrics_series_get(times, (const char *[]){"Get"}), i * 100);
  }
  return NULL;
}

static void scrapes_are_whole_while_others_record_and_nothing_is_lost(void **state) {
  pthread_t threads[THREADS];
  metrics_define(*state, METRICS_HISTOGRAM, "call_duration_seconds", "Duration.", (const char *[]){"method", NULL});
  record(*state);
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, record, *state), 0);
  for (int i = 0; i < 20; i++) {
    scrape *seen = scrape_registry(*state);
    check_buckets(seen, "call_duration_seconds_bucket{method=\"Get\",le=\"",
                  "call_duration_seconds_count{method=\"Get\"}");
    free(seen);
  }
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);

  scrape *seen = scrape_registry(*state);
  double calls = 0;
  for (size_t i = 0; i < seen->count; i++) {
    if (strncmp(seen->samples[i].key, "calls_total{", 12) == 0) calls += strtod(seen->samples[i].value, NULL);
  }
  assert_true(calls == (THREADS + 1) * ROUNDS);
  assert_true(number_of(seen, "call_duration_seconds_count{method=\"Get\"}") == (THREADS + 1) * ROUNDS);
  free(seen);
}

static void *get_new_series(void *arg) {
  for (int i = 0; i < 400; i++) {
    char method[16];
    snprintf(method, sizeof method, "m%d", i);
    metrics_add(metrics_series_get(arg, (const char *[]){method, "OK"}), 1);
  }
  return NULL;
}

static void threads_that_race_for_new_series_share_them(void **state) {
  pthread_t threads[THREADS];
  metrics_family *family = metrics_define(*state, METRICS_COUNTER, "calls_total", "Calls.", method_and_code);
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, get_new_series, family), 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  scrape *seen = scrape_registry(*state); /* the reader refuses a series written twice */
  char count[16];
  snprintf(count, sizeof count, "%d", THREADS);
  assert_string_equal(value_of(seen, "calls_total{method=\"m0\",code=\"OK\"}"), count);
  snprintf(count, sizeof count, "%d", THREADS * (400 - 255));
  assert_string_equal(value_of(seen, "calls_total{method=\"other\",code=\"other\"}"), count);
  free(seen);
}

#define metrics_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      metrics_test(counters_and_gauges_are_written_with_their_labels),
      metrics_test(family_without_labels_shows_zero_from_the_start),
      metrics_test(defining_twice_gives_the_same_family),
      metrics_test(label_values_and_help_are_escaped),
      metrics_test(label_values_are_told_apart_where_their_joined_text_is_equal),
      metrics_test(histogram_counts_seconds_in_cumulative_buckets),
      metrics_test(series_past_the_bound_are_counted_as_other),
      metrics_test(gauges_are_collected_at_each_scrape),
      metrics_test(collector_may_define_and_look_up),
      metrics_test(process_is_described),
      metrics_test(scrapes_are_whole_while_others_record_and_nothing_is_lost),
      metrics_test(threads_that_race_for_new_series_share_them),
      cmocka_unit_test(null_is_taken_where_a_caller_has_no_metrics),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
