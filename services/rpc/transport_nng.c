/* Request/reply over NNG: one REQ socket that shares calls among its connected replicas, and a pool of contexts, each
 * good for one exchange at a time. NNG's own resending is off: a lost connection ends its exchanges at once, and what
 * is tried again is rpc_client's decision. */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/link_patience.h"
#include "rpc/nng_shutdown.h"
#include "rpc/transport.h"
#include "telemetry/monotonic.h"

enum {
  SLOTS_MAX = 65536, /* exchanges at once */
  RECONNECT_MIN_MS = 10,
  RECONNECT_MAX_MS = 250,
  RESPONSE_MAX = 16 * 1024 * 1024,
  UNSENT_BEGINS = 64, /* so few are no queue */
};

typedef struct nng_transport nng_transport;

/* One context and its aio: sends a request, then receives its reply. */
typedef struct exchange_slot {
  nng_transport *transport;
  struct exchange_slot *next_free;
  struct exchange_slot *next_made;
  nng_ctx context;
  nng_aio *aio;
  pthread_mutex_t lock;   /* guards what follows */
  rpc_exchange *exchange; /* NULL: idle */
  bool receiving;         /* the request is out */
  bool cancelled;
  int64_t begun_us; /* by the monotonic clock */
} exchange_slot;

struct nng_transport {
  rpc_transport base;
  nng_socket socket;
  atomic_int connections;
  atomic_bool closed;
  atomic_int unsent;                /* requests that no connection has taken yet, */
  _Atomic int64_t wait_us, sent_us; /* how long the last one that was taken had waited, and when that was, or when
                                       the first one since none waited was begun */
  pthread_mutex_t lock;             /* guards what follows */
  exchange_slot *free_slots;
  exchange_slot *made_slots;
  size_t slot_count;
};

/* The last connection is gone: what has not been sent would wait for the next one. */
static void end_unsent(nng_transport *transport) {
  pthread_mutex_lock(&transport->lock);
  for (exchange_slot *slot = transport->made_slots; slot; slot = slot->next_made) {
    pthread_mutex_lock(&slot->lock);
    if (slot->exchange && !slot->receiving) nng_aio_abort(slot->aio, NNG_ECONNRESET);
    pthread_mutex_unlock(&slot->lock);
  }
  pthread_mutex_unlock(&transport->lock);
}

static void on_pipe(nng_pipe pipe, nng_pipe_ev event, void *arg) {
  nng_transport *transport = arg;
  if (event == NNG_PIPE_EV_ADD_POST) {
    link_patience_set(pipe);
    atomic_fetch_add(&transport->connections, 1);
  } else if (atomic_fetch_sub(&transport->connections, 1) == 1) {
    end_unsent(transport);
  }
}

static void give_back(exchange_slot *slot) {
  nng_transport *transport = slot->transport;
  pthread_mutex_lock(&transport->lock);
  slot->next_free = transport->free_slots;
  transport->free_slots = slot;
  pthread_mutex_unlock(&transport->lock);
}

/* Ends the slot's exchange; called with its lock held, which it releases. (Locks are taken transport first, slot
 * second; give_back takes the transport's alone.) */
static void finish(exchange_slot *slot, nng_msg *response, int error) {
  rpc_exchange *exchange = slot->exchange;
  bool was_sent = slot->receiving;
  bool cancelled = slot->cancelled || atomic_load(&slot->transport->closed);
  slot->exchange = NULL;
  pthread_mutex_unlock(&slot->lock);
  give_back(slot);
  rpc_status status = rpc_status_ok();
  if (!response && cancelled) {
    status = rpc_status_error(RPC_CANCELLED, "", "the call was cancelled");
  } else if (!response) {
    const char *reason = was_sent ? "CONNECTION_LOST" : RPC_REASON_NOT_CONNECTED;
    status = rpc_status_error(RPC_UNAVAILABLE, reason, "the connection was lost: %s", nng_strerror(error));
  }
  exchange->done(exchange, response, &status);
}

/* The send has ended, one way or another. */
static void note_sent(const exchange_slot *slot) {
  nng_transport *transport = slot->transport;
  int64_t now_us = monotonic_us();
  atomic_store_explicit(&transport->wait_us, now_us - slot->begun_us, memory_order_relaxed);
  atomic_store_explicit(&transport->sent_us, now_us, memory_order_relaxed);
  atomic_fetch_sub_explicit(&transport->unsent, 1, memory_order_relaxed);
}

static void on_aio(void *arg) {
  exchange_slot *slot = arg;
  pthread_mutex_lock(&slot->lock);
  int error = nng_aio_result(slot->aio);
  if (!slot->receiving) note_sent(slot);
  if (error != 0) {
    if (!slot->receiving) nng_msg_free(nng_aio_get_msg(slot->aio));
    finish(slot, NULL, error);
  } else if (slot->receiving) {
    finish(slot, nng_aio_get_msg(slot->aio), 0);
  } else if (slot->cancelled) {
    finish(slot, NULL, NNG_ECANCELED);
  } else {
    slot->receiving = true;
    nng_ctx_recv(slot->context, slot->aio);
    pthread_mutex_unlock(&slot->lock);
  }
}

static exchange_slot *make_slot(nng_transport *transport) {
  exchange_slot *slot = calloc(1, sizeof *slot);
  if (!slot) return NULL;
  slot->transport = transport;
  if (nng_aio_alloc(&slot->aio, on_aio, slot) != 0) {
    free(slot);
    return NULL;
  }
  if (nng_ctx_open(&slot->context, transport->socket) != 0) {
    nng_aio_free(slot->aio);
    free(slot);
    return NULL;
  }
  nng_aio_set_timeout(slot->aio, NNG_DURATION_INFINITE);
  pthread_mutex_init(&slot->lock, NULL);
  return slot;
}

static exchange_slot *take_slot(nng_transport *transport) {
  pthread_mutex_lock(&transport->lock);
  exchange_slot *slot = transport->free_slots;
  if (slot) {
    transport->free_slots = slot->next_free;
  } else if (transport->slot_count < SLOTS_MAX && (slot = make_slot(transport)) != NULL) {
    transport->slot_count++;
    slot->next_made = transport->made_slots;
    transport->made_slots = slot;
  }
  pthread_mutex_unlock(&transport->lock);
  return slot;
}

static void cancel_locked(exchange_slot *slot) {
  slot->cancelled = true;
  nng_aio_abort(slot->aio, NNG_ECANCELED);
}

static bool start(rpc_transport *base, rpc_exchange *exchange, nng_msg *request, rpc_status *status) {
  nng_transport *transport = (nng_transport *)base;
  exchange_slot *slot = NULL;
  if (atomic_load(&transport->closed)) {
    *status = rpc_status_error(RPC_CANCELLED, "", "the client is closed");
  } else if (atomic_load(&transport->connections) <= 0) {
    *status = rpc_status_error(RPC_UNAVAILABLE, RPC_REASON_NOT_CONNECTED, "no server is connected");
  } else if ((slot = take_slot(transport)) == NULL) {
    *status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", "too many calls under way at this client");
  }
  if (!slot) {
    nng_msg_free(request);
    return false;
  }
  pthread_mutex_lock(&slot->lock);
  exchange->slot = slot;
  slot->exchange = exchange;
  slot->receiving = false;
  slot->cancelled = false;
  slot->begun_us = monotonic_us();
  if (atomic_fetch_add_explicit(&transport->unsent, 1, memory_order_relaxed) == 0) {
    atomic_store_explicit(&transport->sent_us, slot->begun_us, memory_order_relaxed);
  }
  nng_aio_set_msg(slot->aio, request);
  nng_ctx_send(slot->context, slot->aio);
  if (atomic_load(&transport->closed)) cancel_locked(slot);
  pthread_mutex_unlock(&slot->lock);
  return true;
}

static void cancel(rpc_transport *base, rpc_exchange *exchange) {
  (void)base;
  exchange_slot *slot = exchange->slot;
  pthread_mutex_lock(&slot->lock);
  if (slot->exchange == exchange) cancel_locked(slot);
  pthread_mutex_unlock(&slot->lock);
}

static bool connected(rpc_transport *base) {
  return atomic_load(&((nng_transport *)base)->connections) > 0;
}

/* As long as the last one has waited, or longer where none has been taken since. */
static int64_t send_wait_us(const rpc_transport *base) {
  const nng_transport *transport = (const nng_transport *)base;
  if (atomic_load_explicit(&transport->unsent, memory_order_relaxed) < UNSENT_BEGINS) return 0;
  int64_t wait_us = atomic_load_explicit(&transport->wait_us, memory_order_relaxed);
  int64_t since_us = monotonic_us() - atomic_load_explicit(&transport->sent_us, memory_order_relaxed);
  return since_us > wait_us ? since_us : wait_us;
}

static void close_transport(rpc_transport *base) {
  nng_transport *transport = (nng_transport *)base;
  atomic_store(&transport->closed, true);
  pthread_mutex_lock(&transport->lock);
  for (exchange_slot *slot = transport->made_slots; slot; slot = slot->next_made) {
    pthread_mutex_lock(&slot->lock);
    if (slot->exchange) cancel_locked(slot);
    pthread_mutex_unlock(&slot->lock);
  }
  pthread_mutex_unlock(&transport->lock);
}

static void destroy(rpc_transport *base) {
  nng_transport *transport = (nng_transport *)base;
  close_transport(base);
  if (!nng_shutdown_bounded(transport->socket)) return; /* what NNG may still use stays */
  exchange_slot *next;
  for (exchange_slot *slot = transport->made_slots; slot; slot = next) {
    next = slot->next_made;
    nng_aio_free(slot->aio); /* waits for its callback */
    pthread_mutex_destroy(&slot->lock);
    free(slot);
  }
  pthread_mutex_destroy(&transport->lock);
  free(transport);
}

static int dial_all(nng_socket socket, const char *urls, const rpc_tls *tls) {
  char *list = strdup(urls);
  if (!list) return NNG_ENOMEM;
  int error = 0;
  char *rest = NULL;
  for (char *url = strtok_r(list, ",", &rest); url && error == 0; url = strtok_r(NULL, ",", &rest)) {
    error = rpc_tls_dial(tls, socket, url);
  }
  free(list);
  return error;
}

rpc_transport *rpc_transport_create_nng(const char *urls, const rpc_tls *tls, rpc_status *status) {
  nng_transport *transport = calloc(1, sizeof *transport);
  int error = transport ? nng_req0_open(&transport->socket) : NNG_ENOMEM;
  if (error != 0) {
    free(transport);
    *status = rpc_status_error(RPC_INTERNAL, "", "cannot open a socket: %s", nng_strerror(error));
    return NULL;
  }
  transport->base = (rpc_transport){start, cancel, connected, send_wait_us, close_transport, destroy};
  pthread_mutex_init(&transport->lock, NULL);
  nng_socket_set_ms(transport->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
  nng_socket_set_ms(transport->socket, NNG_OPT_RECONNMINT, RECONNECT_MIN_MS);
  nng_socket_set_ms(transport->socket, NNG_OPT_RECONNMAXT, RECONNECT_MAX_MS);
  nng_socket_set_size(transport->socket, NNG_OPT_RECVMAXSZ, RESPONSE_MAX);
  nng_pipe_notify(transport->socket, NNG_PIPE_EV_ADD_POST, on_pipe, transport);
  nng_pipe_notify(transport->socket, NNG_PIPE_EV_REM_POST, on_pipe, transport);
  error = dial_all(transport->socket, urls, tls);
  if (error != 0) {
    *status = rpc_status_error(RPC_INVALID_ARGUMENT, "ADDRESS", "cannot use '%s': %s", urls, nng_strerror(error));
    destroy(&transport->base);
    return NULL;
  }
  return &transport->base;
}
