/* See nng_watch.h. Two sockets, of which one dials the other within the process. */
#include "rpc/nng_watch.h"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "rpc/nng_shutdown.h"

enum { RECONNECT_MS = 1 };

struct nng_watch {
  rpc_clock *clock;
  rpc_timer timer;
  nng_socket listening, dialling;
  atomic_int connection; /* a pipe's id; 0: closed, and not back yet */
  int misses;
  void (*stuck)(void *arg);
  void *arg;
};

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *arg) {
  nng_watch *watch = arg;
  (void)event;
  atomic_store(&watch->connection, nng_pipe_id(pipe));
}

static void look(void *arg) {
  nng_watch *watch = arg;
  int id = atomic_exchange(&watch->connection, 0);
  watch->misses = id ? 0 : watch->misses + 1;
  if (watch->misses == NNG_WATCH_MISSES_MAX) {
    watch->stuck(watch->arg);
    return;
  }
  if (id) nng_pipe_close((nng_pipe){.id = (uint32_t)id});
  rpc_clock_set(watch->clock, &watch->timer, rpc_clock_now_us(watch->clock) + NNG_WATCH_INTERVAL_US, look, watch);
}

static int connect_to_itself(nng_watch *watch) {
  char url[64];
  int error = nng_pair0_open(&watch->listening);
  if (error == 0) error = nng_pair0_open(&watch->dialling);
  if (error != 0) return error;
  snprintf(url, sizeof url, "inproc://nng-watch-%p", (void *)watch);
  nng_socket_set_ms(watch->dialling, NNG_OPT_RECONNMINT, RECONNECT_MS);
  nng_socket_set_ms(watch->dialling, NNG_OPT_RECONNMAXT, RECONNECT_MS);
  nng_pipe_notify(watch->dialling, NNG_PIPE_EV_ADD_POST, on_pipe, watch);
  error = nng_listen(watch->listening, url, NULL, 0);
  return error ? error : nng_dial(watch->dialling, url, NULL, NNG_FLAG_NONBLOCK);
}

nng_watch *nng_watch_create(rpc_clock *clock, void (*stuck)(void *arg), void *arg) {
  nng_watch *watch = calloc(1, sizeof *watch);
  if (!watch) return NULL;
  watch->clock = clock;
  watch->stuck = stuck;
  watch->arg = arg;
  if (connect_to_itself(watch) != 0) {
    nng_watch_destroy(watch);
    return NULL;
  }
  rpc_clock_set(clock, &watch->timer, rpc_clock_now_us(clock) + NNG_WATCH_INTERVAL_US, look, watch);
  return watch;
}

void nng_watch_destroy(nng_watch *watch) {
  if (!watch) return; /* a socket that was never opened is one that nng_close does not know */
  bool is_closed = nng_shutdown_bounded(watch->dialling);
  if (nng_shutdown_bounded(watch->listening) && is_closed) free(watch);
}
