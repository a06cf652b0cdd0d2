/* Each request is a delivery: it travels, is handled, and its answer travels back, each on a timer of the world's
 * clock. */
#include "simulation/network.h"

#include <stdlib.h>

#include "rpc/envelope.h"

enum { LATENCY_MIN_US = 50, LATENCY_MAX_US = 400, DELAY_MAX_US = 2000000 };

typedef struct message_delivery message_delivery;

struct network {
  rpc_clock *clock;
  rpc_random *random;
  network_faults faults;
  event_journal *journal;
  int64_t fault_count;
};

struct network_node {
  network *net;
  const char *name;
  rpc_server *server; /* NULL: down */
  uint64_t run;       /* counts the processes that ran there */
  bool is_cut;
  message_delivery *in_service;
};

typedef struct simulated_transport {
  rpc_transport base;
  network_node *from, *to;
  uint64_t from_run;
  bool faulty;
  bool closed;
} simulated_transport;

/* A request on its way, or its answer. Freed once its answer has arrived or is not wanted. */
struct message_delivery {
  rpc_timer timer;
  simulated_transport *transport;
  rpc_exchange *exchange; /* NULL: nobody waits (cancelled, or a duplicate) */
  nng_msg *message;       /* the request, then the answer; NULL: it was lost */
  bool is_gone;           /* it vanished, and waits to be cancelled */
  bool is_in_service;
  message_delivery *previous, *next; /* in service at the same node */
};

/* --- who hears whom --- */

static network *net_of(const simulated_transport *transport) {
  return transport->to->net;
}

/* Whether the process at the near end still runs. */
static bool is_alive(const simulated_transport *transport) {
  return !transport->from || (transport->from->run == transport->from_run && transport->from->server);
}

static bool is_cut(const simulated_transport *transport) {
  return transport->to->is_cut || (transport->from && transport->from->is_cut);
}

static bool happens(simulated_transport *transport, double rate) {
  network *net = net_of(transport);
  if (!transport->faulty || rate <= 0 || rpc_random_unit(net->random) >= rate) return false;
  net->fault_count++;
  return true;
}

/* Without metadata: trace contexts are not the seed's. */
static void note(const message_delivery *delivery, const char *what, bool is_request) {
  network *net = net_of(delivery->transport);
  if (!net->journal) return;
  const char *where = delivery->transport->to->name;
  ProtobufCBinaryData payload = {0, NULL};
  rpc_arena arena;
  rpc_arena_init(&arena, SIZE_MAX);
  if (delivery->message && is_request) {
    const Rpc__V1__Request *request = envelope_unpack_request(delivery->message, &arena);
    where = request->method;
    payload = request->payload;
  } else if (delivery->message) {
    const Rpc__V1__Response *response = envelope_unpack_response(delivery->message, &arena);
    if (response->code != RPC__V1__CODE__OK) where = response->message;
    payload = response->payload;
  }
  journal_note(net->journal, rpc_clock_now_us(net->clock), delivery->message ? what : "lost", where, payload.data,
               payload.len);
  rpc_arena_free(&arena);
}

/* --- ways --- */

static void travel(message_delivery *delivery, rpc_timer_fn arrive) {
  network *net = net_of(delivery->transport);
  int64_t latency_us = rpc_random_between(net->random, LATENCY_MIN_US, LATENCY_MAX_US);
  if (happens(delivery->transport, net->faults.delay)) {
    latency_us = rpc_random_between(net->random, latency_us, DELAY_MAX_US);
  }
  rpc_clock_set(net->clock, &delivery->timer, rpc_clock_now_us(net->clock) + latency_us, arrive, delivery);
}

static void lose(message_delivery *delivery) {
  nng_msg_free(delivery->message);
  delivery->message = NULL;
}

/* Without a word to who waits for it. */
static void vanish(message_delivery *delivery) {
  lose(delivery);
  note(delivery, "vanished", false);
  delivery->is_gone = true;
  if (!delivery->exchange || !is_alive(delivery->transport)) free(delivery);
}

static void answer_arrives(void *arg) {
  message_delivery *delivery = arg;
  rpc_exchange *exchange = delivery->exchange;
  rpc_status status = rpc_status_ok();
  if (is_cut(delivery->transport)) {
    vanish(delivery);
    return;
  }
  note(delivery, "answer", false);
  if (!delivery->message) status = rpc_status_error(RPC_UNAVAILABLE, "CONNECTION_LOST", "the connection was lost");
  if (exchange && is_alive(delivery->transport)) {
    exchange->done(exchange, delivery->message, &status);
  } else {
    lose(delivery);
  }
  free(delivery);
}

static void leave_service(message_delivery *delivery) {
  network_node *node = delivery->transport->to;
  if (delivery->previous) {
    delivery->previous->next = delivery->next;
  } else {
    node->in_service = delivery->next;
  }
  if (delivery->next) delivery->next->previous = delivery->previous;
  delivery->is_in_service = false;
}

static void answered(void *arg, nng_msg *response) {
  message_delivery *delivery = arg;
  if (!delivery->is_in_service) { /* who answers is dead */
    nng_msg_free(response);
    return;
  }
  leave_service(delivery);
  delivery->message = response;
  if (delivery->exchange && happens(delivery->transport, net_of(delivery->transport)->faults.drop_reply)) {
    lose(delivery);
  }
  travel(delivery, answer_arrives);
}

static void request_arrives(void *arg) {
  message_delivery *delivery = arg;
  network_node *node = delivery->transport->to;
  if (is_cut(delivery->transport)) {
    vanish(delivery);
    return;
  }
  note(delivery, "request", true);
  if (!node->server || happens(delivery->transport, net_of(delivery->transport)->faults.drop_request)) {
    lose(delivery);
    travel(delivery, answer_arrives);
    return;
  }
  nng_msg *request = delivery->message;
  delivery->message = NULL;
  delivery->is_in_service = true;
  delivery->previous = NULL;
  delivery->next = node->in_service;
  if (node->in_service) node->in_service->previous = delivery;
  node->in_service = delivery;
  rpc_server_handle(node->server, request, answered, delivery);
}

/* --- the transport --- */

static bool start(rpc_transport *base, rpc_exchange *exchange, nng_msg *request, rpc_status *status) {
  simulated_transport *transport = (simulated_transport *)base;
  exchange->slot = NULL;
  if (!is_alive(transport)) {
    nng_msg_free(request);
    return true;
  }
  if (transport->closed || !transport->to->server) {
    nng_msg_free(request);
    *status = transport->closed ? rpc_status_error(RPC_CANCELLED, "", "the client is closed")
                                : rpc_status_error(RPC_UNAVAILABLE, RPC_REASON_NOT_CONNECTED, "nobody answers there");
    return false;
  }
  message_delivery *first = calloc(1, sizeof *first);
  if (!first) abort();
  *first = (message_delivery){.transport = transport, .exchange = exchange, .message = request};
  exchange->slot = first;
  if (happens(transport, net_of(transport)->faults.duplicate)) {
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
  if (is_alive(notice->transport)) notice->exchange->done(notice->exchange, NULL, &status);
  free(notice);
}

static void cancel(rpc_transport *base, rpc_exchange *exchange) {
  simulated_transport *transport = (simulated_transport *)base;
  message_delivery *under_way = exchange->slot;
  if (!under_way || !is_alive(transport)) return;
  message_delivery *notice = calloc(1, sizeof *notice);
  if (!notice) abort();
  under_way->exchange = NULL;
  if (under_way->is_gone) free(under_way);
  *notice = (message_delivery){.transport = transport, .exchange = exchange};
  rpc_clock_set(net_of(transport)->clock, &notice->timer, 0, cancelled, notice);
}

static bool connected(rpc_transport *base) {
  const simulated_transport *transport = (const simulated_transport *)base;
  return !transport->closed && transport->to->server;
}

static void close_transport(rpc_transport *base) {
  ((simulated_transport *)base)->closed = true;
}

static void destroy(rpc_transport *base) {
  free(base);
}

rpc_transport *network_connect(network_node *from, network_node *to, bool faulty) {
  simulated_transport *transport = calloc(1, sizeof *transport);
  if (!transport) return NULL;
  transport->base = (rpc_transport){
      .start = start, .cancel = cancel, .connected = connected, .close = close_transport, .destroy = destroy};
  transport->from = from;
  transport->from_run = from ? from->run : 0;
  transport->to = to;
  transport->faulty = faulty;
  return &transport->base;
}

/* --- nodes --- */

network_node *network_node_create(network *net, const char *name) {
  network_node *node = calloc(1, sizeof *node);
  if (!node) abort();
  *node = (network_node){.net = net, .name = name};
  return node;
}

void network_node_destroy(network_node *node) {
  free(node);
}

void network_node_up(network_node *node, rpc_server *server) {
  node->server = server;
}

void network_node_down(network_node *node) {
  node->server = NULL;
  node->run++;
  while (node->in_service) {
    message_delivery *delivery = node->in_service;
    leave_service(delivery);
    travel(delivery, answer_arrives);
  }
}

void network_node_cut(network_node *node, bool cut) {
  node->is_cut = cut;
}

network *network_create(rpc_clock *clock, rpc_random *random, const network_faults *faults, event_journal *journal) {
  network *net = calloc(1, sizeof *net);
  if (net) *net = (network){clock, random, *faults, journal, 0};
  return net;
}

void network_destroy(network *net) {
  free(net);
}

void network_heal(network *net) {
  net->faults = (network_faults){0};
}

int64_t network_fault_count(const network *net) {
  return net->fault_count;
}
