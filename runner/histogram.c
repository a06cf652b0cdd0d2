/* See histogram.h. Values below 256 have a bucket each; above, every power of two is cut into 128 buckets, so a bucket
 * is at most 1/128 of its values wide and its upper end stands for them. */
#include "runner/histogram.h"

#include <math.h>
#include <stdlib.h>

enum {
  SUB_BITS = 7,
  SUB_BUCKETS = 1 << SUB_BITS,
  VALUE_BITS = 32,
  BUCKETS = (VALUE_BITS - SUB_BITS + 1) * SUB_BUCKETS,
};

struct runner_histogram {
  uint64_t count;
  int64_t min, max;
  double sum;
  uint64_t buckets[BUCKETS];
};

runner_histogram *runner_histogram_create(void) {
  return calloc(1, sizeof(runner_histogram));
}

void runner_histogram_destroy(runner_histogram *histogram) {
  free(histogram);
}

/* A value's top SUB_BITS + 1 bits choose the bucket, how far they were shifted the row. */
static size_t bucket_of(int64_t value) {
  uint64_t bits = value > RUNNER_HISTOGRAM_VALUE_MAX ? (uint64_t)RUNNER_HISTOGRAM_VALUE_MAX : (uint64_t)value;
  if (bits < 2 * SUB_BUCKETS) return (size_t)bits;
  unsigned shift = 63U - (unsigned)__builtin_clzll(bits) - SUB_BITS;
  return (size_t)shift * SUB_BUCKETS + (size_t)(bits >> shift);
}

/* The largest value that falls into the bucket. */
static int64_t bucket_top(size_t bucket) {
  if (bucket < 2 * SUB_BUCKETS) return (int64_t)bucket;
  unsigned shift = (unsigned)(bucket / SUB_BUCKETS) - 1;
  uint64_t top_bits = bucket - (uint64_t)shift * SUB_BUCKETS;
  return (int64_t)(((top_bits + 1) << shift) - 1);
}

void runner_histogram_record(runner_histogram *histogram, int64_t value) {
  if (value < 0) value = 0;
  if (histogram->count == 0 || value < histogram->min) histogram->min = value;
  if (value > histogram->max) histogram->max = value;
  histogram->count++;
  histogram->sum += (double)value;
  histogram->buckets[bucket_of(value)]++;
}

void runner_histogram_merge(runner_histogram *into, const runner_histogram *from) {
  if (from->count == 0) return;
  if (into->count == 0 || from->min < into->min) into->min = from->min;
  if (from->max > into->max) into->max = from->max;
  into->count += from->count;
  into->sum += from->sum;
  for (size_t i = 0; i < BUCKETS; i++) into->buckets[i] += from->buckets[i];
}

uint64_t runner_histogram_count(const runner_histogram *histogram) {
  return histogram->count;
}

int64_t runner_histogram_min(const runner_histogram *histogram) {
  return histogram->min;
}

int64_t runner_histogram_max(const runner_histogram *histogram) {
  return histogram->max;
}

double runner_histogram_mean(const runner_histogram *histogram) {
  return histogram->count == 0 ? 0 : histogram->sum / (double)histogram->count;
}

int64_t runner_histogram_quantile(const runner_histogram *histogram, double share) {
  if (histogram->count == 0) return 0;
  double wanted = ceil(share * (double)histogram->count);
  uint64_t rank = wanted < 1 ? 1 : (uint64_t)wanted;
  if (rank >= histogram->count) return histogram->max;
  uint64_t seen = 0;
  size_t bucket = 0;
  while (bucket < BUCKETS - 1 && (seen += histogram->buckets[bucket]) < rank) bucket++;
  int64_t top = bucket_top(bucket);
  if (top > histogram->max) return histogram->max;
  return top < histogram->min ? histogram->min : top;
}

size_t runner_histogram_buckets(void) {
  return BUCKETS;
}

uint64_t runner_histogram_bucket(const runner_histogram *histogram, size_t bucket, int64_t *top) {
  *top = bucket_top(bucket);
  return histogram->buckets[bucket];
}

uint64_t runner_histogram_count_until(const runner_histogram *histogram, int64_t value) {
  uint64_t count = 0;
  for (size_t i = 0, last = value < 0 ? 0 : bucket_of(value); i <= last && value >= 0; i++) {
    count += histogram->buckets[i];
  }
  return count;
}
