/* Which span of a trace accounts for which of its time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "rpc/critical_path.h"

enum { SPANS_MAX = 8 };

typedef struct expected_span {
  const char *id, *parent; /* "": a root */
  double start, duration, critical;
} expected_span;

static const double epoch_ms = 1764000000000.25;

static void assert_critical(const expected_span *expected, size_t count) {
  Rpc__V1__Span spans[SPANS_MAX], *pointers[SPANS_MAX];
  for (size_t i = 0; i < count; i++) {
    rpc__v1__span__init(&spans[i]);
    spans[i].span_id = (char *)expected[i].id;
    spans[i].parent_span_id = (char *)expected[i].parent;
    spans[i].start_unix_ms = epoch_ms + expected[i].start;
    spans[i].duration_ms = expected[i].duration;
    pointers[count - 1 - i] = &spans[i]; /* the order must not matter */
  }
  critical_path_fill(pointers, count);
  for (size_t i = 0; i < count; i++) {
    double off = spans[i].critical_ms - expected[i].critical;
    if (off > 0.001 || off < -0.001) fail_msg("span %s: %f", expected[i].id, spans[i].critical_ms);
  }
}

#define ASSERT_CRITICAL(...)                            \
  assert_critical((const expected_span[]){__VA_ARGS__}, \
                  sizeof((const expected_span[]){__VA_ARGS__}) / sizeof(expected_span))

static void lone_span_accounts_for_all_of_its_time(void **state) {
  (void)state;
  ASSERT_CRITICAL({"a", "", 0, 10, 10});
  ASSERT_CRITICAL({"a", "elsewhere", 0, 10, 10}); /* its parent is not among them: a root too */
}

static void calls_one_after_another_leave_the_caller_what_lies_between(void **state) {
  (void)state;
  ASSERT_CRITICAL({"root", "", 0, 100, 10 + 5 + 5}, {"reserve", "root", 10, 20, 20}, {"charge", "root", 35, 60, 10},
                  {"fraud check", "charge", 40, 50, 50});
}

static void of_calls_at_the_same_time_the_one_that_ends_last_counts(void **state) {
  (void)state;
  ASSERT_CRITICAL({"root", "", 0, 100, 20}, {"slow", "root", 10, 80, 80}, {"fast", "root", 10, 30, 0});
  ASSERT_CRITICAL({"root", "", 0, 100, 20}, {"first", "root", 10, 40, 20}, {"last", "root", 30, 60, 60});
}

static void child_that_outlives_its_parent_is_cut_to_it(void **state) {
  (void)state;
  ASSERT_CRITICAL({"root", "", 10, 50, 20}, {"late", "root", 30, 100, 30});
  ASSERT_CRITICAL({"root", "", 10, 50, 20}, {"early", "root", 0, 40, 30});
  ASSERT_CRITICAL({"root", "", 10, 50, 50}, {"before", "root", 0, 5, 0}, {"after", "root", 70, 5, 0});
}

static void each_root_is_a_path_of_its_own(void **state) {
  (void)state;
  ASSERT_CRITICAL({"a", "", 0, 10, 4}, {"a1", "a", 2, 6, 6}, {"b", "", 5, 20, 20});
}

static void spans_that_are_each_others_parents_get_nothing_and_end(void **state) {
  (void)state;
  ASSERT_CRITICAL({"a", "b", 0, 10, 0}, {"b", "a", 0, 10, 0});
  ASSERT_CRITICAL({"a", "a", 0, 10, 0});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lone_span_accounts_for_all_of_its_time),
      cmocka_unit_test(calls_one_after_another_leave_the_caller_what_lies_between),
      cmocka_unit_test(of_calls_at_the_same_time_the_one_that_ends_last_counts),
      cmocka_unit_test(child_that_outlives_its_parent_is_cut_to_it),
      cmocka_unit_test(each_root_is_a_path_of_its_own),
      cmocka_unit_test(spans_that_are_each_others_parents_get_nothing_and_end),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
