/* runner/histogram: what it says of a distribution against the exact values, sorted. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka wants the headers above */
#include <cmocka.h>

#include "rpc/random.h"
#include "runner/histogram.h"

enum { VALUES = 20000 };

static const double shares[] = {0, 0.001, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1};

static int compare(const void *a, const void *b) {
  int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
  return (left > right) - (left < right);
}

static int64_t exact_quantile(const int64_t *sorted, size_t count, double share) {
  double rank = ceil(share * (double)count);
  return sorted[rank < 1 ? 0 : (size_t)rank - 1];
}

static void assert_quantiles_match(const runner_histogram *histogram, int64_t *values, size_t count) {
  qsort(values, count, sizeof *values, compare);
  for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
    double exact = (double)exact_quantile(values, count, shares[i]);
    double said = (double)runner_histogram_quantile(histogram, shares[i]);
    if (fabs(said - exact) > exact * RUNNER_HISTOGRAM_RELATIVE_ERROR) {
      fail_msg("share %g: %g instead of %g", shares[i], said, exact);
    }
  }
}

/* Evenly over the logarithm, from 1 µs to 1000 s. */
static void percentiles_are_within_the_stated_error_over_nine_decades(void **state) {
  (void)state;
  rpc_random random;
  rpc_random_init(&random, 1);
  runner_histogram *histogram = runner_histogram_create();
  int64_t *values = calloc(VALUES, sizeof *values);
  double sum = 0;
  for (size_t i = 0; i < VALUES; i++) {
    values[i] = (int64_t)pow(10, 9 * rpc_random_unit(&random));
    sum += (double)values[i];
    runner_histogram_record(histogram, values[i]);
  }
  assert_quantiles_match(histogram, values, VALUES);
  assert_int_equal(runner_histogram_count(histogram), VALUES);
  assert_int_equal(runner_histogram_min(histogram), values[0]);
  assert_int_equal(runner_histogram_max(histogram), values[VALUES - 1]);
  assert_true(fabs(runner_histogram_mean(histogram) - sum / VALUES) < 1e-6 * sum / VALUES);
  free(values);
  runner_histogram_destroy(histogram);
}

/* Each boundary between buckets and its neighbours, alone in a histogram between a smaller and a larger value. */
static void every_power_of_two_and_its_neighbours_are_within_the_stated_error(void **state) {
  (void)state;
  for (int bit = 1; bit < 32; bit++) {
    for (int64_t step = -1; step <= 1; step++) {
      runner_histogram *histogram = runner_histogram_create();
      int64_t value = (INT64_C(1) << bit) + step;
      int64_t values[] = {0, value, RUNNER_HISTOGRAM_VALUE_MAX};
      for (size_t i = 0; i < 3; i++) runner_histogram_record(histogram, values[i]);
      assert_quantiles_match(histogram, values, 3);
      runner_histogram_destroy(histogram);
    }
  }
}

static void merged_histograms_equal_one_that_saw_everything(void **state) {
  (void)state;
  rpc_random random;
  rpc_random_init(&random, 2);
  runner_histogram *whole = runner_histogram_create();
  runner_histogram *parts[2] = {runner_histogram_create(), runner_histogram_create()};
  for (int i = 0; i < 1000; i++) {
    int64_t value = rpc_random_between(&random, 0, 3000000);
    runner_histogram_record(whole, value);
    runner_histogram_record(parts[i % 2], value);
  }
  runner_histogram_merge(parts[0], parts[1]);
  assert_int_equal(runner_histogram_count(parts[0]), 1000);
  assert_int_equal(runner_histogram_min(parts[0]), runner_histogram_min(whole));
  assert_int_equal(runner_histogram_max(parts[0]), runner_histogram_max(whole));
  for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
    assert_int_equal(runner_histogram_quantile(parts[0], shares[i]), runner_histogram_quantile(whole, shares[i]));
  }
  runner_histogram_destroy(whole);
  runner_histogram_destroy(parts[0]);
  runner_histogram_destroy(parts[1]);
}

static void values_past_the_range_keep_count_and_maximum_exact(void **state) {
  (void)state;
  runner_histogram *histogram = runner_histogram_create();
  runner_histogram_record(histogram, -5);
  runner_histogram_record(histogram, INT64_MAX);
  assert_int_equal(runner_histogram_count(histogram), 2);
  assert_int_equal(runner_histogram_min(histogram), 0);
  assert_true(runner_histogram_max(histogram) == INT64_MAX);
  assert_true(runner_histogram_quantile(histogram, 1) == INT64_MAX);
  runner_histogram_destroy(histogram);
}

static void an_empty_histogram_says_zero(void **state) {
  (void)state;
  runner_histogram *histogram = runner_histogram_create();
  assert_int_equal(runner_histogram_quantile(histogram, 0.5), 0);
  assert_int_equal(runner_histogram_min(histogram), 0);
  assert_int_equal(runner_histogram_max(histogram), 0);
  assert_true(runner_histogram_mean(histogram) == 0);
  runner_histogram_destroy(histogram);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(percentiles_are_within_the_stated_error_over_nine_decades),
      cmocka_unit_test(every_power_of_two_and_its_neighbours_are_within_the_stated_error),
      cmocka_unit_test(merged_histograms_equal_one_that_saw_everything),
      cmocka_unit_test(values_past_the_range_keep_count_and_maximum_exact),
      cmocka_unit_test(an_empty_histogram_says_zero),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
