/* What recording costs: nanoseconds for each thing that is recorded, beside a call handled by the server's very code,
 * all of its recording included but no network. A call leaves a counter, a histogram with exemplar and a span on either
 * side, and a counter found by its labels where it fails. One thread; the least of several rounds, since whatever
 * disturbs a round only makes it longer.
 *
 *   telemetry_cost */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rpc/envelope.h"
#include "rpc/server.h"
#include "store/v1/inventory.rpc.h"
#include "telemetry/metrics.h"
#include "telemetry/trace.h"

enum { ROUNDS = 9, TIMES = 100000 };

typedef struct bench {
  metrics_series *counter, *histogram;
  metrics_family *errors;
  trace_recorder *traces;
  trace_context sampled;
  rpc_server *server;
} bench;

static void count(bench *self) {
  metrics_add(self->counter, 1);
}

static void observe(bench *self) {
  metrics_observe_us(self->histogram, 1234);
}

static void observe_traced(bench *self) {
  metrics_observe_traced_us(self->histogram, 1234, &self->sampled);
}

static void find_and_count(bench *self) {
  metrics_add(metrics_series_get(self->errors, (const char *const[]){"/store.v1.OrderService/CreateOrder", "LOST"}), 1);
}

static void span(bench *self) {
  trace_span span = trace_span_start(self->traces, "work", TRACE_SERVER, &self->sampled);
  for (int i = 0; i < 4; i++) trace_span_set_text(&span, "key", "value");
  trace_span_end(self->traces, &span, 0, "0af7651916cd43dd8448eb211c80319c", NULL);
}

/* --- a call --- */

static void get_product(void *self, rpc_call *call, const Store__V1__GetProductRequest *request) {
  (void)self;
  Store__V1__Product product = STORE__V1__PRODUCT__INIT;
  product.product_id = request->product_id;
  store_v1_inventory_service_get_product_reply(call, &product);
}

static void drop(void *arg, nng_msg *response) {
  (void)arg;
  nng_msg_free(response);
}

static void call(bench *self) {
  static const uint8_t payload[] = "\n\nLAPTOP-001";
  const rpc_metadata metadata[] = {
      {RPC_METADATA_TRACEPARENT, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
      {RPC_METADATA_CORRELATION_ID, "0af7651916cd43dd8448eb211c80319c"}};
  nng_msg *request =
      envelope_pack_request("/store.v1.InventoryService/GetProduct", 30000, metadata, 2, payload, sizeof payload - 1);
  rpc_server_handle(self->server, request, drop, NULL);
}

static double measure(bench *self, void (*run)(bench *self)) {
  double least = 1e18;
  for (int round = 0; round < ROUNDS; round++) {
    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (int i = 0; i < TIMES; i++) run(self);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double ns = (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
    if (ns < least) least = ns;
  }
  return least / TIMES;
}

int main(void) {
  static const struct {
    const char *what;
    void (*run)(bench *self);
  } cases[] = {
      {"counter", count},
      {"histogram", observe},
      {"histogram with exemplar", observe_traced},
      {"counter found by its labels", find_and_count},
      {"span with four attributes", span},
      {"a call, handled", call},
  };
  static const store_v1_inventory_service_handlers handlers = {.get_product = get_product};
  metrics_registry *metrics = metrics_registry_create();
  rpc_clock *clock = rpc_clock_create_virtual(1764000000000);
  rpc_random random;
  rpc_random_init(&random, 7);
  bench self = {.traces = trace_recorder_create("bench", 16384)};
  trace_context_parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", &self.sampled);
  self.counter = metrics_series_get(metrics_define(metrics, METRICS_COUNTER, "c_total", "", NULL), NULL);
  self.histogram = metrics_series_get(metrics_define(metrics, METRICS_HISTOGRAM, "h_seconds", "", NULL), NULL);
  self.errors =
      metrics_define(metrics, METRICS_COUNTER, "e_total", "", (const char *const[]){"method", "reason", NULL});
  self.server = rpc_server_create(&(rpc_server_config){
      .name = "inventory", .clock = clock, .random = &random, .metrics = metrics, .traces = self.traces});
  store_v1_inventory_service_register(self.server, &handlers, NULL);
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    printf("%-28s %7.0f ns\n", cases[i].what, measure(&self, cases[i].run));
  }
  rpc_server_destroy(self.server);
  trace_recorder_destroy(self.traces);
  metrics_registry_destroy(metrics);
  rpc_clock_destroy(clock);
  return 0;
}
