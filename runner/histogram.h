/* Latencies in an HDR-style histogram: log-linear buckets, so that memory is fixed and any percentile is known to
 * within 0.8 % of its value, however many values were recorded. Not thread-safe: one per thread, merged at the end. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* A percentile that the histogram gives differs from the exact one by at most this share of it. */
#define RUNNER_HISTOGRAM_RELATIVE_ERROR 0.008

/* Larger values (over an hour, in microseconds) are counted in the last bucket; min, max and mean stay exact. */
#define RUNNER_HISTOGRAM_VALUE_MAX INT64_C(0xFFFFFFFF)

typedef struct runner_histogram runner_histogram;

/* About 27 KB. NULL without memory. */
runner_histogram *runner_histogram_create(void);
void runner_histogram_destroy(runner_histogram *histogram);

/* value in microseconds; a negative one counts as 0. */
void runner_histogram_record(runner_histogram *histogram, int64_t value);

/* Adds what from holds to into. */
void runner_histogram_merge(runner_histogram *into, const runner_histogram *from);

uint64_t runner_histogram_count(const runner_histogram *histogram);

/* Exact; 0 where nothing was recorded. */
int64_t runner_histogram_min(const runner_histogram *histogram);
int64_t runner_histogram_max(const runner_histogram *histogram);
double runner_histogram_mean(const runner_histogram *histogram);

/* The smallest value that at least this share (0 to 1) of all values does not exceed; 0 where nothing was recorded. */
int64_t runner_histogram_quantile(const runner_histogram *histogram, double share);

/* Bucket by bucket, from 0 to runner_histogram_buckets() - 1: how many values it counts, and the largest value that
 * falls into it; the smallest is one more than that of the bucket before. */
size_t runner_histogram_buckets(void);
uint64_t runner_histogram_bucket(const runner_histogram *histogram, size_t bucket, int64_t *top);

/* How many values do not exceed value, to within the bucket that it falls into. */
uint64_t runner_histogram_count_until(const runner_histogram *histogram, int64_t value);
