/* Load with N exchanges in flight, each begun again when it ends: the time window, the latencies, and the one line of
 * JSON at the end. Included by every load generator here, ours and the baselines', in C and in C++, so that all are
 * measured alike. Any thread may record. */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* Latencies in nanoseconds, by their highest bit and the 7 below it: off by 0.8 % at most. */
enum { LOAD_STEPS = 128, LOAD_BUCKETS = 58 * LOAD_STEPS };

typedef struct load {
  int64_t begin_ns, end_ns; /* what ends within is counted */
  int64_t active;           /* exchanges that will still end */
  uint64_t failed;
  uint64_t counts[LOAD_BUCKETS];
} load;

static inline int64_t load_now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000LL + now.tv_nsec;
}

/* A number of the command line that must be positive. */
static inline double load_argument(const char *text) {
  double value = strtod(text, NULL);
  if (value > 0) return value;
  fprintf(stderr, "not a positive number: %s\n", text);
  exit(2);
}

/* Zeroed before. A third of the seconds, one at most, goes before what is counted. */
static inline void load_start(load *self, int in_flight, double seconds) {
  double warm_up = seconds < 3 ? seconds / 3 : 1;
  self->active = in_flight;
  self->begin_ns = load_now_ns() + (int64_t)(warm_up * 1e9);
  self->end_ns = self->begin_ns + (int64_t)(seconds * 1e9);
}

static inline int load_bucket(int64_t ns) {
  if (ns < LOAD_STEPS) return ns < 0 ? 0 : (int)ns;
  int highest = 63 - __builtin_clzll((unsigned long long)ns);
  return (highest - 6) * LOAD_STEPS + (int)(ns >> (highest - 7)) - LOAD_STEPS;
}

static inline double load_bucket_ns(int bucket) {
  if (bucket < LOAD_STEPS) return bucket;
  return ldexp(LOAD_STEPS + bucket % LOAD_STEPS + 0.5, bucket / LOAD_STEPS - 1);
}

/* Records one exchange. True: begin the next. False: the load is over for this one. */
static inline bool load_record(load *self, int64_t started_ns, bool ok) {
  int64_t now_ns = load_now_ns();
  if (now_ns >= self->begin_ns && now_ns < self->end_ns) {
    uint64_t *count = ok ? &self->counts[load_bucket(now_ns - started_ns)] : &self->failed;
    __atomic_fetch_add(count, 1, __ATOMIC_RELAXED);
  }
  if (now_ns < self->end_ns) return true;
  __atomic_fetch_sub(&self->active, 1, __ATOMIC_RELEASE);
  return false;
}

static inline void load_wait(const load *self) {
  struct timespec pause;
  pause.tv_sec = 0;
  pause.tv_nsec = 5 * 1000000;
  while (__atomic_load_n(&self->active, __ATOMIC_ACQUIRE) > 0) nanosleep(&pause, NULL);
}

static inline double load_percentile_us(const load *self, uint64_t total, double share) {
  uint64_t wanted = (uint64_t)ceil((double)total * share), seen = 0;
  for (int i = 0; i < LOAD_BUCKETS; i++) {
    seen += self->counts[i];
    if (seen >= wanted && seen > 0) return load_bucket_ns(i) / 1000;
  }
  return 0;
}

/* extra: more members of the object, with a comma before each; "" where there are none. */
static inline void load_print(const load *self, const char *extra) {
  uint64_t total = 0;
  for (int i = 0; i < LOAD_BUCKETS; i++) total += self->counts[i];
  double seconds = (double)(self->end_ns - self->begin_ns) / 1e9;
  printf("{\"calls\":%llu,\"failed\":%llu,\"seconds\":%.3f,\"per_second\":%.1f", (unsigned long long)total,
         (unsigned long long)self->failed, seconds, (double)total / seconds);
  printf(",\"p50_us\":%.1f,\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f%s}\n", load_percentile_us(self, total, .5),
         load_percentile_us(self, total, .9), load_percentile_us(self, total, .99),
         load_percentile_us(self, total, .999), extra);
}
