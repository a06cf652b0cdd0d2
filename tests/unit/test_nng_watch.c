/* Whether NNG still lets go of connections: with one that it is kept from letting go of. */
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>

#include "rpc/nng_watch.h"

enum { MINUTE_STEPS = 12000, SECONDS_WATCHED = 2 * NNG_WATCH_MISSES_MAX, SECOND_STEPS = 20 };

static void count(void *arg) {
  atomic_fetch_add((atomic_int *)arg, 1);
}

static void pause_a_little(void) {
  nanosleep(&(struct timespec){.tv_nsec = 5 * 1000000}, NULL);
}

/* Time for NNG to make the connection again, in real time: the watch's seconds are the virtual clock's. */
static void a_connection_that_comes_back_is_no_reason(void **state) {
  (void)state;
  atomic_int stuck = 0;
  rpc_clock *clock = rpc_clock_create_virtual(0);
  nng_watch *watch = nng_watch_create(clock, count, &stuck);
  assert_non_null(watch);
  for (int second = 0; second < SECONDS_WATCHED; second++) {
    for (int step = 0; step < SECOND_STEPS; step++) pause_a_little();
    assert_true(rpc_clock_advance(clock));
  }
  assert_int_equal(stuck, 0);
  rpc_clock_destroy(clock);
  nng_watch_destroy(watch);
}

static sem_t release;

static void close_it(nng_pipe pipe, nng_pipe_ev event, void *arg) {
  (void)event, (void)arg;
  nng_pipe_close(pipe);
}

/* On the thread that takes connections apart. */
static void hold_up(nng_pipe pipe, nng_pipe_ev event, void *arg) {
  (void)pipe, (void)event;
  if (atomic_exchange((atomic_int *)arg, 1) == 1) return;
  while (sem_wait(&release) != 0) continue;
}

static void one_that_does_not_is_noticed_once(void **state) {
  (void)state;
  atomic_int stuck = 0, held = 0;
  sem_init(&release, 0, 0);
  nng_socket server, client;
  assert_int_equal(nng_pair0_open(&server), 0);
  assert_int_equal(nng_pair0_open(&client), 0);
  assert_int_equal(nng_listen(server, "inproc://test-nng-watch", NULL, 0), 0);
  rpc_clock *clock = rpc_clock_create_virtual(0);
  nng_watch *watch = nng_watch_create(clock, count, &stuck);
  assert_non_null(watch);
  nng_pipe_notify(server, NNG_PIPE_EV_REM_POST, hold_up, &held);
  nng_pipe_notify(server, NNG_PIPE_EV_ADD_POST, close_it, NULL);
  assert_int_equal(nng_dial(client, "inproc://test-nng-watch", NULL, NNG_FLAG_NONBLOCK), 0);
  for (int step = 0; step < MINUTE_STEPS && !held; step++) pause_a_little();
  assert_int_equal(held, 1);
  int seconds = 0;
  while (rpc_clock_advance(clock)) seconds++;
  assert_int_equal(stuck, 1);
  /* It may have been connected when the thread was held up. */
  assert_in_range(seconds, NNG_WATCH_MISSES_MAX, NNG_WATCH_MISSES_MAX + 1);

  sem_post(&release);
  nng_close(client);
  nng_close(server);
  rpc_clock_destroy(clock);
  nng_watch_destroy(watch);
  sem_destroy(&release);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_connection_that_comes_back_is_no_reason),
      cmocka_unit_test(one_that_does_not_is_noticed_once),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
