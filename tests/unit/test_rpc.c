/* Calls over real sockets, as their client sees them: every outcome, retries, deadlines, replicas. */
#include <sys/socket.h>
#include <sys/un.h>

#include "rpc_world.h"

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

/* A server that says hello as NNG's do (https://nanomsg.org/rfcs/sp-ipc-v1.html) and reads nothing. */
static int listen_deaf(struct sockaddr_un *address) {
  int listening = socket(AF_UNIX, SOCK_STREAM, 0);
  assert_int_equal(bind(listening, (struct sockaddr *)address, sizeof *address), 0);
  assert_int_equal(listen(listening, 1), 0);
  return listening;
}

static int accept_deaf(int listening) {
  static const char hello[] = {0, 'S', 'P', 0, 0, 0x31, 0, 0};
  int connection = accept(listening, NULL, NULL);
  assert_int_equal(send(connection, hello, sizeof hello, 0), sizeof hello);
  return connection;
}

static void what_no_server_takes_is_felt_as_a_wait(void **state) {
  (void)state;
  enum { CALLS = 6000, LONG_US = 100000 };
  rpc_world *world = make_world(0, (rpc_client_config){0});
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "/tmp/test_rpc-%ld.ipc", (long)getpid());
  char url[sizeof address.sun_path + 8];
  snprintf(url, sizeof url, "ipc://%s", address.sun_path);
  int listening = listen_deaf(&address);
  rpc_client *client = make_client(world, url, (rpc_client_config){.timeout_ms = 60000});
  int connection = accept_deaf(listening);
  wait_until_connected(client, true);
  assert_int_equal(rpc_client_send_wait_us(client), 0);
  call_outcome *outcomes = calloc(CALLS, sizeof *outcomes);
  for (int i = 0; i < CALLS; i++) begin_get(client, "LAPTOP-001", NULL, &outcomes[i]);
  for (int i = 0; i < 20000 && rpc_client_send_wait_us(client) < LONG_US; i++) usleep(1000);
  assert_true(rpc_client_send_wait_us(client) >= LONG_US);
  for (int i = 0; i < 200; i++) assert_int_equal(get(world->client, "LAPTOP-001", NULL).code, RPC_OK);
  assert_int_equal(rpc_client_send_wait_us(world->client), 0); /* of a server that reads */
  rpc_client_destroy(client);
  for (int i = 0; i < CALLS; i++) assert_int_equal(outcome_wait(&outcomes[i]).code, RPC_CANCELLED);
  free(outcomes);
  close(connection);
  close(listening);
  unlink(address.sun_path);
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
      cmocka_unit_test(thousands_of_calls_in_flight_are_all_answered),
      cmocka_unit_test(without_a_server_a_call_is_unavailable_and_recovers),
      cmocka_unit_test(a_draining_server_begins_nothing_and_ends_what_it_began),
      cmocka_unit_test(calls_go_past_a_stopping_replica_to_another),
      cmocka_unit_test(destroying_a_client_cancels_its_calls),
      cmocka_unit_test(what_no_server_takes_is_felt_as_a_wait),
  };
  RUN_WITH_FEW_AND_ALL_THREADS(tests);
}
