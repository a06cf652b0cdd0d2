/* The methods of store.v1.OrderService. CreateOrder checks the request and gives the order to the driver; reads are
 * answered at once. */
#include "order/handlers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "order/driver.h"
#include "order/messages.h"
#include "simulation/switches.h"
#include "storage/idempotency.h"
#include "store/v1/order.rpc.h"

enum {
  CUSTOMER_MAX = 128,
  ADDRESS_MAX = 512,
  ITEMS_MAX = 100,
  QUANTITY_MAX = 10000,
  PRICE_MAX_CENTS = 100000000,
};

struct order_service {
  order_service_config config;
  storage *db;
  order_driver *driver;
  simulation *sim;
};

/* An order on its way through the simulation to the driver; in its call's arena. */
typedef struct placing {
  order_service *service;
  rpc_call *call;
  order_record order;
} placing;

static rpc_status out_of_memory(void) {
  return rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory left for this call");
}

/* --- CreateOrder --- */

static rpc_status check_item(const Store__V1__OrderItem *item, size_t index) {
  char field[96];
  rpc_status status = validation_check_id(validation_field_at(field, "items", index, "product_id"), item->product_id);
  if (status.code != RPC_OK) return status;
  status =
      validation_check_range(validation_field_at(field, "items", index, "quantity"), item->quantity, 1, QUANTITY_MAX);
  if (status.code != RPC_OK || item->optional_price_case != STORE__V1__ORDER_ITEM__OPTIONAL_PRICE_PRICE) return status;
  int64_t cents;
  return validation_check_money(validation_field_at(field, "items", index, "price"), item->price, 0, PRICE_MAX_CENTS,
                                &cents);
}

static rpc_status check_order(const Store__V1__CreateOrderRequest *request) {
  rpc_status status = validation_check_text("customer_id", request->customer_id, 1, CUSTOMER_MAX);
  if (status.code == RPC_OK) status = validation_check_range("items", (int64_t)request->n_items, 1, ITEMS_MAX);
  if (status.code == RPC_OK) {
    status = validation_check_text("shipping_address", request->shipping_address, 0, ADDRESS_MAX);
  }
  for (size_t i = 0; i < request->n_items && status.code == RPC_OK; i++) status = check_item(request->items[i], i);
  return status;
}

static rpc_status take_key(rpc_call *call, const Store__V1__CreateOrderRequest *request, order_record *order) {
  order->idempotency_key = rpc_call_metadata(call, RPC_METADATA_IDEMPOTENCY_KEY);
  if (!order->idempotency_key) return rpc_status_ok();
  rpc_status status = idempotency_check_key(order->idempotency_key);
  if (status.code == RPC_OK && !idempotency_fingerprint(call, &request->base, order->fingerprint)) {
    status = out_of_memory();
  }
  return status;
}

static void place_failed(void *arg, const rpc_status *status) {
  rpc_call_fail(((placing *)arg)->call, status);
}

/* The simulation is done with it. Refused at the door, nothing of the order is kept. */
static void place_order(void *arg, bool refused, double roll) {
  (void)roll;
  placing *self = arg;
  order_record *order = &self->order;
  rpc_clock *clock = self->service->config.clock;
  if (refused) {
    rpc_status status = rpc_status_error(RPC_UNAVAILABLE, "TEMPORARY_ERROR", "orders are not taken in (simulated)");
    place_failed(self, &status);
    return;
  }
  order->created_ms = rpc_clock_unix_ms(clock);
  order->deadline_ms = order->created_ms + (rpc_call_deadline_us(self->call) - rpc_clock_now_us(clock)) / 1000;
  validation_make_id(order->order_id, "ORD-", order->created_ms, self->service->config.random);
  snprintf(order->correlation_id, sizeof order->correlation_id, "%s", rpc_call_correlation_id(self->call));
  order_driver_place(self->service->driver, self->call, order);
}

/* An order whose steps would be refused is refused before it is one: accepted, it would be tried again and again. */
static rpc_status ask_steps(const order_service *service) {
  rpc_status status = rpc_status_ok();
  if (rpc_client_admits(service->config.inventory, NULL, &status)) {
    rpc_client_admits(service->config.payment, NULL, &status);
  }
  return status;
}

static void create_order(void *self, rpc_call *call, const Store__V1__CreateOrderRequest *request) {
  order_service *service = self;
  placing *new = rpc_arena_alloc(rpc_call_arena(call), sizeof *new);
  rpc_status status = new ? check_order(request) : out_of_memory();
  if (status.code == RPC_OK) {
    *new = (placing){.service = service, .call = call};
    new->order.request = (Store__V1__CreateOrderRequest *)request;
    new->order.state = SAGA_RESERVING;
    new->order.step_count = 1;
    status = take_key(call, request, &new->order);
  }
  if (status.code == RPC_OK) status = ask_steps(service);
  if (status.code != RPC_OK) {
    rpc_call_fail(call, &status);
    return;
  }
  simulation_run(service->sim, SIMULATION_PLACE, call, place_order, place_failed, new);
}

/* --- reads --- */

/* A read on its way; in its call's arena. */
typedef struct order_query {
  storage_job job; /* first: run and done get it back as their query */
  rpc_call *call;
  rpc_arena *arena;   /* the call's */
  const char *id;     /* of the order asked for, or page_token */
  const char *filter; /* status */
  size_t max;         /* rows of a page */
  const ProtobufCMessage *response;
} order_query;

static void query_done(storage_job *job, const rpc_status *status) {
  order_query *query = (order_query *)job;
  if (status->code == RPC_OK) {
    rpc_call_reply(query->call, query->response);
  } else {
    rpc_call_fail(query->call, status);
  }
}

static void answer_query(order_service *service, rpc_call *call, const order_query *asked, rpc_status status,
                         rpc_status (*read)(storage_job *job, storage_tx *tx)) {
  order_query *query = rpc_arena_alloc(rpc_call_arena(call), sizeof *query);
  if (!query) status = out_of_memory();
  if (status.code != RPC_OK) {
    rpc_call_fail(call, &status);
    return;
  }
  *query = *asked;
  query->call = call;
  query->arena = rpc_call_arena(call);
  query->job = (storage_job){.run = read, .done = query_done};
  storage_read(service->db, &query->job);
}

static rpc_status read_order(storage_job *job, storage_tx *tx) {
  order_query *query = (order_query *)job;
  order_record *order = rpc_arena_alloc(query->arena, sizeof *order);
  if (!order) return out_of_memory();
  if (!order_store_find(tx, query->id, query->arena, order)) {
    rpc_status status = storage_tx_status(tx);
    if (status.code != RPC_OK) return status;
    status = rpc_status_error(RPC_NOT_FOUND, "ORDER_NOT_FOUND", "there is no order '%s'", query->id);
    strcpy(status.field, "order_id");
    return status;
  }
  Store__V1__Order *message = order_message(query->arena, order);
  if (!message) return out_of_memory();
  message->history = order_store_history(tx, query->id, query->arena, &message->n_history);
  query->response = &message->base;
  return storage_tx_status(tx);
}

static void get_order(void *self, rpc_call *call, const Store__V1__GetOrderRequest *request) {
  order_query query = {.id = request->order_id};
  answer_query(self, call, &query, validation_check_id("order_id", request->order_id), read_order);
}

static rpc_status read_orders(storage_job *job, storage_tx *tx) {
  order_query *query = (order_query *)job;
  Store__V1__ListOrdersResponse *page = rpc_arena_alloc(query->arena, sizeof *page);
  order_record *rows = rpc_arena_alloc(query->arena, (query->max + 1) * sizeof *rows);
  Store__V1__Order **messages = rpc_arena_alloc(query->arena, query->max * sizeof *messages);
  if (!page || !rows || !messages) return out_of_memory();
  store__v1__list_orders_response__init(page);
  size_t count = order_store_list(tx, query->filter, query->id, query->arena, rows, query->max + 1);
  rpc_status status = storage_tx_status(tx);
  if (status.code != RPC_OK) return status;
  page->orders = messages;
  page->n_orders = count < query->max ? count : query->max;
  for (size_t i = 0; i < page->n_orders; i++) {
    messages[i] = order_message(query->arena, &rows[i]);
    if (!messages[i]) return out_of_memory();
  }
  if (count > query->max) page->next_page_token = messages[query->max - 1]->order_id;
  query->response = &page->base;
  return rpc_status_ok();
}

static rpc_status check_status(const char *name) {
  saga_state state;
  if (!name[0] || saga_state_from_name(name, &state)) return rpc_status_ok();
  return rpc_status_invalid("status", "'%.32s' is no status of an order", name);
}

static void list_orders(void *self, rpc_call *call, const Store__V1__ListOrdersRequest *request) {
  order_query query = {.id = request->page_token, .filter = request->status};
  int32_t size = 0;
  rpc_status status = validation_check_page("page_size", request->page_size, &size);
  query.max = (size_t)size;
  if (status.code == RPC_OK && request->page_token[0]) status = validation_check_id("page_token", request->page_token);
  if (status.code == RPC_OK) status = check_status(request->status);
  answer_query(self, call, &query, status, read_orders);
}

/* --- the simulation's switches --- */

static const simulation_share share = {"order", SIMULATION_PLACE, SIMULATION_PLACE, .has_network = false};

static void get_simulation(void *self, rpc_call *call, const Store__V1__GetSimulationRequest *request) {
  (void)request;
  simulation_answer(((order_service *)self)->sim, &share, call);
}

static void update_simulation(void *self, rpc_call *call, const Store__V1__UpdateSimulationRequest *request) {
  order_service *service = self;
  simulation_update(service->sim, &share, call, request, service->config.log);
}

/* --- the service --- */

order_service *order_service_create(const order_service_config *config, rpc_status *status) {
  *status = rpc_status_ok();
  order_service *service = calloc(1, sizeof *service);
  if (!service) {
    rpc_client_destroy(config->inventory);
    rpc_client_destroy(config->payment);
    *status = out_of_memory();
    return NULL;
  }
  service->config = *config;
  service->db = storage_open(&(storage_config){.database = config->database,
                                               .schema = "order",
                                               .migrations = order_store_migrations,
                                               .statements = order_store_statements,
                                               .statement_count = order_store_statement_count,
                                               .threaded = config->threaded,
                                               .audit = config->audit,
                                               .traces = config->traces,
                                               .metrics = config->metrics,
                                               .log = config->log,
                                               .faults = config->faults},
                             status);
  if (!service->db) goto fail;
  service->driver = order_driver_create(&(order_driver_config){.db = service->db,
                                                               .inventory = config->inventory,
                                                               .payment = config->payment,
                                                               .clock = config->clock,
                                                               .random = config->random,
                                                               .metrics = config->metrics,
                                                               .log = config->log,
                                                               .is_alone = !storage_is_shared(config->database),
                                                               .keys_kept_hours = config->retention_hours,
                                                               .history_kept_hours = config->history_hours});
  service->sim = simulation_create(&config->simulation, config->clock, config->random, config->metrics);
  if (service->driver && service->sim) return service;
  *status = out_of_memory();
fail:
  order_service_destroy(service);
  return NULL;
}

static bool client_connected(void *client, char *detail, size_t size) {
  if (rpc_client_connected(client)) return true;
  snprintf(detail, size, "not connected");
  return false;
}

/* An order waits for its steps as it does for its writes. */
static rpc_load order_load(void *arg) {
  const order_service *service = arg;
  rpc_load load = storage_load(service->db);
  const rpc_client *const clients[] = {service->config.inventory, service->config.payment};
  for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
    int64_t wait_us = rpc_client_send_wait_us(clients[i]);
    if (wait_us > load.wait_us) load.wait_us = wait_us;
  }
  return load;
}

void order_service_register(order_service *service, rpc_server *server) {
  static const store_v1_order_service_handlers handlers = {
      .create_order = create_order,
      .get_order = get_order,
      .list_orders = list_orders,
      .get_simulation = get_simulation,
      .update_simulation = update_simulation,
  };
  store_v1_order_service_register(server, &handlers, service);
  rpc_server_add_dependency(server, "storage", true, storage_healthy, service->db);
  rpc_server_watch_queue(server, order_load, service);
  rpc_server_add_dependency(server, "inventory", true, client_connected, service->config.inventory);
  rpc_server_add_dependency(server, "payment", true, client_connected, service->config.payment);
}

void order_service_destroy(order_service *service) {
  if (!service) return;
  if (service->driver) order_driver_stop(service->driver);
  rpc_client_destroy(service->config.inventory); /* ends the steps under way */
  rpc_client_destroy(service->config.payment);
  storage_close(service->db); /* ends the writes under way */
  order_driver_destroy(service->driver);
  simulation_destroy(service->sim);
  free(service);
}
