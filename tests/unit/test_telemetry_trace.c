/* Trace contexts as they travel, and spans read back from the recorder. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "telemetry/trace.h"

#define TRACE_ID "4bf92f3577b34da6a3ce929d0e0e4736"
#define SPAN_ID "00f067aa0ba902b7"

static void valid_traceparent_is_read(void **state) {
  (void)state;
  static const struct {
    const char *traceparent;
    bool sampled;
  } cases[] = {
      {"00-" TRACE_ID "-" SPAN_ID "-01", true},
      {"00-" TRACE_ID "-" SPAN_ID "-00", false},
      {"00-" TRACE_ID "-" SPAN_ID "-03", true}, /* flags not known yet are ignored */
      {"00-" TRACE_ID "-" SPAN_ID "-fe", false},
      {"01-" TRACE_ID "-" SPAN_ID "-01", true},
      {"cc-" TRACE_ID "-" SPAN_ID "-01-what-the-future-brings", true},
      {"fe-" TRACE_ID "-" SPAN_ID "-01-", true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trace_context context;
    char formatted[TRACE_PARENT_SIZE];
    assert_true(trace_context_parse(cases[i].traceparent, &context));
    assert_int_equal(context.sampled, cases[i].sampled);
    trace_context_format(&context, formatted);
    assert_string_equal(formatted,
                        cases[i].sampled ? "00-" TRACE_ID "-" SPAN_ID "-01" : "00-" TRACE_ID "-" SPAN_ID "-00");
  }
}

static void invalid_traceparent_is_refused_and_leaves_context_alone(void **state) {
  (void)state;
  static const char *const cases[] = {
      "",
      "00",
      "ff-" TRACE_ID "-" SPAN_ID "-01",
      "0g-" TRACE_ID "-" SPAN_ID "-01",
      "00-" TRACE_ID "-" SPAN_ID "-0",
      "00-" TRACE_ID "-" SPAN_ID "-01-",
      "00-" TRACE_ID "-" SPAN_ID "-01 ",
      "00-" TRACE_ID "-" SPAN_ID "-012",
      "01-" TRACE_ID "-" SPAN_ID "-012",
      "00-" TRACE_ID "-" SPAN_ID "-0x",
      "00_" TRACE_ID "-" SPAN_ID "-01",
      "00-" TRACE_ID "_" SPAN_ID "-01",
      "00-" TRACE_ID "-" SPAN_ID "_01",
      "00-4BF92F3577B34DA6A3CE929D0E0E4736-" SPAN_ID "-01",
      "00-" TRACE_ID "-00F067AA0BA902B7-01",
      "00-" TRACE_ID "-" SPAN_ID "-0A",
      "00-00000000000000000000000000000000-" SPAN_ID "-01",
      "00-" TRACE_ID "-0000000000000000-01",
      " 0-" TRACE_ID "-" SPAN_ID "-01",
  };
  trace_context context = {.trace_id = {7}, .span_id = {8}, .sampled = true};
  trace_context before = context;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    if (trace_context_parse(cases[i], &context)) fail_msg("accepted: %s", cases[i]);
    assert_memory_equal(context.trace_id, before.trace_id, sizeof before.trace_id);
  }
  assert_false(trace_context_parse(NULL, &context));
}

static void every_prefix_of_a_valid_traceparent_is_refused(void **state) {
  (void)state;
  static const char valid[] = "00-" TRACE_ID "-" SPAN_ID "-01";
  for (size_t length = 0; length < sizeof valid - 1; length++) {
    char *prefix = strndup(valid, length); /* its own memory: a read past it is seen */
    trace_context context;
    assert_non_null(prefix);
    assert_false(trace_context_parse(prefix, &context));
    free(prefix);
  }
}

static void assert_not_zero(const uint8_t *bytes, size_t size) {
  uint8_t any = 0;
  for (size_t i = 0; i < size; i++) any |= bytes[i];
  assert_int_not_equal(any, 0);
}

static void check_span_starts(trace_recorder *recorder) {
  static const trace_context no_trace;
  trace_span root = trace_span_start(recorder, "root", TRACE_SERVER, NULL);
  trace_span child = trace_span_start(recorder, "child", TRACE_CLIENT, &root.context);
  trace_span other = trace_span_start(recorder, "other", TRACE_INTERNAL, &no_trace);

  assert_not_zero(root.context.trace_id, 16);
  assert_not_zero(root.context.span_id, 8);
  assert_true(root.context.sampled);
  assert_memory_equal(root.parent_id, no_trace.span_id, 8);

  assert_memory_equal(child.context.trace_id, root.context.trace_id, 16);
  assert_memory_equal(child.parent_id, root.context.span_id, 8);
  assert_memory_not_equal(child.context.span_id, root.context.span_id, 8);

  assert_memory_not_equal(other.context.trace_id, root.context.trace_id, 16);
  assert_memory_equal(other.parent_id, no_trace.span_id, 8);

  root.context.sampled = false;
  assert_false(trace_span_start(recorder, "child", TRACE_CLIENT, &root.context).context.sampled);
  trace_span_end(recorder, &child, 0, "c", NULL);
}

static void span_continues_its_parents_trace_or_starts_one(void **state) {
  (void)state;
  trace_recorder *recorder = trace_recorder_create("order", 8);
  check_span_starts(recorder);
  trace_recorder_destroy(recorder);
}

static void context_is_made_without_a_recorder(void **state) {
  (void)state;
  check_span_starts(NULL);
}

static void spans_are_read_back_by_correlation_id_oldest_start_first(void **state) {
  (void)state;
  trace_recorder *recorder = trace_recorder_create("order", 8);
  trace_span outer = trace_span_start(recorder, "CreateOrder", TRACE_SERVER, NULL);
  trace_span stranger = trace_span_start(recorder, "GetOrder", TRACE_SERVER, NULL);
  trace_span inner = trace_span_start(recorder, "ProcessPayment", TRACE_CLIENT, &outer.context);
  inner.start_unix_ns = outer.start_unix_ns + 1; /* the clock may not have moved */
  trace_span_end(recorder, &inner, 9, "corr-1", "PAYMENT_DECLINED");
  trace_span_end(recorder, &stranger, 0, "corr-2", NULL);
  trace_span_end(recorder, &outer, 0, "corr-1", NULL);

  trace_record found[4];
  assert_int_equal(trace_recorder_find(recorder, "corr-1", found, 4), 2);
  assert_string_equal(found[0].name, "CreateOrder");
  assert_string_equal(found[0].service, "order");
  assert_string_equal(found[0].detail, "");
  assert_int_equal(found[0].kind, TRACE_SERVER);
  assert_int_equal(found[0].start_unix_ns, outer.start_unix_ns);
  assert_string_equal(found[1].name, "ProcessPayment");
  assert_string_equal(found[1].correlation_id, "corr-1");
  assert_string_equal(found[1].detail, "PAYMENT_DECLINED");
  assert_int_equal(found[1].code, 9);
  assert_memory_equal(found[1].parent_id, found[0].span_id, 8);
  assert_memory_equal(found[1].trace_id, found[0].trace_id, 16);
  assert_true(found[1].duration_ns >= 0 && found[0].duration_ns >= found[1].duration_ns);

  assert_int_equal(trace_recorder_find(recorder, "corr-3", found, 4), 0);
  trace_recorder_destroy(recorder);
}

static void spans_without_correlation_id_are_not_found_by_an_empty_one(void **state) {
  (void)state;
  trace_recorder *recorder = trace_recorder_create("order", 2);
  trace_span span = trace_span_start(recorder, "x", TRACE_INTERNAL, NULL);
  trace_record found[2];
  trace_span_end(recorder, &span, 0, NULL, NULL);
  assert_int_equal(trace_recorder_find(recorder, "", found, 2), 0);
  assert_int_equal(trace_recorder_find(recorder, NULL, found, 2), 0);
  trace_recorder_destroy(recorder);
}

static void full_ring_forgets_the_oldest_and_find_prefers_the_newest(void **state) {
  (void)state;
  static const char *const names[] = {"a", "b", "c", "d", "e"};
  trace_recorder *recorder = trace_recorder_create("order", 3);
  for (int i = 0; i < 5; i++) {
    trace_span span = trace_span_start(recorder, names[i], TRACE_INTERNAL, NULL);
    span.start_unix_ns = i;
    trace_span_end(recorder, &span, 0, "same", NULL);
  }
  trace_record found[5];
  assert_int_equal(trace_recorder_find(recorder, "same", found, 5), 3);
  assert_string_equal(found[0].name, "c");
  assert_string_equal(found[2].name, "e");
  assert_int_equal(trace_recorder_find(recorder, "same", found, 2), 2);
  assert_string_equal(found[0].name, "d");
  assert_string_equal(found[1].name, "e");
  assert_int_equal(trace_recorder_find(recorder, "same", NULL, 0), 0);
  trace_recorder_destroy(recorder);
}

static void long_texts_are_cut_between_characters_and_still_found(void **state) {
  (void)state;
  trace_recorder *recorder = trace_recorder_create("order", 2);
  trace_span span = trace_span_start(recorder, "x", TRACE_INTERNAL, NULL);
  char id[100];
  char detail[100];
  memset(id, 'i', sizeof id);
  id[99] = '\0';
  memset(detail, 'd', sizeof detail);
  strcpy(detail + 62, "é and more"); /* bytes 62 and 63: only one of them would fit */
  trace_span_end(recorder, &span, 0, id, detail);

  trace_record found;
  assert_int_equal(trace_recorder_find(recorder, id, &found, 1), 1);
  assert_int_equal(strlen(found.correlation_id), TRACE_TEXT_SIZE - 1);
  assert_int_equal(strlen(found.detail), 62);
  assert_memory_equal(found.detail, detail, 62);
  trace_recorder_destroy(recorder);
}

enum { THREADS = 4, SPANS = 2000 };

typedef struct worker {
  trace_recorder *recorder;
  pthread_t thread;
  uint64_t ids[SPANS];
} worker;

static void *record_spans(void *arg) {
  worker *self = arg;
  for (int i = 0; i < SPANS; i++) {
    trace_span span = trace_span_start(self->recorder, "work", TRACE_INTERNAL, NULL);
    memcpy(&self->ids[i], span.context.span_id, sizeof self->ids[i]);
    trace_span_end(self->recorder, &span, 0, "shared", "detail");
  }
  return NULL;
}

static int compare_ids(const void *left, const void *right) {
  uint64_t a = *(const uint64_t *)left;
  uint64_t b = *(const uint64_t *)right;
  return (a > b) - (a < b);
}

static void concurrent_spans_are_whole_and_their_ids_differ(void **state) {
  (void)state;
  enum { KEPT = 64 };
  trace_recorder *recorder = trace_recorder_create("order", KEPT);
  worker *workers = calloc(THREADS, sizeof *workers);
  uint64_t *ids = calloc((size_t)THREADS * SPANS, sizeof *ids);
  trace_record found[KEPT];
  assert_non_null(workers);
  assert_non_null(ids);
  for (int i = 0; i < THREADS; i++) {
    workers[i].recorder = recorder;
    assert_int_equal(pthread_create(&workers[i].thread, NULL, record_spans, &workers[i]), 0);
  }
  for (int round = 0; round < 200; round++) {
    size_t count = trace_recorder_find(recorder, "shared", found, KEPT);
    for (size_t i = 0; i < count; i++) assert_string_equal(found[i].detail, "detail");
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(workers[i].thread, NULL);
    memcpy(ids + (size_t)i * SPANS, workers[i].ids, sizeof workers[i].ids);
  }
  assert_int_equal(trace_recorder_find(recorder, "shared", found, KEPT), KEPT);
  qsort(ids, (size_t)THREADS * SPANS, sizeof *ids, compare_ids);
  for (size_t i = 1; i < (size_t)THREADS * SPANS; i++) assert_true(ids[i - 1] < ids[i]);
  free(ids);
  free(workers);
  trace_recorder_destroy(recorder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(valid_traceparent_is_read),
      cmocka_unit_test(invalid_traceparent_is_refused_and_leaves_context_alone),
      cmocka_unit_test(every_prefix_of_a_valid_traceparent_is_refused),
      cmocka_unit_test(span_continues_its_parents_trace_or_starts_one),
      cmocka_unit_test(context_is_made_without_a_recorder),
      cmocka_unit_test(spans_are_read_back_by_correlation_id_oldest_start_first),
      cmocka_unit_test(spans_without_correlation_id_are_not_found_by_an_empty_one),
      cmocka_unit_test(full_ring_forgets_the_oldest_and_find_prefers_the_newest),
      cmocka_unit_test(long_texts_are_cut_between_characters_and_still_found),
      cmocka_unit_test(concurrent_spans_are_whole_and_their_ids_differ),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
