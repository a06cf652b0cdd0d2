/* The RPC core over real sockets: a server with handlers of its own, clients of the typed stubs, every outcome. */
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

#include "rpc/envelope.h"
#include "rpc/listener.h"
#include "rpc/nng_threads.h"
#include "rpc/v1/health.rpc.h"
#include "rpc/v1/metrics.rpc.h"
#include "rpc/v1/reflection.rpc.h"
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

static void reply_product(rpc_call *call, int32_t stock) {
  Store__V1__Product product = STORE__V1__PRODUCT__INIT;
  product.product_id = (char *)"LAPTOP-001";
  product.total_stock = stock;
  store_v1_inventory_service_get_product_reply(call, &product);
}

static void on_delay_over(void *arg) {
  reply_product(arg, 7);
}

static void remember(rpc_world *world, rpc_call *call) {
  const char *key = rpc_call_metadata(call, RPC_METADATA_IDEMPOTENCY_KEY);
  const char *traceparent = rpc_call_metadata(call, RPC_METADATA_TRACEPARENT);
  snprintf(world->seen_key, sizeof world->seen_key, "%s", key ? key : "");
  snprintf(world->seen_traceparent, sizeof world->seen_traceparent, "%s", traceparent ? traceparent : "");
  snprintf(world->seen_correlation, sizeof world->seen_correlation, "%s", rpc_call_correlation_id(call));
  world->seen_left_us = rpc_call_deadline_us(call) - rpc_clock_now_us(world->clock);
}

static void answer(rpc_world *world, rpc_call *call) {
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

static void get_product(void *self, rpc_call *call, const Store__V1__GetProductRequest *request) {
  if (strcmp(request->product_id, "NONE") == 0) {
    rpc_status status = rpc_status_error(RPC_NOT_FOUND, "PRODUCT_NOT_FOUND", "no product 'NONE'");
    snprintf(status.field, sizeof status.field, "product_id");
    rpc_status_set_fact(&status, "product_id", "NONE");
    rpc_call_fail(call, &status);
    return;
  }
  answer(self, call);
}

static void restock_product(void *self, rpc_call *call, const Store__V1__RestockProductRequest *request) {
  (void)request;
  answer(self, call);
}

static const store_v1_inventory_service_handlers handlers = {
    .get_product = get_product,
    .restock_product = restock_product,
};

static void start_server(rpc_world *world, const char *url, uint32_t max_in_flight) {
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

static void stop_server(rpc_world *world) {
  rpc_listener_destroy(world->listener);
  rpc_server_destroy(world->server);
  world->listener = NULL;
  world->server = NULL;
}

static rpc_client *make_client(rpc_world *world, const char *urls, rpc_client_config config) {
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

static void wait_until_connected(rpc_client *client, bool connected) {
  for (int i = 0; i < 20000 && rpc_client_connected(client) != connected; i++) usleep(1000);
  assert_int_equal(rpc_client_connected(client), connected);
}

static rpc_world *make_world(uint32_t max_in_flight, rpc_client_config config) {
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

static void let_late_answers_arrive(rpc_world *world);

static void end_world(rpc_world *world) {
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

static void on_product(void *arg, const rpc_status *status, const Store__V1__Product *product) {
  call_outcome *outcome = arg;
  pthread_mutex_lock(&outcome->lock);
  outcome->status = *status;
  outcome->total_stock = product ? product->total_stock : -1;
  outcome->is_done = true;
  pthread_cond_signal(&outcome->done);
  pthread_mutex_unlock(&outcome->lock);
}

static void outcome_init(call_outcome *outcome) {
  memset(outcome, 0, sizeof *outcome);
  pthread_mutex_init(&outcome->lock, NULL);
  pthread_cond_init(&outcome->done, NULL);
}

static rpc_status outcome_wait(call_outcome *outcome) {
  pthread_mutex_lock(&outcome->lock);
  while (!outcome->is_done) pthread_cond_wait(&outcome->done, &outcome->lock);
  pthread_mutex_unlock(&outcome->lock);
  return outcome->status;
}

static void on_checked(void *arg, const rpc_status *status, const Rpc__V1__HealthCheckResponse *response) {
  (void)response;
  on_product(arg, status, NULL);
}

/* One more exchange, after all others on the connection: NNG 1.5.2 may hang for ever where it is closed while a message
 * arrives (services/rpc/nng_shutdown.c), and with it the thread that ends all its connections. */
static void let_late_answers_arrive(rpc_world *world) {
  Rpc__V1__HealthCheckRequest check = RPC__V1__HEALTH_CHECK_REQUEST__INIT;
  call_outcome checked;
  outcome_init(&checked);
  rpc_v1_health_check(world->client, &check, NULL, on_checked, &checked);
  outcome_wait(&checked);
}

static void begin_get(rpc_client *client, const char *id, const rpc_call_options *options, call_outcome *outcome) {
  Store__V1__GetProductRequest request = STORE__V1__GET_PRODUCT_REQUEST__INIT;
  request.product_id = (char *)id;
  outcome_init(outcome);
  store_v1_inventory_service_get_product(client, &request, options, on_product, outcome);
}

static rpc_status get(rpc_client *client, const char *id, const rpc_call_options *options) {
  call_outcome outcome;
  begin_get(client, id, options, &outcome);
  return outcome_wait(&outcome);
}

static rpc_status restock(rpc_client *client, const rpc_call_options *options) {
  Store__V1__RestockProductRequest request = STORE__V1__RESTOCK_PRODUCT_REQUEST__INIT;
  request.product_id = (char *)"LAPTOP-001";
  request.quantity = 1;
  call_outcome outcome;
  outcome_init(&outcome);
  store_v1_inventory_service_restock_product(client, &request, options, on_product, &outcome);
  return outcome_wait(&outcome);
}

static rpc_call *wait_for_held(rpc_world *world) {
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

/* --- tests --- */

static void a_call_is_answered_with_its_response(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){0});
  call_outcome outcome;
  begin_get(world->client, "LAPTOP-001", NULL, &outcome);
  assert_int_equal(outcome_wait(&outcome).code, RPC_OK);
  assert_int_equal(outcome.total_stock, 7);
  end_world(world);
}

static void an_error_arrives_with_reason_field_and_facts(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){0});
  rpc_status status = get(world->client, "NONE", NULL);
  assert_int_equal(status.code, RPC_NOT_FOUND);
  assert_string_equal(status.reason, "PRODUCT_NOT_FOUND");
  assert_string_equal(status.field, "product_id");
  assert_string_equal(status.message, "no product 'NONE'");
  assert_string_equal(rpc_status_fact_of(&status, "product_id"), "NONE");
  end_world(world);
}

static void metadata_and_what_is_left_of_the_deadline_travel(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){0});
  trace_context parent;
  assert_true(trace_context_parse("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", &parent));
  rpc_call_options options = {.deadline_us = rpc_clock_now_us(world->clock) + 5000000,
                              .idempotency_key = "key-1",
                              .correlation_id = "corr-1",
                              .parent = &parent};
  assert_int_equal(get(world->client, "LAPTOP-001", &options).code, RPC_OK);
  assert_string_equal(world->seen_key, "key-1");
  assert_string_equal(world->seen_correlation, "corr-1");
  assert_memory_equal(world->seen_traceparent, "00-0af7651916cd43dd8448eb211c80319c-", 36);
  assert_null(strstr(world->seen_traceparent, "b7ad6b7169203331"));
  assert_in_range(world->seen_left_us, 1, 5001000);
  end_world(world);
}

static void an_idempotent_call_is_retried_when_unavailable(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){.max_attempts = 4, .backoff_ms = 1});
  world->failures_left = 3;
  assert_int_equal(get(world->client, "LAPTOP-001", NULL).code, RPC_OK);
  assert_int_equal(world->handled, 4);
  end_world(world);
}

static void attempts_are_bounded(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){.max_attempts = 3, .backoff_ms = 1});
  world->failures_left = 1000;
  rpc_status status = get(world->client, "LAPTOP-001", NULL);
  assert_int_equal(status.code, RPC_UNAVAILABLE);
  assert_string_equal(status.reason, "TEMPORARY_ERROR");
  assert_int_equal(world->handled, 3);
  end_world(world);
}

static void another_call_is_retried_only_with_a_key(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){.backoff_ms = 1});
  world->failures_left = 1;
  assert_int_equal(restock(world->client, NULL).code, RPC_UNAVAILABLE);
  assert_int_equal(world->handled, 1);
  world->failures_left = 1;
  assert_int_equal(restock(world->client, &(rpc_call_options){.idempotency_key = "k"}).code, RPC_OK);
  assert_int_equal(world->handled, 3);
  end_world(world);
}

static void retries_end_when_the_budget_is_spent(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){.max_attempts = 4, .backoff_ms = 1});
  world->failures_left = 1000000;
  for (int i = 0; i < 1000; i++) get(world->client, "LAPTOP-001", NULL);
  /* Without a budget there would be 4,000 attempts; it allows about four hundred retries. */
  assert_in_range(world->handled, 1000, 1600);
  end_world(world);
}

static void a_deadline_ends_a_call_that_is_not_answered(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){0});
  world->hold = true;
  rpc_call_options options = {.deadline_us = rpc_clock_now_us(world->clock) + 50000};
  rpc_status status = get(world->client, "LAPTOP-001", &options);
  assert_int_equal(status.code, RPC_DEADLINE_EXCEEDED);
  assert_int_equal(world->handled, 1);
  reply_product(wait_for_held(world), 1); /* a late answer harms nobody */
  world->hold = false;
  assert_int_equal(get(world->client, "LAPTOP-001", NULL).code, RPC_OK);
  end_world(world);
}

static void a_deadline_in_the_past_is_not_sent(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){0});
  rpc_call_options options = {.deadline_us = rpc_clock_now_us(world->clock) - 1};
  assert_int_equal(get(world->client, "LAPTOP-001", &options).code, RPC_DEADLINE_EXCEEDED);
  assert_int_equal(world->handled, 0);
  end_world(world);
}

static void an_attempt_that_hangs_is_made_again(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){.attempt_timeout_ms = 100, .backoff_ms = 1});
  world->hold = true;
  call_outcome outcome;
  begin_get(world->client, "LAPTOP-001", NULL, &outcome);
  rpc_call *first = wait_for_held(world);
  pthread_mutex_lock(&world->lock);
  world->hold = false;
  pthread_mutex_unlock(&world->lock);
  assert_int_equal(outcome_wait(&outcome).code, RPC_OK);
  assert_in_range(world->handled, 2, 4);
  reply_product(first, 1);
  end_world(world);
}

static void past_the_bound_calls_are_refused_at_once(void **state) {
  (void)state;
  rpc_world *world = make_world(2, (rpc_client_config){0});
  world->delay_us = 300000;
  enum { CALLS = 20 };
  call_outcome outcomes[CALLS];
  for (int i = 0; i < CALLS; i++) begin_get(world->client, "LAPTOP-001", NULL, &outcomes[i]);
  int ok = 0, refused = 0;
  for (int i = 0; i < CALLS; i++) {
    rpc_status status = outcome_wait(&outcomes[i]);
    if (status.code == RPC_OK) ok++;
    if (status.code == RPC_RESOURCE_EXHAUSTED && strcmp(status.reason, "TOO_MANY_CALLS") == 0) refused++;
  }
  assert_int_equal(ok + refused, CALLS);
  assert_true(ok >= 2 && refused >= 1);
  end_world(world);
}

static rpc_load load_of(void *wait_us) {
  return (rpc_load){.wait_us = *(int64_t *)wait_us};
}

static void while_what_is_queued_waits_too_long_new_work_is_refused(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){0});
  int64_t wait_us = 0;
  rpc_server_watch_queue(world->server, load_of, &wait_us);
  assert_int_equal(restock(world->client, NULL).code, RPC_OK);
  wait_us = INT64_MAX;
  rpc_status status = restock(world->client, NULL);
  assert_int_equal(status.code, RPC_RESOURCE_EXHAUSTED);
  assert_string_equal(status.reason, RPC_REASON_OVERLOADED);
  assert_int_equal(world->handled, 1);
  assert_int_equal(get(world->client, "LAPTOP-001", NULL).code, RPC_OK); /* reads wait for nothing */
  rpc_server_always_admit(world->server, "/store.v1.InventoryService/RestockProduct");
  assert_int_equal(restock(world->client, NULL).code, RPC_OK);
  const char *const refused[] = {"/store.v1.InventoryService/RestockProduct", RPC_REASON_OVERLOADED};
  metrics_family *errors = metrics_define(world->metrics, METRICS_COUNTER, "rpc_server_errors_total", "",
                                          (const char *const[]){"method", "reason", NULL});
  assert_int_equal(metrics_value(metrics_series_get(errors, refused)), 1);
  end_world(world);
}

static rpc_load busy_load_of(void *load) {
  return *(rpc_load *)load;
}

static void while_overloaded_reads_do_not_use_up_the_rate_of_writes(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){0});
  rpc_load load = {0};
  rpc_server_watch_queue(world->server, busy_load_of, &load);
  enum { WRITES = 4, READS = 40 };
  for (int i = 0; i < WRITES; i++) assert_int_equal(restock(world->client, NULL).code, RPC_OK);
  nanosleep(&(struct timespec){.tv_nsec = 150 * 1000000}, NULL); /* more than what admission learns by at a time */
  load.busy_us = WRITES * INT64_C(60000000); /* a write is a minute of the queue: so is the time until the next */
  assert_int_equal(get(world->client, "LAPTOP-001", NULL).code, RPC_OK);
  load.wait_us = INT64_MAX;
  const rpc_call_options options = {.is_admitted = true};
  assert_int_equal(restock(world->client, &options).code, RPC_RESOURCE_EXHAUSTED);
  load.wait_us = 0;
  for (int i = 0; i < READS; i++) assert_int_equal(get(world->client, "LAPTOP-001", NULL).code, RPC_OK);
  assert_int_equal(restock(world->client, &options).code, RPC_OK);
  assert_int_equal(restock(world->client, &options).code, RPC_RESOURCE_EXHAUSTED);
  end_world(world);
}

static void thousands_of_calls_in_flight_are_all_answered(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){0});
  world->delay_us = 200000;
  enum { CALLS = 3000 };
  call_outcome *outcomes = calloc(CALLS, sizeof *outcomes);
  for (int i = 0; i < CALLS; i++) begin_get(world->client, "LAPTOP-001", NULL, &outcomes[i]);
  for (int i = 0; i < CALLS; i++) assert_int_equal(outcome_wait(&outcomes[i]).code, RPC_OK);
  assert_int_equal(world->handled, CALLS);
  free(outcomes);
  end_world(world);
}

static void without_a_server_a_call_is_unavailable_and_recovers(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){.backoff_ms = 1});
  stop_server(world);
  wait_until_connected(world->client, false);
  rpc_status status = get(world->client, "LAPTOP-001", NULL);
  assert_int_equal(status.code, RPC_UNAVAILABLE);
  assert_string_equal(status.reason, RPC_REASON_NOT_CONNECTED);
  start_server(world, world->url, 0);
  wait_until_connected(world->client, true);
  assert_int_equal(get(world->client, "LAPTOP-001", NULL).code, RPC_OK);
  end_world(world);
}

static void a_draining_server_begins_nothing_and_ends_what_it_began(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){.max_attempts = 1});
  world->hold = true;
  call_outcome begun;
  begin_get(world->client, "LAPTOP-001", NULL, &begun);
  rpc_call *call = wait_for_held(world);
  assert_false(rpc_server_drain(world->server, 10));
  rpc_call_options options = {.deadline_us = rpc_clock_now_us(world->clock) + 100000};
  rpc_status status = get(world->client, "LAPTOP-001", &options);
  assert_int_equal(status.code, RPC_UNAVAILABLE);
  assert_string_equal(status.reason, RPC_REASON_DRAINING);
  assert_int_equal(world->handled, 1);
  reply_product(call, 3);
  assert_int_equal(outcome_wait(&begun).code, RPC_OK);
  assert_int_equal(begun.total_stock, 3);
  end_world(world);
}

/* Whatever the method, and though only one attempt is allowed: what a stopping server refused was never begun. */
static void calls_go_past_a_stopping_replica_to_another(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){.max_attempts = 1, .backoff_ms = 5});
  world->hold = true;
  call_outcome begun, waiting;
  begin_get(world->client, "LAPTOP-001", NULL, &begun);
  rpc_call *call = wait_for_held(world);
  assert_false(rpc_server_drain(world->server, 10));
  Store__V1__RestockProductRequest request = STORE__V1__RESTOCK_PRODUCT_REQUEST__INIT;
  request.product_id = (char *)"LAPTOP-001";
  outcome_init(&waiting);
  store_v1_inventory_service_restock_product(world->client, &request, NULL, on_product, &waiting);
  reply_product(call, 3);
  assert_int_equal(outcome_wait(&begun).code, RPC_OK);
  /* A second server on another port, as a replica: the client has both, and the first one goes. */
  world->hold = false;
  rpc_server *old_server = world->server;
  rpc_listener *old_listener = world->listener;
  start_server(world, "tcp://127.0.0.1:0", 0);
  char urls[160];
  snprintf(urls, sizeof urls, "%s,tcp://127.0.0.1:%u", world->url, rpc_listener_port(world->listener));
  rpc_client *both = make_client(world, urls, (rpc_client_config){.max_attempts = 1, .backoff_ms = 5});
  wait_until_connected(both, true);
  for (int i = 0; i < 20; i++) assert_int_equal(restock(both, NULL).code, RPC_OK);
  rpc_client_destroy(both);
  rpc_client_destroy(world->client); /* what still waits for the old server ends with it */
  world->client = NULL;
  assert_int_not_equal(outcome_wait(&waiting).code, RPC_OK);
  rpc_listener_destroy(old_listener);
  rpc_server_destroy(old_server);
  end_world(world);
}

static void destroying_a_client_cancels_its_calls(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){0});
  world->hold = true;
  call_outcome outcome;
  begin_get(world->client, "LAPTOP-001", NULL, &outcome);
  rpc_call *call = wait_for_held(world);
  rpc_client_destroy(world->client);
  assert_int_equal(outcome_wait(&outcome).code, RPC_CANCELLED);
  reply_product(call, 1);
  world->client = NULL;
  end_world(world);
}

/* --- raw envelopes --- */

typedef struct captured_response {
  nng_msg *message;
} captured_response;

static void capture(void *arg, nng_msg *response) {
  ((captured_response *)arg)->message = response;
}

static rpc_status handle_bytes(rpc_world *world, const void *bytes, size_t size) {
  nng_msg *message;
  assert_int_equal(nng_msg_alloc(&message, size), 0);
  if (size) memcpy(nng_msg_body(message), bytes, size);
  captured_response captured = {0};
  rpc_server_handle(world->server, message, capture, &captured);
  assert_non_null(captured.message);
  rpc_arena arena;
  rpc_arena_init(&arena, 1 << 20);
  Rpc__V1__Response *response = envelope_unpack_response(captured.message, &arena);
  assert_non_null(response);
  rpc_status status = envelope_status(response);
  rpc_arena_free(&arena);
  nng_msg_free(captured.message);
  return status;
}

static rpc_status handle_request(rpc_world *world, const char *method, const rpc_metadata *metadata, size_t count,
                                 const void *payload, size_t size) {
  nng_msg *message = envelope_pack_request(method, 1000, metadata, count, payload, size);
  rpc_status status = handle_bytes(world, nng_msg_body(message), nng_msg_len(message));
  nng_msg_free(message);
  return status;
}

static void malformed_requests_are_refused_by_name(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){0});
  const char *get_method = "/store.v1.InventoryService/GetProduct";
  char long_value[RPC_METADATA_VALUE_MAX + 2];
  memset(long_value, 'x', sizeof long_value - 1);
  long_value[sizeof long_value - 1] = '\0';
  const struct {
    const char *method;
    rpc_metadata metadata;
    const char *payload;
    size_t size;
    rpc_code code;
    const char *reason, *field;
  } cases[] = {
      {get_method, {"a", NULL}, "\x0a\x0aLAPTOP-001", 12, RPC_OK, "", ""},
      {"/store.v1.InventoryService/Nothing", {"a", NULL}, "", 0, RPC_UNIMPLEMENTED, "UNKNOWN_METHOD", ""},
      {"", {"a", NULL}, "", 0, RPC_UNIMPLEMENTED, "UNKNOWN_METHOD", ""},
      {"/store.v1.InventoryService/ListProducts", {"a", NULL}, "", 0, RPC_UNIMPLEMENTED, "UNIMPLEMENTED", ""},
      {get_method, {"a", NULL}, "\x0a\x7f", 2, RPC_INVALID_ARGUMENT, "MALFORMED_PAYLOAD", ""},
      {get_method, {"a", NULL}, "\x0a\x02\xc3\x28", 4, RPC_INVALID_ARGUMENT, "INVALID_FIELD", "product_id"},
      {get_method,
       {"x-correlation-id", "has space"},
       "",
       0,
       RPC_INVALID_ARGUMENT,
       "INVALID_FIELD",
       "metadata.x-correlation-id"},
      {get_method, {"a", long_value}, "", 0, RPC_INVALID_ARGUMENT, "INVALID_FIELD", "metadata"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    rpc_status status = handle_request(world, cases[i].method, &cases[i].metadata, 1, cases[i].payload, cases[i].size);
    if (status.code != cases[i].code) fail_msg("case %zu: %s", i, status.message);
    assert_string_equal(status.reason, cases[i].reason);
    assert_string_equal(status.field, cases[i].field);
  }
  assert_string_equal(handle_bytes(world, "\xff\xff\xff", 3).reason, "MALFORMED_ENVELOPE");
  assert_int_equal(handle_bytes(world, "", 0).code, RPC_UNIMPLEMENTED);
  char *large = calloc(1, (1 << 20) + 1);
  assert_string_equal(handle_bytes(world, large, (1 << 20) + 1).reason, "MESSAGE_TOO_LARGE");
  free(large);
  end_world(world);
}

static void truncated_envelopes_never_crash(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){0});
  rpc_metadata metadata[] = {{"idempotency-key", "k"}, {"x-correlation-id", "c"}};
  nng_msg *message =
      envelope_pack_request("/store.v1.InventoryService/GetProduct", 1000, metadata, 2, "\x0a\x0aLAPTOP-001", 12);
  for (size_t size = 0; size <= nng_msg_len(message); size++) handle_bytes(world, nng_msg_body(message), size);
  nng_msg_free(message);
  end_world(world);
}

/* --- what every server answers --- */

typedef struct raw_outcome {
  call_outcome base;
  char *text;
} raw_outcome;

static void on_health(void *arg, const rpc_status *status, const Rpc__V1__HealthCheckResponse *response) {
  raw_outcome *outcome = arg;
  if (response) {
    outcome->text = malloc(256);
    snprintf(outcome->text, 256, "%s %s %s %s", response->status, response->service,
             response->n_dependencies ? response->dependencies[0]->name : "-",
             response->n_dependencies ? response->dependencies[0]->detail : "-");
  }
  on_product(&outcome->base, status, NULL);
}

static void on_scrape(void *arg, const rpc_status *status, const Rpc__V1__ScrapeResponse *response) {
  raw_outcome *outcome = arg;
  if (response) outcome->text = strndup((const char *)response->body.data, response->body.len);
  on_product(&outcome->base, status, NULL);
}

static void on_reflection(void *arg, const rpc_status *status, const Rpc__V1__GetFileDescriptorSetResponse *response) {
  raw_outcome *outcome = arg;
  if (response) outcome->text = strdup(response->services[response->n_services - 1]);
  if (response) assert_int_equal(response->file_descriptor_set.len, api_file_descriptor_set_size);
  on_product(&outcome->base, status, NULL);
}

static bool dependency_down(void *arg, char *detail, size_t size) {
  (void)arg;
  snprintf(detail, size, "disk full");
  return false;
}

static void every_server_answers_health_metrics_and_reflection(void **state) {
  (void)state;
  rpc_world *world = make_world(0, (rpc_client_config){0});
  rpc_server_add_dependency(world->server, "storage", true, dependency_down, NULL);
  raw_outcome health = {0}, scrape = {0}, reflection = {0};
  outcome_init(&health.base);
  outcome_init(&scrape.base);
  outcome_init(&reflection.base);
  Rpc__V1__HealthCheckRequest check = RPC__V1__HEALTH_CHECK_REQUEST__INIT;
  rpc_v1_health_check(world->client, &check, NULL, on_health, &health);
  assert_int_equal(outcome_wait(&health.base).code, RPC_OK);
  assert_string_equal(health.text, "NOT_SERVING inventory storage disk full");
  Rpc__V1__ScrapeRequest ask = RPC__V1__SCRAPE_REQUEST__INIT;
  rpc_v1_metrics_scrape(world->client, &ask, NULL, on_scrape, &scrape);
  assert_int_equal(outcome_wait(&scrape.base).code, RPC_OK);
  assert_non_null(strstr(scrape.text, "rpc_server_requests_total{method=\"/rpc.v1.Health/Check\",code=\"OK\"} 1"));
  Rpc__V1__GetFileDescriptorSetRequest reflect = RPC__V1__GET_FILE_DESCRIPTOR_SET_REQUEST__INIT;
  rpc_v1_reflection_get_file_descriptor_set(world->client, &reflect, NULL, on_reflection, &reflection);
  assert_int_equal(outcome_wait(&reflection.base).code, RPC_OK);
  assert_string_equal(reflection.text, "store.v1.InventoryService");
  free(health.text);
  free(scrape.text);
  free(reflection.text);
  end_world(world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_call_is_answered_with_its_response),
      cmocka_unit_test(an_error_arrives_with_reason_field_and_facts),
      cmocka_unit_test(metadata_and_what_is_left_of_the_deadline_travel),
      cmocka_unit_test(an_idempotent_call_is_retried_when_unavailable),
      cmocka_unit_test(attempts_are_bounded),
      cmocka_unit_test(another_call_is_retried_only_with_a_key),
      cmocka_unit_test(retries_end_when_the_budget_is_spent),
      cmocka_unit_test(a_deadline_ends_a_call_that_is_not_answered),
      cmocka_unit_test(a_deadline_in_the_past_is_not_sent),
      cmocka_unit_test(an_attempt_that_hangs_is_made_again),
      cmocka_unit_test(past_the_bound_calls_are_refused_at_once),
      cmocka_unit_test(while_what_is_queued_waits_too_long_new_work_is_refused),
      cmocka_unit_test(while_overloaded_reads_do_not_use_up_the_rate_of_writes),
      cmocka_unit_test(thousands_of_calls_in_flight_are_all_answered),
      cmocka_unit_test(without_a_server_a_call_is_unavailable_and_recovers),
      cmocka_unit_test(a_draining_server_begins_nothing_and_ends_what_it_began),
      cmocka_unit_test(calls_go_past_a_stopping_replica_to_another),
      cmocka_unit_test(destroying_a_client_cancels_its_calls),
      cmocka_unit_test(malformed_requests_are_refused_by_name),
      cmocka_unit_test(truncated_envelopes_never_crash),
      cmocka_unit_test(every_server_answers_health_metrics_and_reflection),
  };
  setenv("STORE_RPC_THREADS", "1", 1);
  nng_threads *limit = nng_threads_limit();
  int failed = cmocka_run_group_tests_name("with one thread for callbacks", tests, NULL, NULL);
  nng_threads_release(limit);
  return failed + cmocka_run_group_tests_name("with all that NNG has", tests, NULL, NULL);
}
