/* One hot path at a time, N times over, for callgrind to count (tests/bench/instructions). No threads, no real clock
 * and no disk, so that a count depends on the code alone.
 *
 *   instructions PATH COUNT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/json_write.h"
#include "gateway/transcode.h"
#include "rpc/envelope.h"
#include "simulation/world.h"

enum { ARENA_LIMIT = 16 << 20, SEED = 7 };

static const char order_body[] =
    "{\"customer_id\":\"customer-0042\",\"items\":[{\"product_id\":\"LAPTOP-001\",\"quantity\":1,\"price\":999.99},"
    "{\"product_id\":\"HEADPHONES-004\",\"quantity\":2}],\"shipping_address\":\"221B Baker Street, London NW1 6XE\"}";

static void must(bool ok, const char *what) {
  if (ok) return;
  fprintf(stderr, "instructions: %s failed\n", what);
  exit(1);
}

/* What a path needs, made before it is counted. */
typedef struct bench {
  store_world *world;
  storage *db;
  audit_log *audit;
  metrics_registry *metrics;
  metrics_series *counter, *histogram;
  routes *routes;
  int64_t next_id;
} bench;

static void open_world(bench *self) {
  self->world = world_create(&(world_config){.seed = SEED, .simulation = simulation_settings_of(SIMULATION_NONE)});
}

static void close_world(bench *self) {
  world_destroy(self->world);
}

/* --- envelope: a request and its response, packed and unpacked --- */

static void pack_and_unpack(bench *self) {
  (void)self;
  static const char payload[] = "\n\nLAPTOP-001";
  const rpc_metadata metadata[] = {
      {RPC_METADATA_TRACEPARENT, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
      {RPC_METADATA_CORRELATION_ID, "0af7651916cd43dd8448eb211c80319c"}};
  rpc_arena arena;
  rpc_arena_init(&arena, ARENA_LIMIT);
  nng_msg *request =
      envelope_pack_request("/store.v1.InventoryService/GetProduct", 30000, metadata, 2, payload, sizeof payload - 1);
  must(envelope_unpack_request(request, &arena), "unpacking a request");
  Store__V1__Product product = STORE__V1__PRODUCT__INIT;
  product.product_id = "LAPTOP-001";
  product.price = 999.99;
  rpc_status ok = rpc_status_ok();
  nng_msg *response = envelope_pack_response(&ok, &product.base);
  Rpc__V1__Response *unpacked = envelope_unpack_response(response, &arena);
  must(unpacked && envelope_unpack_payload(product.base.descriptor, unpacked->payload, &arena, &ok), "unpacking");
  nng_msg_free(request);
  nng_msg_free(response);
  rpc_arena_free(&arena);
}

/* --- rpc: GetProduct, from the client's call to its completion --- */

static void on_product(void *arg, const rpc_status *status, const Store__V1__Product *product) {
  must(status->code == RPC_OK && product, "GetProduct");
  *(bool *)arg = true;
}

static void get_product(bench *self) {
  Store__V1__GetProductRequest request = STORE__V1__GET_PRODUCT_REQUEST__INIT;
  request.product_id = "LAPTOP-001";
  bool done = false;
  store_v1_inventory_service_get_product(world_inventory(self->world), &request, NULL, on_product, &done);
  must(world_run_until(self->world, &done), "GetProduct");
}

/* --- json_read: the body of POST /orders, as the gateway reads it --- */

static void open_routes(bench *self) {
  static const api_service *const services[] = {&api_store_v1_order_service};
  rpc_status status;
  self->routes = routes_create(services, 1, &status);
  must(self->routes, "making routes");
}

static void close_routes(bench *self) {
  routes_destroy(self->routes);
}

static void read_order(bench *self) {
  rpc_arena arena;
  rpc_arena_init(&arena, ARENA_LIMIT);
  rpc_status status;
  route_match match;
  must(routes_match(self->routes, "POST", 4, "/orders", 7, &arena, &match, &status) && match.route, "matching");
  transcode_request request = {.query = "", .body = order_body, .body_length = sizeof order_body - 1};
  must(transcode_read(&match, &request, &arena, &status), "reading an order");
  rpc_arena_free(&arena);
}

/* --- json_write: the answer to POST /orders --- */

static void write_response(bench *self) {
  (void)self;
  char *steps[] = {"inventory_reserved", "payment_processed", "inventory_confirmed"};
  Store__V1__TraceInfo trace = STORE__V1__TRACE_INFO__INIT;
  trace.payment_id = "PAY-01JDEXAMPLE000000000000002";
  trace.reservation_id = "RES-01JDEXAMPLE000000000000003";
  trace.n_steps_completed = 3;
  trace.steps_completed = steps;
  Store__V1__CreateOrderResponse response = STORE__V1__CREATE_ORDER_RESPONSE__INIT;
  response.order_id = "ORD-01JDEXAMPLE000000000000001";
  response.correlation_id = "0af7651916cd43dd8448eb211c80319c";
  response.status = "confirmed";
  response.total_amount = 1399.97;
  response.processing_time_ms = 12.345;
  response.trace_info = &trace;
  json_writer writer = json_writer_make(ARENA_LIMIT);
  json_write_message(&writer, &response.base);
  must(!writer.failed && writer.length > 100, "writing a response");
  json_writer_free(&writer);
}

/* --- saga: one order, from the client's call to its completion, all three services included --- */

static void on_order(void *arg, const rpc_status *status, const Store__V1__CreateOrderResponse *order) {
  if (status->code != RPC_OK) fprintf(stderr, "instructions: %s\n", status->message);
  must(status->code == RPC_OK && order, "CreateOrder");
  *(bool *)arg = true;
}

static void create_order(bench *self) {
  Store__V1__OrderItem item = STORE__V1__ORDER_ITEM__INIT, *items[] = {&item};
  item.product_id = "HEADPHONES-004";
  item.quantity = 1;
  Store__V1__CreateOrderRequest request = STORE__V1__CREATE_ORDER_REQUEST__INIT;
  request.customer_id = "customer-0042";
  request.n_items = 1;
  request.items = items;
  request.shipping_address = "221B Baker Street, London NW1 6XE";
  bool done = false;
  store_v1_order_service_create_order(world_order(self->world), &request, NULL, on_order, &done);
  must(world_run_until(self->world, &done), "CreateOrder");
}

/* --- storage: one write job and its commit, in memory --- */

static const char *const migrations[] = {"CREATE TABLE rows (id BIGINT PRIMARY KEY, text TEXT NOT NULL);", NULL};
static const char *const statements[] = {"INSERT INTO rows (id, text) VALUES ($1, $2)"};

typedef struct row {
  storage_job job; /* first */
  int64_t id;
  bool done;
} row;

static rpc_status insert(storage_job *job, storage_tx *tx) {
  storage_run(tx, 0, "it", ((row *)job)->id, order_body);
  storage_audit(tx, 1795570053123, "order", "ORD-01M886R7M4T71HE4TY7R", "reserving", "charging", "my-trace-1", NULL);
  return storage_tx_status(tx);
}

static void inserted(storage_job *job, const rpc_status *status) {
  ((row *)job)->done = status->code == RPC_OK;
}

static void open_storage(bench *self) {
  rpc_status status;
  self->db = storage_open(&(storage_config){.database = ":memory:",
                                            .migrations = migrations,
                                            .statements = statements,
                                            .statement_count = 1,
                                            .audit = self->audit},
                          &status);
  must(self->db, "opening a database");
}

/* The same, with a line in the audit log. */
static void open_audited(bench *self) {
  self->audit = audit_open("bench", "/dev/null");
  must(self->audit, "opening an audit log");
  open_storage(self);
}

static void close_storage(bench *self) {
  storage_close(self->db);
  audit_close(self->audit);
}

static void write_job(bench *self) {
  row added = {.job = {.run = insert, .done = inserted}, .id = self->next_id++};
  storage_write(self->db, &added.job);
  must(added.done, "a write");
}

/* --- metrics: what a call records at its server --- */

static void open_metrics(bench *self) {
  static const char *const labels[] = {"method", "code", NULL};
  static const char *const values[] = {"/store.v1.OrderService/CreateOrder", "OK"};
  self->metrics = metrics_registry_create();
  must(self->metrics, "a registry");
  self->counter =
      metrics_series_get(metrics_define(self->metrics, METRICS_COUNTER, "calls_total", "Calls.", labels), values);
  self->histogram = metrics_series_get(
      metrics_define(self->metrics, METRICS_HISTOGRAM, "call_duration_seconds", "Their time.", labels), values);
}

static void record_call(bench *self) {
  static const trace_context trace = {.trace_id = {1}, .span_id = {2}, .sampled = true};
  metrics_add(self->counter, 1);
  metrics_observe_traced_us(self->histogram, 1234, &trace);
}

static void close_metrics(bench *self) {
  metrics_registry_destroy(self->metrics);
}

/* --- the table --- */

static void nothing(bench *self) {
  (void)self;
}

static const struct {
  const char *name;
  void (*open)(bench *self), (*once)(bench *self), (*close)(bench *self);
} paths[] = {
    {"envelope", nothing, pack_and_unpack, nothing},
    {"rpc_get_product", open_world, get_product, close_world},
    {"json_read_order", open_routes, read_order, close_routes},
    {"json_write_order", nothing, write_response, nothing},
    {"saga_order", open_world, create_order, close_world},
    {"storage_write", open_storage, write_job, close_storage},
    {"storage_audited", open_audited, write_job, close_storage},
    {"metrics_of_a_call", open_metrics, record_call, close_metrics},
};

/* callgrind counts from here on (--toggle-collect). */
__attribute__((noinline)) void instructions_count(void (*once)(bench *), bench *self, long count);
void instructions_count(void (*once)(bench *), bench *self, long count) {
  for (long i = 0; i < count; i++) once(self);
}

int main(int argc, char **argv) {
  if (argc == 1) {
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) puts(paths[i].name);
    return 0;
  }
  long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
  for (size_t i = 0; i < sizeof paths / sizeof *paths && count > 0; i++) {
    if (strcmp(paths[i].name, argv[1]) != 0) continue;
    bench self = {.next_id = 1};
    paths[i].open(&self);
    paths[i].once(&self); /* what is made when first needed */
    instructions_count(paths[i].once, &self, count);
    paths[i].close(&self);
    return 0;
  }
  fprintf(stderr, "usage: instructions [PATH COUNT]\n");
  return 2;
}
