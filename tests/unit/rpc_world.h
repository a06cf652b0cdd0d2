/* For tests of the RPC core: a world of one server with handlers of its own and one client of the typed stubs, over
 * real sockets, and calls that wait for their outcome. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rpc/listener.h"
#include "rpc/nng_threads.h"
#include "rpc/v1/health.rpc.h"
#include "store/v1/inventory.rpc.h"

/* --- a world of one server and one client --- */

typedef struct rpc_world {
  rpc_clock *clock;
  rpc_random random;
  metrics_registry *metrics;
  trace_recorder *traces;
  rpc_server *server;
  rpc_listener *listener;
  rpc_client *client;
  char url[64];
  rpc_client_config client_config;
  /* what the handlers do */
  atomic_int handled;
  atomic_int failures_left; /* answer UNAVAILABLE so many times */
  int64_t delay_us;
  pthread_mutex_t lock;
  rpc_call *held; /* with hold set, the call is kept here */
  bool hold;
  char seen_key[64], seen_correlation[80], seen_traceparent[64];
  int64_t seen_left_us;
} rpc_world;

static inline void reply_product(rpc_call *call, int32_t stock) {
  Store__V1__Product product = STORE__V1__PRODUCT__INIT;
  product.product_id = (char *)"LAPTOP-001";
  product.total_stock = stock;
  store_v1_inventory_service_get_product_reply(call, &product);
}

static inline void on_delay_over(void *arg) {
  reply_product(arg, 7);
}

static inline void remember(rpc_world *world, rpc_call *call) {
  const char *key = rpc_call_metadata(call, RPC_METADATA_IDEMPOTENCY_KEY);
  const char *traceparent = rpc_call_metadata(call, RPC_METADATA_TRACEPARENT);
  snprintf(world->seen_key, sizeof world->seen_key, "%s", key ? key : "");
  snprintf(world->seen_traceparent, sizeof world->seen_traceparent, "%s", traceparent ? traceparent : "");
  snprintf(world->seen_correlation, sizeof world->seen_correlation, "%s", rpc_call_correlation_id(call));
  world->seen_left_us = rpc_call_deadline_us(call) - rpc_clock_now_us(world->clock);
}

static inline void answer(rpc_world *world, rpc_call *call) {
  pthread_mutex_lock(&world->lock);
  remember(world, call);
  if (world->hold) {
    world->held = call;
    atomic_fetch_add(&world->handled, 1);
    pthread_mutex_unlock(&world->lock);
    return;
  }
  pthread_mutex_unlock(&world->lock);
  atomic_fetch_add(&world->handled, 1);
  if (atomic_fetch_sub(&world->failures_left, 1) > 0) {
    rpc_status status = rpc_status_error(RPC_UNAVAILABLE, "TEMPORARY_ERROR", "try again");
    rpc_call_fail(call, &status);
  } else if (world->delay_us) {
    rpc_clock_set(world->clock, rpc_call_timer(call), rpc_clock_now_us(world->clock) + world->delay_us, on_delay_over,
                  call);
  } else {
    reply_product(call, 7);
  }
}

static inline void get_product(void *self, rpc_call *call, const Store__V1__GetProductRequest *request) {
  if (strcmp(request->product_id, "NONE") == 0) {
    rpc_status status = rpc_status_error(RPC_NOT_FOUND, "PRODUCT_NOT_FOUND", "no product 'NONE'");
    snprintf(status.field, sizeof status.field, "product_id");
    rpc_status_set_fact(&status, "product_id", "NONE");
    rpc_call_fail(call, &status);
    return;
  }
  answer(self, call);
}

static inline void restock_product(void *self, rpc_call *call, const Store__V1__RestockProductRequest *request) {
  (void)request;
  answer(self, call);
}

static const store_v1_inventory_service_handlers handlers = {
    .get_product = get_product,
    .restock_product = restock_product,
};

static inline void start_server(rpc_world *world, const char *url, uint32_t max_in_flight) {
  world->server = rpc_server_create(&(rpc_server_config){.name = "inventory",
                                                         .clock = world->clock,
                                                         .random = &world->random,
                                                         .metrics = world->metrics,
                                                         .traces = world->traces,
                                                         .max_in_flight = max_in_flight,
                                                         .queue_target_ms = 20});
  store_v1_inventory_service_register(world->server, &handlers, world);
  rpc_status status;
  world->listener = rpc_listener_create(world->server, url, NULL, &status);
  if (!world->listener) fail_msg("%s", status.message);
}

static inline void stop_server(rpc_world *world) {
  rpc_listener_destroy(world->listener);
  rpc_server_destroy(world->server);
  world->listener = NULL;
  world->server = NULL;
}

static inline rpc_client *make_client(rpc_world *world, const char *urls, rpc_client_config config) {
  rpc_status status;
  config.transport = rpc_transport_create_nng(urls, NULL, &status);
  if (!config.transport) fail_msg("%s", status.message);
  config.target = "inventory";
  config.clock = world->clock;
  config.random = &world->random;
  config.metrics = world->metrics;
  config.traces = world->traces;
  return rpc_client_create(&config);
}

static inline void wait_until_connected(rpc_client *client, bool connected) {
  for (int i = 0; i < 20000 && rpc_client_connected(client) != connected; i++) usleep(1000);
  assert_int_equal(rpc_client_connected(client), connected);
}

static inline rpc_world *make_world(uint32_t max_in_flight, rpc_client_config config) {
  rpc_world *world = calloc(1, sizeof *world);
  assert_non_null(world);
  world->clock = rpc_clock_create();
  rpc_random_init(&world->random, 7);
  world->metrics = metrics_registry_create();
  world->traces = trace_recorder_create("inventory", 64);
  pthread_mutex_init(&world->lock, NULL);
  start_server(world, "tcp://127.0.0.1:0", max_in_flight);
  snprintf(world->url, sizeof world->url, "tcp://127.0.0.1:%u", rpc_listener_port(world->listener));
  world->client = make_client(world, world->url, config);
  wait_until_connected(world->client, true);
  return world;
}

static inline void let_late_answers_arrive(rpc_world *world);

static inline void end_world(rpc_world *world) {
  if (world->server && world->client) let_late_answers_arrive(world);
  rpc_client_destroy(world->client);
  if (world->server) {
    assert_true(rpc_server_drain(world->server, 20000));
    stop_server(world);
  }
  trace_recorder_destroy(world->traces);
  metrics_registry_destroy(world->metrics);
  rpc_clock_destroy(world->clock);
  pthread_mutex_destroy(&world->lock);
  free(world);
}

/* --- calls that wait for their outcome --- */

typedef struct call_outcome {
  pthread_mutex_t lock;
  pthread_cond_t done;
  bool is_done;
  rpc_status status;
  int32_t total_stock;
} call_outcome;

static inline void on_product(void *arg, const rpc_status *status, const Store__V1__Product *product) {
  call_outcome *outcome = arg;
  pthread_mutex_lock(&outcome->lock);
  outcome->status = *status;
  outcome->total_stock = product ? product->total_stock : -1;
  outcome->is_done = true;
  pthread_cond_signal(&outcome->done);
  pthread_mutex_unlock(&outcome->lock);
}

static inline void outcome_init(call_outcome *outcome) {
  memset(outcome, 0, sizeof *outcome);
  pthread_mutex_init(&outcome->lock, NULL);
  pthread_cond_init(&outcome->done, NULL);
}

static inline rpc_status outcome_wait(call_outcome *outcome) {
  pthread_mutex_lock(&outcome->lock);
  while (!outcome->is_done) pthread_cond_wait(&outcome->done, &outcome->lock);
  pthread_mutex_unlock(&outcome->lock);
  return outcome->status;
}

static inline void on_checked(void *arg, const rpc_status *status, const Rpc__V1__HealthCheckResponse *response) {
  (void)response;
  on_product(arg, status, NULL);
}

/* One more exchange, after all others on the connection: NNG 1.5.2 may hang for ever where it is closed while a message
 * arrives (services/rpc/nng_shutdown.c), and with it the thread that ends all its connections. */
static inline void let_late_answers_arrive(rpc_world *world) {
  Rpc__V1__HealthCheckRequest check = RPC__V1__HEALTH_CHECK_REQUEST__INIT;
  call_outcome checked;
  outcome_init(&checked);
  rpc_v1_health_check(world->client, &check, NULL, on_checked, &checked);
  outcome_wait(&checked);
}

static inline void begin_get(rpc_client *client, const char *id, const rpc_call_options *options,
                             call_outcome *outcome) {
  Store__V1__GetProductRequest request = STORE__V1__GET_PRODUCT_REQUEST__INIT;
  request.product_id = (char *)id;
  outcome_init(outcome);
  store_v1_inventory_service_get_product(client, &request, options, on_product, outcome);
}

static inline rpc_status get(rpc_client *client, const char *id, const rpc_call_options *options) {
  call_outcome outcome;
  begin_get(client, id, options, &outcome);
  return outcome_wait(&outcome);
}

static inline rpc_status restock(rpc_client *client, const rpc_call_options *options) {
  Store__V1__RestockProductRequest request = STORE__V1__RESTOCK_PRODUCT_REQUEST__INIT;
  request.product_id = (char *)"LAPTOP-001";
  request.quantity = 1;
  call_outcome outcome;
  outcome_init(&outcome);
  store_v1_inventory_service_restock_product(client, &request, options, on_product, &outcome);
  return outcome_wait(&outcome);
}

static inline rpc_call *wait_for_held(rpc_world *world) {
  for (int i = 0; i < 20000; i++) {
    pthread_mutex_lock(&world->lock);
    rpc_call *call = world->held;
    pthread_mutex_unlock(&world->lock);
    if (call) return call;
    usleep(1000);
  }
  fail_msg("no call arrived");
  return NULL;
}

/* Ends main: the tests with one thread for NNG's callbacks, then with all that it has. (cmocka counts them by sizeof.)
 */
#define RUN_WITH_FEW_AND_ALL_THREADS(tests)                                                       \
  do {                                                                                            \
    setenv("STORE_RPC_THREADS", "1", 1);                                                          \
    nng_threads *limit = nng_threads_limit();                                                     \
    int failed = cmocka_run_group_tests_name("with one thread for callbacks", tests, NULL, NULL); \
    nng_threads_release(limit);                                                                   \
    return failed + cmocka_run_group_tests_name("with all that NNG has", tests, NULL, NULL);      \
  } while (0)
