/* A rate limit: so many per second, and bursts up to a bound. Pure, apart from what it keeps: the clock is the
 * caller's. Not thread-safe: auth.c has a lock for each caller. */
#pragma once

#include <stdint.h>

typedef struct token_bucket {
  double rate;  /* per second; 0: no limit */
  double burst; /* most that are saved up, 1 and more */
  double saved; /* there now, as of: */
  int64_t filled_us;
} token_bucket;

/* Full. burst below 1 is 1. */
token_bucket token_bucket_make(double rate, double burst, int64_t now_us);

/* Takes one: 0. Else nothing is taken, and so many microseconds later there will be one, if nobody else takes it. */
int64_t token_bucket_take(token_bucket *bucket, int64_t now_us);
