/* The calls go out on the loop, each part is filled on a thread of the RPC client, whoever is last wakes the loop, and
 * the loop writes the events. */
#include "gateway/event_round.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/event_shares.h"
#include "gateway/event_totals.h"
#include "gateway/traces.h"
#include "rpc/v1/health.rpc.h"
#include "rpc/v1/metrics.rpc.h"
#include "store/v1/inventory.rpc.h"
#include "store/v1/order.rpc.h"
#include "store/v1/payment.rpc.h"

enum {
  TIMEOUT_US = 2000000,
  JSON_MAX = 1024 * 1024,
  ORDERS_SHOWN = 20,
  PRODUCTS_SHOWN = 100,
  TRACES_A_ROUND = 4,
  ORDERS_REMEMBERED = 64, /* whose traces have been asked for */
  SIMULATIONS = 3,
  ID_SIZE = 72,
};

/* One answer. */
typedef struct part {
  event_round *round;
  bool is_asked, is_there;
  char detail[128];    /* why it is not there */
  json_writer json;    /* the answer itself */
  event_totals totals; /* of a metrics page */
} part;

/* A final order whose trace is to be looked at, once its last spans have ended. */
typedef struct order_seen {
  char order_id[ID_SIZE], correlation_id[ID_SIZE];
  bool is_waiting;
} order_seen;

struct event_round {
  gateway *server;
  events *to;
  void (*over)(void *to);
  h2o_multithread_receiver_t receiver;
  h2o_multithread_message_t message;
  bool is_under_way;
  atomic_size_t left;
  part health[GATEWAY_BACKENDS_MAX], metrics[GATEWAY_REPLICAS_MAX], stock, orders, simulations[SIMULATIONS];
  order_seen seen[ORDERS_REMEMBERED]; /* a ring */
  size_t next_seen;
  pthread_mutex_t lock; /* of the shares: traces come in on several threads */
  event_shares shares;
};

/* -- answers, on the RPC client's threads -------------------------------------------------------------------------- */

static void part_done(event_round *self) {
  if (atomic_fetch_sub(&self->left, 1) > 1) return;
  h2o_multithread_send_message(&self->receiver, &self->message);
}

static void take(part *mine, const rpc_status *status, const ProtobufCMessage *response) {
  mine->is_there = response != NULL;
  if (response) json_write_message(&mine->json, response);
  if (!response) snprintf(mine->detail, sizeof mine->detail, "%.120s", status->message);
  part_done(mine->round);
}

static void on_health(void *arg, const rpc_status *status, const Rpc__V1__HealthCheckResponse *response) {
  part *mine = arg;
  mine->is_there = response && strcmp(response->status, "SERVING") == 0;
  if (!response) snprintf(mine->detail, sizeof mine->detail, "%.120s", status->message);
  part_done(mine->round);
}

static void on_metrics(void *arg, const rpc_status *status, const Rpc__V1__ScrapeResponse *response) {
  part *mine = arg;
  (void)status; /* its health says it, too */
  mine->is_there = response != NULL;
  if (response) event_totals_read(&mine->totals, (const char *)response->body.data, response->body.len);
  part_done(mine->round);
}

static void on_stock(void *arg, const rpc_status *status, const Store__V1__ListProductsResponse *response) {
  take(arg, status, response ? &response->base : NULL);
}

static void on_simulation(void *arg, const rpc_status *status, const Store__V1__Simulation *response) {
  take(arg, status, response ? &response->base : NULL);
}

static void remember(event_round *self, const Store__V1__Order *order) {
  bool is_final = strcmp(order->status, "confirmed") == 0 || strcmp(order->status, "failed") == 0;
  if (!is_final || strlen(order->order_id) >= ID_SIZE || strlen(order->correlation_id) >= ID_SIZE) return;
  for (int i = 0; i < ORDERS_REMEMBERED; i++) {
    if (strcmp(self->seen[i].order_id, order->order_id) == 0) return;
  }
  order_seen *new = &self->seen[self->next_seen++ % ORDERS_REMEMBERED];
  strcpy(new->order_id, order->order_id);
  strcpy(new->correlation_id, order->correlation_id);
  new->is_waiting = true;
}

static void on_orders(void *arg, const rpc_status *status, const Store__V1__ListOrdersResponse *response) {
  part *mine = arg;
  for (size_t i = response ? response->n_orders : 0; i > 0; i--) remember(mine->round, response->orders[i - 1]);
  take(mine, status, response ? &response->base : NULL);
}

static void on_trace(void *arg, const Rpc__V1__GetTraceResponse *whole) {
  event_round *self = arg;
  pthread_mutex_lock(&self->lock);
  if (whole && whole->n_spans > 0) event_shares_add(&self->shares, whole);
  pthread_mutex_unlock(&self->lock);
  part_done(self);
}

/* -- questions, on the loop ---------------------------------------------------------------------------------------- */

static part *begin_part(event_round *self, part *new) {
  *new = (part){.round = self, .is_asked = true, .json = json_writer_make(JSON_MAX)};
  atomic_fetch_add(&self->left, 1);
  return new;
}

static rpc_client *client_of(const gateway *server, const char *service) {
  const gateway_backend *backend = gateway_find_backend(server, service);
  return backend ? backend->client : NULL;
}

static void ask_processes(event_round *self, const rpc_call_options *options) {
  gateway *server = self->server;
  Rpc__V1__HealthCheckRequest health = RPC__V1__HEALTH_CHECK_REQUEST__INIT;
  Rpc__V1__ScrapeRequest scrape = RPC__V1__SCRAPE_REQUEST__INIT;
  for (size_t i = 0; i < server->config.backend_count; i++) {
    rpc_v1_health_check(server->backends[i].client, &health, options, on_health, begin_part(self, &self->health[i]));
  }
  for (size_t i = 0; i < server->config.replica_count; i++) {
    rpc_v1_metrics_scrape(server->replicas[i].client, &scrape, options, on_metrics,
                          begin_part(self, &self->metrics[i]));
  }
}

static void ask_services(event_round *self, const rpc_call_options *options) {
  Store__V1__ListOrdersRequest orders = STORE__V1__LIST_ORDERS_REQUEST__INIT;
  Store__V1__ListProductsRequest products = STORE__V1__LIST_PRODUCTS_REQUEST__INIT;
  Store__V1__GetSimulationRequest get = STORE__V1__GET_SIMULATION_REQUEST__INIT;
  orders.page_size = ORDERS_SHOWN;
  products.page_size = PRODUCTS_SHOWN;
  part *simulations = self->simulations;
  rpc_client *order = client_of(self->server, "order"), *payment = client_of(self->server, "payment");
  rpc_client *inventory = client_of(self->server, "inventory");
  if (order) {
    store_v1_order_service_list_orders(order, &orders, options, on_orders, begin_part(self, &self->orders));
    store_v1_order_service_get_simulation(order, &get, options, on_simulation, begin_part(self, &simulations[0]));
  }
  if (payment) {
    store_v1_payment_service_get_simulation(payment, &get, options, on_simulation, begin_part(self, &simulations[1]));
  }
  if (!inventory) return;
  store_v1_inventory_service_list_products(inventory, &products, options, on_stock, begin_part(self, &self->stock));
  store_v1_inventory_service_get_simulation(inventory, &get, options, on_simulation, begin_part(self, &simulations[2]));
}

/* Before the orders are asked for: these have been final since the round before. */
static void ask_traces(event_round *self, const rpc_call_options *options) {
  int asked = 0;
  for (int i = 0; i < ORDERS_REMEMBERED && asked < TRACES_A_ROUND; i++) {
    if (!self->seen[i].is_waiting) continue;
    self->seen[i].is_waiting = false;
    asked++;
    atomic_fetch_add(&self->left, 1);
    traces_collect(self->server, self->seen[i].correlation_id, options, on_trace, self);
  }
}

/* In a trace of its own that is not exported: nobody wants to see a console's every second. */
static trace_context unsampled(gateway *server) {
  trace_context context = {.sampled = false};
  uint64_t words[3] = {rpc_random_next(server->config.random), rpc_random_next(server->config.random),
                       rpc_random_next(server->config.random)};
  memcpy(context.trace_id, words, sizeof context.trace_id);
  memcpy(context.span_id, &words[2], sizeof context.span_id);
  return context;
}

void event_round_begin(event_round *self) {
  gateway *server = self->server;
  if (self->is_under_way || server->context.shutdown_requested) return;
  self->is_under_way = true;
  atomic_fetch_add(&server->pending, 1);
  atomic_store(&self->left, 1); /* this function's */
  trace_context parent = unsampled(server);
  rpc_call_options options = {.correlation_id = "events",
                              .parent = &parent,
                              .deadline_us = rpc_clock_now_us(server->config.clock) + TIMEOUT_US};
  ask_traces(self, &options);
  ask_processes(self, &options);
  ask_services(self, &options);
  part_done(self);
}

/* -- events, on the loop ------------------------------------------------------------------------------------------- */

static void write_service(json_writer *writer, const char *name, bool is_serving, const char *detail,
                          const event_totals *totals) {
  json_write_open(writer, '{');
  json_write_key(writer, "service");
  json_write_text(writer, name);
  json_write_key(writer, "status");
  json_write_text(writer, is_serving ? "SERVING" : "NOT_SERVING");
  json_write_key(writer, "detail");
  json_write_text(writer, detail);
  if (totals) event_totals_write(totals, writer); /* left out where not all of its processes told theirs */
  json_write_close(writer, '}');
}

static void write_gateway(json_writer *writer, const event_round *self) {
  static const char NOT_ALL[] = "not all services serve";
  bool is_serving = true;
  for (size_t i = 0; i < self->server->config.backend_count; i++) is_serving = is_serving && self->health[i].is_there;
  size_t length;
  char *text = metrics_write_text(self->server->config.metrics, &length);
  event_totals totals = {.requests = 0};
  if (text) event_totals_read(&totals, text, length);
  free(text);
  write_service(writer, "gateway", is_serving, is_serving ? "" : NOT_ALL, text ? &totals : NULL);
}

static void write_services(json_writer *writer, const event_round *self) {
  const gateway *server = self->server;
  json_write_open(writer, '{');
  json_write_key(writer, "at_ms");
  json_write_double(writer, (double)rpc_clock_now_us(server->config.clock) / 1e3);
  json_write_key(writer, "services");
  json_write_open(writer, '[');
  write_gateway(writer, self);
  for (size_t i = 0; i < server->config.backend_count; i++) {
    event_totals totals = {.requests = 0};
    bool is_whole = true;
    for (size_t r = 0; r < server->config.replica_count; r++) {
      if (strcmp(server->replicas[r].service, server->backends[i].name) != 0) continue;
      is_whole = is_whole && self->metrics[r].is_there;
      event_totals_add(&totals, &self->metrics[r].totals);
    }
    const part *health = &self->health[i];
    write_service(writer, server->backends[i].name, health->is_there, health->detail, is_whole ? &totals : NULL);
  }
  json_write_close(writer, ']');
  json_write_key(writer, "troubles"); /* why there are no such events: a token without the scope, say */
  json_write_open(writer, '[');
  if (self->stock.is_asked && !self->stock.is_there) json_write_text(writer, self->stock.detail);
  if (self->orders.is_asked && !self->orders.is_there) json_write_text(writer, self->orders.detail);
  json_write_close(writer, ']');
  json_write_close(writer, '}');
}

static void write_simulations(json_writer *writer, const event_round *self) {
  json_write_open(writer, '[');
  for (int i = 0; i < SIMULATIONS; i++) {
    const part *at = &self->simulations[i];
    if (at->is_there) json_write_raw(writer, at->json.bytes, at->json.length);
  }
  json_write_close(writer, ']');
}

static void publish(event_round *self, events_kind kind, json_writer *writer) {
  if (!writer->failed && writer->length > 0) events_publish(self->to, kind, writer->bytes, writer->length);
  json_writer_free(writer);
}

static void end_part(part *ended) {
  if (ended->is_asked) json_writer_free(&ended->json);
  *ended = (part){.is_asked = false};
}

static void publish_all(event_round *self) {
  json_writer services = json_writer_make(JSON_MAX), simulations = services, bottleneck = services;
  write_services(&services, self);
  publish(self, EVENTS_SERVICES, &services);
  if (self->stock.is_there) publish(self, EVENTS_STOCK, &self->stock.json);
  if (self->orders.is_there) publish(self, EVENTS_ORDERS, &self->orders.json);
  write_simulations(&simulations, self);
  publish(self, EVENTS_SIMULATION, &simulations);
  event_shares_write(&self->shares, &bottleneck);
  publish(self, EVENTS_BOTTLENECK, &bottleneck);
}

static void on_round_done(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages) {
  event_round *self = H2O_STRUCT_FROM_MEMBER(event_round, receiver, receiver);
  while (!h2o_linklist_is_empty(messages)) h2o_linklist_unlink(messages->next);
  publish_all(self);
  for (size_t i = 0; i < self->server->config.backend_count; i++) end_part(&self->health[i]);
  for (size_t i = 0; i < self->server->config.replica_count; i++) end_part(&self->metrics[i]);
  for (int i = 0; i < SIMULATIONS; i++) end_part(&self->simulations[i]);
  end_part(&self->stock);
  end_part(&self->orders);
  self->is_under_way = false;
  self->over(self->to);
  atomic_fetch_sub(&self->server->pending, 1);
}

event_round *event_round_create(gateway *server, events *to, void (*over)(void *to)) {
  event_round *self = calloc(1, sizeof *self);
  if (!self) return NULL;
  self->server = server;
  self->to = to;
  self->over = over;
  pthread_mutex_init(&self->lock, NULL);
  h2o_multithread_register_receiver(server->context.queue, &self->receiver, on_round_done);
  return self;
}

void event_round_destroy(event_round *self) {
  if (!self) return;
  h2o_multithread_unregister_receiver(self->server->context.queue, &self->receiver);
  pthread_mutex_destroy(&self->lock);
  free(self);
}

void event_round_forget(event_round *self) {
  if (self->is_under_way) return; /* it has a new reader by the next one, or not */
  memset(self->seen, 0, sizeof self->seen);
  self->shares = (event_shares){.order_count = 0};
}
