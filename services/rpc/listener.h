/* NNG reply sockets that feed a server: a pool of contexts, each holding one call from its arrival to its answer,
 * grown as needed and never past the server's bound by much. */
#pragma once

#include <stdint.h>

#include "rpc/server.h"
#include "rpc/tls.h"

typedef struct rpc_listener rpc_listener;

/* urls: one or several, comma-separated: "tcp://127.0.0.1:9001,ipc:///run/order.ipc". Port 0 takes a free port.
 * tls: for tls+tcp:// URLs; may be NULL, and need not outlive the function. The server outlives the listener. NULL on
 * failure, with the reason in *status. */
rpc_listener *rpc_listener_create(rpc_server *server, const char *urls, const rpc_tls *tls, rpc_status *status);

/* The TCP port that the first tcp:// or ws:// URL got; 0 where there is none. */
uint16_t rpc_listener_port(const rpc_listener *listener);

/* Closes the sockets. Drain the server first: calls in flight lose their answer. NULL is ignored. */
void rpc_listener_destroy(rpc_listener *listener);
