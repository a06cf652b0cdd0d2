/* Time and timers, injected wherever code waits, so that a test can run hours of it in a moment.
 * One binary heap and one thread: NNG's own timers are linear lists and do not bear thousands of calls.
 * Every function may be called from any thread. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct rpc_clock rpc_clock;

/* Runs on the clock's thread (a virtual clock: in rpc_clock_advance) and must not block. */
typedef void (*rpc_timer_fn)(void *arg);

/* A timer's memory is its owner's, zeroed before first use, and must outlive the timer being set.
 * Fields are private. */
typedef struct rpc_timer {
  int64_t due_us;
  uint64_t sequence; /* set first, fires first */
  size_t slot;       /* 1 + index in the heap; 0: not set */
  rpc_timer_fn fn;
  void *arg;
} rpc_timer;

/* A real clock with its thread. NULL without memory or threads. */
rpc_clock *rpc_clock_create(void);

/* A clock that stands still until advanced and has no thread: for tests and simulation. */
rpc_clock *rpc_clock_create_virtual(int64_t unix_ms);

/* Timers still set never fire. NULL is ignored. Not from a timer's function. */
void rpc_clock_destroy(rpc_clock *clock);

/* Microseconds since some point; never goes back. */
int64_t rpc_clock_now_us(const rpc_clock *clock);

/* Milliseconds since the Unix epoch, for what is stored and shown. */
int64_t rpc_clock_unix_ms(const rpc_clock *clock);

/* Sets the timer to fire once at due_us on this clock; at once where that has passed. The timer must not be
 * set already. */
void rpc_clock_set(rpc_clock *clock, rpc_timer *timer, int64_t due_us, rpc_timer_fn fn, void *arg);

/* True: it was set and will not fire. False: it was not set, or its function has begun or ended. */
bool rpc_clock_cancel(rpc_clock *clock, rpc_timer *timer);

/* Virtual clocks only: goes on to the next timer and fires it; false where none is set. */
bool rpc_clock_advance(rpc_clock *clock);

/* Virtual clocks only: when the next timer is due; INT64_MAX where none is set. */
int64_t rpc_clock_next_us(rpc_clock *clock);

/* Virtual clocks only: goes on to a time that is not after the next timer's; no way back. */
void rpc_clock_move(rpc_clock *clock, int64_t now_us);
