/* See token_bucket.h. */
#include "auth/token_bucket.h"

#include <math.h>

token_bucket token_bucket_make(double rate, double burst, int64_t now_us) {
  double most = burst < 1 ? 1 : burst;
  return (token_bucket){.rate = rate, .burst = most, .saved = most, .filled_us = now_us};
}

int64_t token_bucket_take(token_bucket *bucket, int64_t now_us) {
  if (bucket->rate <= 0) return 0;
  if (now_us > bucket->filled_us) {
    bucket->saved = fmin(bucket->burst, bucket->saved + (double)(now_us - bucket->filled_us) * bucket->rate / 1e6);
    bucket->filled_us = now_us;
  }
  if (bucket->saved >= 1) {
    bucket->saved -= 1;
    return 0;
  }
  return (int64_t)ceil((1 - bucket->saved) / bucket->rate * 1e6);
}
