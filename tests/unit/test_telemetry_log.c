/* Log lines, each read back with a strict JSON parser. */
#include <jansson.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "telemetry/log.h"

typedef struct fixture {
  char path[64];
  log_sink *sink;
} fixture;

static int setup(void **state) {
  fixture *self = calloc(1, sizeof *self);
  strcpy(self->path, "/tmp/store-log-XXXXXX");
  int fd = mkstemp(self->path);
  if (fd < 0) return -1;
  close(fd);
  self->sink = log_open("order", self->path, LOG_INFO);
  *state = self;
  return self->sink == NULL ? -1 : 0;
}

static int teardown(void **state) {
  fixture *self = *state;
  log_close(self->sink);
  unlink(self->path);
  free(self);
  return 0;
}

/* The lines written so far as an array of objects; each line must be an object of its own that ends in a newline. */
static json_t *read_lines(const fixture *self) {
  json_t *lines = json_array();
  char *line = NULL;
  size_t capacity = 0;
  FILE *file = fopen(self->path, "r");
  assert_non_null(file);
  for (ssize_t length; (length = getline(&line, &capacity, file)) > 0;) {
    json_error_t error;
    assert_int_equal(line[length - 1], '\n');
    assert_true(length <= 4096);
    json_t *object = json_loadb(line, (size_t)length, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(object)) fail_msg("%s: %s", error.text, line);
    json_array_append_new(lines, object);
  }
  free(line);
  fclose(file);
  return lines;
}

static json_t *read_only_line(const fixture *self) {
  json_t *lines = read_lines(self);
  assert_int_equal(json_array_size(lines), 1);
  json_t *line = json_incref(json_array_get(lines, 0));
  json_decref(lines);
  return line;
}

static const char *text_of(const json_t *line, const char *key) {
  const char *text = json_string_value(json_object_get(line, key));
  if (text == NULL) fail_msg("no text %s", key);
  return text;
}

static void line_has_the_common_fields_and_those_given(void **state) {
  fixture *self = *state;
  log_at(self->sink, LOG_WARN, "payment declined", LOG_TEXT("order_id", "ORD-1"), LOG_NUMBER("attempt", -2),
         LOG_TEXT("reason", NULL), LOG_NUMBER("least", INT64_MIN));
  json_t *line = read_only_line(self);
  assert_string_equal(text_of(line, "level"), "warn");
  assert_string_equal(text_of(line, "service"), "order");
  assert_string_equal(text_of(line, "msg"), "payment declined");
  assert_string_equal(text_of(line, "order_id"), "ORD-1");
  assert_int_equal(json_integer_value(json_object_get(line, "attempt")), -2);
  assert_true(json_integer_value(json_object_get(line, "least")) == INT64_MIN);
  assert_true(json_is_null(json_object_get(line, "reason")));
  assert_null(json_object_get(line, "truncated"));
  json_decref(line);
}

static void timestamp_is_rfc_3339_in_utc_with_milliseconds(void **state) {
  fixture *self = *state;
  setenv("TZ", "America/New_York", 1);
  tzset();
  time_t before = time(NULL);
  log_write(self->sink, LOG_INFO, "now", NULL, 0);
  time_t after = time(NULL);
  json_t *line = read_only_line(self);
  struct tm utc = {0};
  const char *ts = text_of(line, "ts");
  const char *rest = strptime(ts, "%Y-%m-%dT%H:%M:%S", &utc);
  int milliseconds = -1;
  int end = 0;
  assert_int_equal(strlen(ts), strlen("2026-11-24T10:00:00.000Z"));
  assert_non_null(rest);
  assert_int_equal(sscanf(rest, ".%3dZ%n", &milliseconds, &end), 1);
  assert_int_equal(end, 5);
  assert_in_range(milliseconds, 0, 999);
  assert_true(timegm(&utc) >= before && timegm(&utc) <= after);
  json_decref(line);
}

static void lines_below_the_lowest_level_are_not_written(void **state) {
  fixture *self = *state;
  log_write(self->sink, LOG_DEBUG, "debug", NULL, 0);
  log_write(self->sink, LOG_INFO, "info", NULL, 0);
  log_write(self->sink, LOG_ERROR, "error", NULL, 0);
  json_t *lines = read_lines(self);
  assert_int_equal(json_array_size(lines), 2);
  assert_string_equal(text_of(json_array_get(lines, 0), "level"), "info");
  assert_string_equal(text_of(json_array_get(lines, 1), "level"), "error");
  json_decref(lines);
}

static void every_ascii_character_survives(void **state) {
  fixture *self = *state;
  char all[128];
  for (int i = 1; i < 128; i++) all[i - 1] = (char)i;
  all[127] = '\0';
  log_at(self->sink, LOG_INFO, all, LOG_TEXT(all, all));
  json_t *line = read_only_line(self);
  assert_string_equal(text_of(line, "msg"), all);
  assert_string_equal(text_of(line, all), all);
  json_decref(line);
}

static void invalid_utf8_becomes_the_replacement_character(void **state) {
  fixture *self = *state;
  static const struct {
    const char *given, *written;
  } cases[] = {
      {"é € 😀 \xF4\x8F\xBF\xBF", "é € 😀 \xF4\x8F\xBF\xBF"},
      {"a\x80z", "a\uFFFDz"},
      {"\xC3", "\uFFFD"},                               /* cut short */
      {"\xC3(", "\uFFFD("},                             /* no continuation */
      {"\xE2\x82", "\uFFFD\uFFFD"},                     /* cut short */
      {"\xC0\xAF", "\uFFFD\uFFFD"},                     /* overlong */
      {"\xE0\x80\xAF", "\uFFFD\uFFFD\uFFFD"},           /* overlong */
      {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},           /* surrogate */
      {"\xF0\x8F\xBF\xBF", "\uFFFD\uFFFD\uFFFD\uFFFD"}, /* overlong */
      {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"}, /* above U+10FFFF */
      {"\xF0\x9F\x98", "\uFFFD\uFFFD\uFFFD"},           /* cut short */
      {"\xFF\"", "\uFFFD\""},
  };
  enum { CASES = sizeof cases / sizeof *cases };
  for (size_t i = 0; i < CASES; i++) log_write(self->sink, LOG_INFO, cases[i].given, NULL, 0);
  json_t *lines = read_lines(self);
  assert_int_equal(json_array_size(lines), CASES);
  for (size_t i = 0; i < CASES; i++) {
    assert_string_equal(text_of(json_array_get(lines, i), "msg"), cases[i].written);
  }
  json_decref(lines);
}

static void long_value_is_cut_and_the_fields_after_it_remain(void **state) {
  fixture *self = *state;
  char huge[20000];
  for (size_t shift = 0; shift < 3; shift++) { /* a cut at each place within a character of three bytes */
    memset(huge, 'x', sizeof huge);
    for (size_t i = shift; i + 3 < sizeof huge; i += 3) memcpy(huge + i, "€", 3);
    huge[sizeof huge - 1] = '\0';
    log_at(self->sink, LOG_INFO, huge, LOG_TEXT("order_id", "ORD-1"));
  }
  json_t *lines = read_lines(self);
  assert_int_equal(json_array_size(lines), 3);
  for (size_t i = 0; i < 3; i++) {
    json_t *line = json_array_get(lines, i);
    size_t length = strlen(text_of(line, "msg"));
    assert_in_range(length, 1000, 1024);
    assert_memory_equal(text_of(line, "msg") + i, "€", 3);
    assert_string_equal(text_of(line, "order_id"), "ORD-1");
    assert_true(json_is_true(json_object_get(line, "truncated")));
  }
  json_decref(lines);
}

/* Lines that end at each byte near the bound, with escapes of every width at the edge. */
static void line_of_any_length_is_bounded_and_valid(void **state) {
  fixture *self = *state;
  static const char *const units[] = {"x", "\"", "\x01", "é", "😀", "\xFF"};
  enum { LENGTHS = 64, UNITS = sizeof units / sizeof *units };
  char filler[1024];
  char edge[1025];
  for (size_t unit = 0; unit < UNITS; unit++) {
    edge[0] = '\0';
    while (strlen(edge) < 512) strcat(edge, units[unit]);
    for (size_t i = 0; i < LENGTHS; i++) {
      memset(filler, 'f', sizeof filler);
      filler[700 + i] = '\0';
      log_at(self->sink, LOG_INFO, filler, LOG_TEXT("a", filler), LOG_TEXT("b", filler), LOG_TEXT("c", filler),
             LOG_TEXT("d", filler), LOG_TEXT("edge", edge), LOG_NUMBER("n", 12345), LOG_TEXT("z", "z"));
    }
  }
  json_t *lines = read_lines(self);
  assert_int_equal(json_array_size(lines), UNITS * LENGTHS);
  for (size_t i = 0; i < UNITS * LENGTHS; i++) {
    assert_non_null(json_object_get(json_array_get(lines, i), "d"));
    assert_true(json_is_true(json_object_get(json_array_get(lines, i), "truncated")));
  }
  json_decref(lines);
}

static void null_sink_takes_anything(void **state) {
  (void)state;
  log_at(NULL, LOG_ERROR, "nobody hears", LOG_TEXT("a", "b"));
  log_close(NULL);
}

static void sink_appends_to_what_is_there(void **state) {
  fixture *self = *state;
  log_write(self->sink, LOG_INFO, "first", NULL, 0);
  log_close(self->sink);
  self->sink = log_open("order", self->path, LOG_DEBUG);
  assert_non_null(self->sink);
  log_write(self->sink, LOG_DEBUG, "second", NULL, 0);
  json_t *lines = read_lines(self);
  assert_int_equal(json_array_size(lines), 2);
  json_decref(lines);
  assert_null(log_open("order", "/nowhere/at/all.log", LOG_DEBUG));
}

enum { THREADS = 4, LINES = 500 };

static void *write_lines(void *arg) {
  for (int i = 0; i < LINES; i++) log_at(arg, LOG_INFO, "concurrent", LOG_NUMBER("i", i));
  return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state) {
  fixture *self = *state;
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, write_lines, self->sink), 0);
  for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  json_t *lines = read_lines(self);
  assert_int_equal(json_array_size(lines), THREADS * LINES);
  json_decref(lines);
}

#define log_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      log_test(line_has_the_common_fields_and_those_given),
      log_test(timestamp_is_rfc_3339_in_utc_with_milliseconds),
      log_test(lines_below_the_lowest_level_are_not_written),
      log_test(every_ascii_character_survives),
      log_test(invalid_utf8_becomes_the_replacement_character),
      log_test(long_value_is_cut_and_the_fields_after_it_remain),
      log_test(line_of_any_length_is_bounded_and_valid),
      log_test(sink_appends_to_what_is_there),
      log_test(lines_of_several_threads_do_not_mix),
      cmocka_unit_test(null_sink_takes_anything),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
