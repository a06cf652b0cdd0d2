/* NNG reply sockets: contexts that receive a request, wait for its answer, send it, and receive again. New contexts are
 * opened when few are left waiting, so an idle process stays small and a busy one never keeps a caller waiting for one.
 */
#include "rpc/listener.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/supplemental/util/platform.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/link_patience.h"
#include "rpc/nng_shutdown.h"

enum {
  FIRST_CONTEXTS = 16,
  SPARE_CONTEXTS = 8,      /* open more when fewer are receiving */
  OVERFLOW_CONTEXTS = 128, /* beyond the server's bound, so that what is too much is told so */
  LINGER_MS = 100,         /* NNG has taken an answer before it has written it */
};

typedef struct reply_context {
  rpc_listener *listener;
  struct reply_context *next;
  nng_ctx ctx;
  nng_aio *aio;
  enum { RECEIVING, HANDLING, SENDING } phase;
} reply_context;

struct rpc_listener {
  rpc_server *server;
  nng_socket socket;
  uint16_t port;
  size_t contexts_max;
  atomic_size_t receiving;
  pthread_mutex_t lock; /* guards what follows */
  reply_context *contexts;
  size_t context_count;
};

static void on_aio(void *arg);

static void receive(reply_context *context) {
  atomic_fetch_add(&context->listener->receiving, 1);
  context->phase = RECEIVING;
  nng_ctx_recv(context->ctx, context->aio);
}

static bool open_context(rpc_listener *listener) {
  reply_context *context = calloc(1, sizeof *context);
  if (!context) return false;
  context->listener = listener;
  if (nng_aio_alloc(&context->aio, on_aio, context) != 0) {
    free(context);
    return false;
  }
  if (nng_ctx_open(&context->ctx, listener->socket) != 0) {
    nng_aio_free(context->aio);
    free(context);
    return false;
  }
  nng_aio_set_timeout(context->aio, NNG_DURATION_INFINITE);
  context->next = listener->contexts;
  listener->contexts = context;
  listener->context_count++;
  receive(context);
  return true;
}

static void keep_spares(rpc_listener *listener) {
  if (atomic_load(&listener->receiving) >= SPARE_CONTEXTS) return;
  pthread_mutex_lock(&listener->lock);
  while (atomic_load(&listener->receiving) < SPARE_CONTEXTS && listener->context_count < listener->contexts_max) {
    if (!open_context(listener)) break;
  }
  pthread_mutex_unlock(&listener->lock);
}

static void respond(void *arg, nng_msg *response) {
  reply_context *context = arg;
  context->phase = SENDING;
  nng_aio_set_msg(context->aio, response);
  nng_ctx_send(context->ctx, context->aio);
}

static void on_received(reply_context *context) {
  rpc_listener *listener = context->listener;
  atomic_fetch_sub(&listener->receiving, 1);
  int error = nng_aio_result(context->aio);
  if (error == NNG_ECLOSED || error == NNG_ECANCELED) return;
  if (error != 0) {
    receive(context);
    return;
  }
  context->phase = HANDLING;
  nng_msg *request = nng_aio_get_msg(context->aio);
  keep_spares(listener);
  rpc_server_handle(listener->server, request, respond, context);
}

static void on_sent(reply_context *context) {
  int error = nng_aio_result(context->aio);
  if (error != 0) nng_msg_free(nng_aio_get_msg(context->aio)); /* the caller is gone */
  if (error == NNG_ECLOSED) return;
  receive(context);
}

static void on_aio(void *arg) {
  reply_context *context = arg;
  if (context->phase == SENDING) {
    on_sent(context);
  } else {
    on_received(context);
  }
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *arg) {
  (void)event, (void)arg;
  link_patience_set(pipe);
}

static int listen_one(rpc_listener *listener, const char *url, const rpc_tls *tls) {
  nng_listener nng;
  int error = rpc_tls_listen(tls, listener->socket, url, &nng);
  if (error != 0) return error;
  int port;
  if (listener->port == 0 && nng_listener_get_int(nng, NNG_OPT_TCP_BOUND_PORT, &port) == 0) {
    listener->port = (uint16_t)port;
  }
  return 0;
}

static rpc_status listen_all(rpc_listener *listener, const char *urls, const rpc_tls *tls) {
  char *list = strdup(urls);
  if (!list) return rpc_status_error(RPC_RESOURCE_EXHAUSTED, "", "no memory");
  rpc_status status = rpc_status_ok();
  char *rest = NULL;
  for (char *url = strtok_r(list, ",", &rest); url && status.code == RPC_OK; url = strtok_r(NULL, ",", &rest)) {
    int error = listen_one(listener, url, tls);
    if (error != 0) {
      status = rpc_status_error(RPC_UNAVAILABLE, "LISTEN", "cannot listen on '%s': %s", url, nng_strerror(error));
    }
  }
  free(list);
  return status;
}

rpc_listener *rpc_listener_create(rpc_server *server, const char *urls, const rpc_tls *tls, rpc_status *status) {
  rpc_listener *listener = calloc(1, sizeof *listener);
  int error = listener ? nng_rep0_open(&listener->socket) : NNG_ENOMEM;
  if (error != 0) {
    free(listener);
    *status = rpc_status_error(RPC_INTERNAL, "", "cannot open a socket: %s", nng_strerror(error));
    return NULL;
  }
  listener->server = server;
  listener->contexts_max = rpc_server_max_in_flight(server) + OVERFLOW_CONTEXTS;
  pthread_mutex_init(&listener->lock, NULL);
  /* Twice the bound: what is somewhat too large is told so by the server, what is more loses its connection. */
  nng_socket_set_size(listener->socket, NNG_OPT_RECVMAXSZ, 2 * rpc_server_max_message_size(server));
  nng_pipe_notify(listener->socket, NNG_PIPE_EV_ADD_POST, on_pipe, NULL);
  *status = listen_all(listener, urls, tls);
  if (status->code != RPC_OK) {
    rpc_listener_destroy(listener);
    return NULL;
  }
  pthread_mutex_lock(&listener->lock);
  for (int i = 0; i < FIRST_CONTEXTS; i++) open_context(listener);
  pthread_mutex_unlock(&listener->lock);
  return listener;
}

uint16_t rpc_listener_port(const rpc_listener *listener) {
  return listener->port;
}

void rpc_listener_destroy(rpc_listener *listener) {
  if (!listener) return;
  if (listener->context_count > 0) nng_msleep(LINGER_MS);
  if (!nng_shutdown_bounded(listener->socket)) return; /* what NNG may still use stays */
  reply_context *next;
  for (reply_context *context = listener->contexts; context; context = next) {
    next = context->next;
    nng_aio_free(context->aio); /* waits for its callback */
    free(context);
  }
  pthread_mutex_destroy(&listener->lock);
  free(listener);
}
