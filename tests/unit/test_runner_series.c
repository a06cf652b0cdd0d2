/* runner/series: seconds that become coarser where they become too many, and series that are merged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the headers above */
#include <cmocka.h>

#include "runner/series.h"

enum { SECOND = 1000000 };

static uint64_t total(const runner_series *series) {
  uint64_t sum = 0;
  for (size_t i = 0; i < series->count; i++) {
    const runner_histogram *latency = series->intervals[i].latency;
    assert_int_equal(series->intervals[i].finished, latency == NULL ? 0 : runner_histogram_count(latency));
    sum += series->intervals[i].finished;
  }
  return sum;
}

static void each_operation_is_counted_in_its_second(void **state) {
  (void)state;
  runner_series *series = runner_series_create();
  runner_series_add(series, 0, 100, false);
  runner_series_add(series, 2 * SECOND - 1, 100, true);
  runner_series_add(series, 2 * SECOND, 100, false);
  runner_series_add(series, -5, 100, false);
  assert_int_equal(series->count, 3);
  assert_int_equal(series->intervals[0].finished, 2);
  assert_int_equal(series->intervals[1].failed, 1);
  assert_int_equal(series->intervals[2].finished, 1);
  runner_series_destroy(series);
}

static void a_long_run_gets_coarser_and_loses_nothing(void **state) {
  (void)state;
  runner_series *series = runner_series_create();
  for (int64_t second = 0; second < 5000; second += 3)
    runner_series_add(series, second * SECOND, second, second % 2 == 0);
  assert_in_range(series->count, 1, RUNNER_SERIES_MAX);
  assert_int_equal(series->interval_us, 16 * SECOND);
  assert_int_equal(total(series), 1667);
  runner_series_destroy(series);
}

static void series_of_different_lengths_merge_at_the_coarser_interval(void **state) {
  (void)state;
  runner_series *longer = runner_series_create(), *shorter = runner_series_create();
  for (int64_t second = 0; second < 1000; second++) runner_series_add(longer, second * SECOND, 5, false);
  for (int64_t second = 0; second < 10; second++) runner_series_add(shorter, second * SECOND, 5, true);
  runner_series_merge(longer, shorter);
  assert_int_equal(longer->interval_us, 2 * SECOND);
  assert_int_equal(total(longer), 1010);
  assert_int_equal(longer->intervals[4].failed, 2);
  assert_int_equal(longer->intervals[5].failed, 0);
  runner_series_destroy(longer);
  runner_series_destroy(shorter);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_operation_is_counted_in_its_second),
      cmocka_unit_test(a_long_run_gets_coarser_and_loses_nothing),
      cmocka_unit_test(series_of_different_lengths_merge_at_the_coarser_interval),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
