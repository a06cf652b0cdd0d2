/* Each request is a delivery: it travels, is handled, and its answer travels back, each on a timer of the virtual
 * clock. */
#include "simulation/network.h"

#include <stdlib.h>

enum { LATENCY_MIN_US = 50, LATENCY_MAX_US = 400 };

struct network {
  rpc_clock *clock;
  rpc_random *random;
  const world_faults *faults;
  int64_t fault_count;
};

typedef struct simulated_transport {
  rpc_transport base;
  network *net;
  rpc_server *server;
  bool faulty;
  bool closed;
} simulated_transport;

/* A request on its way, or its answer. Freed once its answer has arrived or is not wanted. */
typedef struct message_delivery {
  rpc_timer timer;
  simulated_transport *transport;
  rpc_exchange *exchange; /* NULL: nobody waits (cancelled, or a duplicate) */
  nng_msg *message;       /* the request, then the answer; NULL: it was lost */
} message_delivery;

static bool happens(simulated_transport *transport, double rate) {
  if (!transport->faulty || rate <= 0 || rpc_random_unit(transport->net->random) >= rate) return false;
  transport->net->fault_count++;
  return true;
}

static void travel(message_delivery *delivery, rpc_timer_fn arrive) {
  network *net = delivery->transport->net;
  int64_t latency_us = rpc_random_between(net->random, LATENCY_MIN_US, LATENCY_MAX_US);
  rpc_clock_set(net->clock, &delivery->timer, rpc_clock_now_us(net->clock) + latency_us, arrive, delivery);
}

static void answer_arrives(void *arg) {
  message_delivery *delivery = arg;
  rpc_exchange *exchange = delivery->exchange;
  rpc_status status = rpc_status_ok();
  if (!delivery->message) status = rpc_status_error(RPC_UNAVAILABLE, "CONNECTION_LOST", "the connection was lost");
  if (exchange) {
    exchange->done(exchange, delivery->message, &status);
  } else if (delivery->message) {
    nng_msg_free(delivery->message);
  }
  free(delivery);
}

static void answered(void *arg, nng_msg *response) {
  message_delivery *delivery = arg;
  delivery->message = response;
  if (delivery->exchange && happens(delivery->transport, delivery->transport->net->faults->drop_reply)) {
    nng_msg_free(response);
    delivery->message = NULL;
  }
  travel(delivery, answer_arrives);
}

static void request_arrives(void *arg) {
  message_delivery *delivery = arg;
  if (happens(delivery->transport, delivery->transport->net->faults->drop_request)) {
    nng_msg_free(delivery->message);
    delivery->message = NULL;
    travel(delivery, answer_arrives);
    return;
  }
  rpc_server_handle(delivery->transport->server, delivery->message, answered, delivery);
}

static bool start(rpc_transport *base, rpc_exchange *exchange, nng_msg *request, rpc_status *status) {
  simulated_transport *transport = (simulated_transport *)base;
  if (transport->closed) {
    nng_msg_free(request);
    *status = rpc_status_error(RPC_CANCELLED, "", "the client is closed");
    return false;
  }
  message_delivery *first = calloc(1, sizeof *first);
  if (!first) abort();
  *first = (message_delivery){.transport = transport, .exchange = exchange, .message = request};
  exchange->slot = first;
  if (happens(transport, transport->net->faults->duplicate)) {
    message_delivery *second = calloc(1, sizeof *second);
    if (!second || nng_msg_dup(&second->message, request) != 0) abort();
    second->transport = transport;
    travel(second, request_arrives);
  }
  travel(first, request_arrives);
  return true;
}

static void cancelled(void *arg) {
  message_delivery *notice = arg;
  rpc_status status = rpc_status_error(RPC_CANCELLED, "", "the call was cancelled");
  notice->exchange->done(notice->exchange, NULL, &status);
  free(notice);
}

static void cancel(rpc_transport *base, rpc_exchange *exchange) {
  simulated_transport *transport = (simulated_transport *)base;
  message_delivery *under_way = exchange->slot;
  message_delivery *notice = calloc(1, sizeof *notice);
  if (!notice) abort();
  under_way->exchange = NULL;
  *notice = (message_delivery){.transport = transport, .exchange = exchange};
  rpc_clock_set(transport->net->clock, &notice->timer, 0, cancelled, notice);
}

static bool connected(rpc_transport *base) {
  return !((simulated_transport *)base)->closed;
}

static void close_transport(rpc_transport *base) {
  ((simulated_transport *)base)->closed = true;
}

static void destroy(rpc_transport *base) {
  free(base);
}

network *network_create(rpc_clock *clock, rpc_random *random, const world_faults *faults) {
  network *net = calloc(1, sizeof *net);
  if (net) *net = (network){clock, random, faults, 0};
  return net;
}

void network_destroy(network *net) {
  free(net);
}

rpc_transport *network_connect(network *net, rpc_server *server, bool faulty) {
  simulated_transport *transport = calloc(1, sizeof *transport);
  if (!transport) return NULL;
  transport->base = (rpc_transport){start, cancel, connected, close_transport, destroy};
  transport->net = net;
  transport->server = server;
  transport->faulty = faulty;
  return &transport->base;
}

int64_t network_fault_count(const network *net) {
  return net->fault_count;
}
