/* A binary heap of timers, ordered by due time and then by the order in which they were set. A real clock has one
 * thread that sleeps until the earliest; a virtual one is moved by hand. */
#include "rpc/clock.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "telemetry/monotonic.h"

struct rpc_clock {
  pthread_mutex_t lock;
  pthread_cond_t changed; /* a timer was set that is due before the thread wakes, or the clock is stopping */
  pthread_t thread;
  bool is_virtual;
  bool stopping;
  rpc_timer **heap;
  size_t count, capacity;
  uint64_t next_sequence;
  int64_t wakes_us; /* when the thread wakes by itself; INT64_MIN: it is awake */
  _Atomic int64_t virtual_now_us;
  int64_t virtual_start_unix_ms;
};

static bool fires_before(const rpc_timer *a, const rpc_timer *b) {
  return a->due_us != b->due_us ? a->due_us < b->due_us : a->sequence < b->sequence;
}

static void put(rpc_clock *clock, size_t at, rpc_timer *timer) {
  clock->heap[at] = timer;
  timer->slot = at + 1;
}

static void sift_up(rpc_clock *clock, size_t at, rpc_timer *timer) {
  while (at > 0 && fires_before(timer, clock->heap[(at - 1) / 2])) {
    put(clock, at, clock->heap[(at - 1) / 2]);
    at = (at - 1) / 2;
  }
  put(clock, at, timer);
}

static void sift_down(rpc_clock *clock, size_t at, rpc_timer *timer) {
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= clock->count) break;
    if (child + 1 < clock->count && fires_before(clock->heap[child + 1], clock->heap[child])) child++;
    if (!fires_before(clock->heap[child], timer)) break;
    put(clock, at, clock->heap[child]);
    at = child;
  }
  put(clock, at, timer);
}

static void take_out(rpc_clock *clock, rpc_timer *timer) {
  size_t at = timer->slot - 1;
  timer->slot = 0;
  rpc_timer *last = clock->heap[--clock->count];
  if (last == timer) return;
  sift_down(clock, at, last);
  sift_up(clock, last->slot - 1, last);
}

static struct timespec timespec_of_us(int64_t us) {
  return (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
}

/* Sleeps until due_us, or until a timer is set that is due before. */
static void sleep_until(rpc_clock *clock, int64_t due_us) {
  clock->wakes_us = due_us;
  if (due_us == INT64_MAX) {
    pthread_cond_wait(&clock->changed, &clock->lock);
  } else {
    struct timespec until = timespec_of_us(due_us);
    pthread_cond_timedwait(&clock->changed, &clock->lock, &until);
  }
  clock->wakes_us = INT64_MIN;
}

static void *run(void *arg) {
  rpc_clock *clock = arg;
  pthread_mutex_lock(&clock->lock);
  while (!clock->stopping) {
    int64_t due_us = clock->count ? clock->heap[0]->due_us : INT64_MAX;
    if (due_us > rpc_clock_now_us(clock)) {
      sleep_until(clock, due_us);
      continue;
    }
    rpc_timer *timer = clock->heap[0];
    take_out(clock, timer);
    rpc_timer_fn fn = timer->fn;
    void *fn_arg = timer->arg;
    pthread_mutex_unlock(&clock->lock);
    fn(fn_arg);
    pthread_mutex_lock(&clock->lock);
  }
  pthread_mutex_unlock(&clock->lock);
  return NULL;
}

static rpc_clock *create(void) {
  rpc_clock *clock = calloc(1, sizeof *clock);
  if (!clock) return NULL;
  pthread_mutex_init(&clock->lock, NULL);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_cond_init(&clock->changed, &monotonic);
  pthread_condattr_destroy(&monotonic);
  return clock;
}

rpc_clock *rpc_clock_create(void) {
  rpc_clock *clock = create();
  if (!clock) return NULL;
  if (pthread_create(&clock->thread, NULL, run, clock) != 0) {
    clock->is_virtual = true; /* no thread to join */
    rpc_clock_destroy(clock);
    return NULL;
  }
  return clock;
}

rpc_clock *rpc_clock_create_virtual(int64_t unix_ms) {
  rpc_clock *clock = create();
  if (!clock) return NULL;
  clock->is_virtual = true;
  clock->virtual_start_unix_ms = unix_ms;
  return clock;
}

void rpc_clock_destroy(rpc_clock *clock) {
  if (!clock) return;
  if (!clock->is_virtual) {
    pthread_mutex_lock(&clock->lock);
    clock->stopping = true;
    pthread_cond_signal(&clock->changed);
    pthread_mutex_unlock(&clock->lock);
    pthread_join(clock->thread, NULL);
  }
  pthread_cond_destroy(&clock->changed);
  pthread_mutex_destroy(&clock->lock);
  free(clock->heap);
  free(clock);
}

int64_t rpc_clock_now_us(const rpc_clock *clock) {
  return clock->is_virtual ? clock->virtual_now_us : monotonic_us();
}

int64_t rpc_clock_unix_ms(const rpc_clock *clock) {
  if (clock->is_virtual) return clock->virtual_start_unix_ms + clock->virtual_now_us / 1000;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A timer that cannot be kept would leave a call hanging for ever: without memory for its pointer the process ends. */
static void make_room(rpc_clock *clock) {
  if (clock->count < clock->capacity) return;
  size_t capacity = clock->capacity ? clock->capacity * 2 : 64;
  rpc_timer **heap = realloc(clock->heap, capacity * sizeof *heap);
  if (!heap) abort();
  clock->heap = heap;
  clock->capacity = capacity;
}

void rpc_clock_set(rpc_clock *clock, rpc_timer *timer, int64_t due_us, rpc_timer_fn fn, void *arg) {
  pthread_mutex_lock(&clock->lock);
  assert(timer->slot == 0);
  timer->due_us = due_us;
  timer->sequence = clock->next_sequence++;
  timer->fn = fn;
  timer->arg = arg;
  make_room(clock);
  sift_up(clock, clock->count++, timer);
  if (due_us < clock->wakes_us) pthread_cond_signal(&clock->changed);
  pthread_mutex_unlock(&clock->lock);
}

bool rpc_clock_cancel(rpc_clock *clock, rpc_timer *timer) {
  pthread_mutex_lock(&clock->lock);
  bool was_set = timer->slot != 0;
  if (was_set) take_out(clock, timer);
  pthread_mutex_unlock(&clock->lock);
  return was_set;
}

bool rpc_clock_advance(rpc_clock *clock) {
  assert(clock->is_virtual);
  pthread_mutex_lock(&clock->lock);
  rpc_timer *timer = clock->count ? clock->heap[0] : NULL;
  if (timer) {
    take_out(clock, timer);
    if (timer->due_us > clock->virtual_now_us) clock->virtual_now_us = timer->due_us;
  }
  pthread_mutex_unlock(&clock->lock);
  if (!timer) return false;
  timer->fn(timer->arg);
  return true;
}

int64_t rpc_clock_next_us(rpc_clock *clock) {
  pthread_mutex_lock(&clock->lock);
  int64_t due_us = clock->count ? clock->heap[0]->due_us : INT64_MAX;
  pthread_mutex_unlock(&clock->lock);
  return due_us;
}

void rpc_clock_move(rpc_clock *clock, int64_t now_us) {
  assert(clock->is_virtual);
  if (now_us > clock->virtual_now_us) clock->virtual_now_us = now_us;
}
