/* The system's monotonic clock, for time that is real even where a test's clock is not (rpc/clock.h is the one to wait
 * on): how long a commit took, when a flush gives up. From any thread. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline int64_t monotonic_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static inline int64_t monotonic_ms(void) {
  return monotonic_us() / 1000;
}
