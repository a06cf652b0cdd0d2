/* What carries one request envelope to a server and one response envelope back, for rpc_client. NNG in production
 * (rpc_transport_create_nng); a simulated network in tests. */
#pragma once

#include <nng/nng.h>
#include <stdbool.h>
#include <stdint.h>

#include "rpc/status.h"
#include "rpc/tls.h"

typedef struct rpc_exchange rpc_exchange;

/* Ends an exchange, exactly once, from any thread, never from within start or cancel. response is the callee's
 * to free; NULL with a status of UNAVAILABLE (the connection was lost: the request may have been carried out) or
 * CANCELLED. */
typedef void (*rpc_exchange_fn)(rpc_exchange *exchange, nng_msg *response, const rpc_status *status);

/* Embedded in the caller's state of an attempt; slot belongs to the transport. */
struct rpc_exchange {
  rpc_exchange_fn done;
  void *slot;
};

/* The reason of a request that was never sent, and may be sent again whatever it does. */
#define RPC_REASON_NOT_CONNECTED "NOT_CONNECTED"
/* The reason of a request that a server which is stopping did not begin. */
#define RPC_REASON_DRAINING "DRAINING"

typedef struct rpc_transport rpc_transport;
struct rpc_transport {
  /* Begins an exchange; takes ownership of request. False: it was not sent (UNAVAILABLE, NOT_CONNECTED, or no memory);
   * done is not called then. */
  bool (*start)(rpc_transport *transport, rpc_exchange *exchange, nng_msg *request, rpc_status *status);
  /* Ends it early, with CANCELLED; without effect where it has ended. Only while the exchange's memory lives. */
  void (*cancel)(rpc_transport *transport, rpc_exchange *exchange);
  /* True while a server is connected. */
  bool (*connected)(rpc_transport *transport);
  /* How long a request that is begun now will wait until a connection takes it; NULL: none ever waits. */
  int64_t (*send_wait_us)(const rpc_transport *transport);
  /* Ends what is under way, each with its done called; nothing can be started from here on. */
  void (*close)(rpc_transport *transport);
  /* Frees a closed transport, none of whose exchanges is under way. */
  void (*destroy)(rpc_transport *transport);
};

/* urls: one or several replicas, comma-separated; calls are shared among those that are connected. Connects in the
 * background and again whenever a connection is lost. tls: for tls+tcp:// URLs; may be NULL, and need not outlive the
 * function. NULL on failure, with the reason in *status. */
rpc_transport *rpc_transport_create_nng(const char *urls, const rpc_tls *tls, rpc_status *status);
