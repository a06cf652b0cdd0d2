/* runner/arrivals: when operations of a schedule are due, by the arithmetic that must hold of any schedule. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the headers above */
#include <cmocka.h>

#include <math.h>

#include "runner/arrivals.h"

/* 10/s for a second, up to 1000/s within two, down to none within one. */
static const runner_arrivals schedule = {.phases = {{1000000, 10, 10}, {2000000, 10, 1000}, {1000000, 1000, 0}},
                                         .count = 3};

static void a_constant_rate_is_due_at_even_distances(void **state) {
  (void)state;
  runner_arrivals even = {.phases = {{1000000, 100, 100}}, .count = 1};
  for (int i = 0; i < 100; i++) assert_int_equal(runner_arrivals_due_us(&even, i), i * 10000);
  assert_int_equal(runner_arrivals_due_us(&even, 100), -1);
}

static void the_total_is_the_area_under_the_rates(void **state) {
  (void)state;
  assert_true(fabs(runner_arrivals_total(&schedule) - (10 + 1010 + 500)) < 1e-9);
  assert_int_equal(runner_arrivals_duration_us(&schedule), 4000000);
}

static void due_times_are_the_inverse_of_how_many_are_due(void **state) {
  (void)state;
  int64_t before = -1;
  for (int half = 0; half < 3040; half++) {
    double count = half * 0.5;
    int64_t due = runner_arrivals_due_us(&schedule, count);
    assert_true(due >= before);
    before = due;
    if (fabs(runner_arrivals_until(&schedule, due) - count) > 0.01)
      fail_msg("%g operations: due at %ld", count, (long)due);
  }
}

static void the_rate_ramps_within_a_phase_and_ends_with_the_schedule(void **state) {
  (void)state;
  assert_true(runner_arrivals_rate(&schedule, 500000) == 10);
  assert_true(fabs(runner_arrivals_rate(&schedule, 2000000) - 505) < 1e-6);
  assert_true(fabs(runner_arrivals_rate(&schedule, 3500000) - 500) < 1e-6);
  assert_true(runner_arrivals_rate(&schedule, 4000000) == 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_constant_rate_is_due_at_even_distances),
      cmocka_unit_test(the_total_is_the_area_under_the_rates),
      cmocka_unit_test(due_times_are_the_inverse_of_how_many_are_due),
      cmocka_unit_test(the_rate_ramps_within_a_phase_and_ends_with_the_schedule),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
