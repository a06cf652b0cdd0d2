/* What a server refuses, for its bounds, its load and what it cannot read, and what every server answers. */
#include "rpc/envelope.h"
#include "rpc/v1/metrics.rpc.h"
#include "rpc/v1/reflection.rpc.h"
#include "rpc_world.h"

/* --- bounds and load --- */

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
      cmocka_unit_test(past_the_bound_calls_are_refused_at_once),
      cmocka_unit_test(while_what_is_queued_waits_too_long_new_work_is_refused),
      cmocka_unit_test(while_overloaded_reads_do_not_use_up_the_rate_of_writes),
      cmocka_unit_test(malformed_requests_are_refused_by_name),
      cmocka_unit_test(truncated_envelopes_never_crash),
      cmocka_unit_test(every_server_answers_health_metrics_and_reflection),
  };
  RUN_WITH_FEW_AND_ALL_THREADS(tests);
}
