/* What client and server say of a call: spans with their attributes, retries, errors by reason, and the trace read back
 * with rpc.v1.Traces. Over a simulated network, on a virtual clock. */
#include "service_fixture.h"

#include "rpc/client.h"
#include "rpc/trace_service.h"
#include "rpc/v1/traces.rpc.h"
#include "simulation/network.h"
#include "store/v1/inventory.rpc.h"

typedef struct tracing_world {
  fixture server;
  trace_recorder *caller, *callee;
  rpc_server *rpc;
  network *net;
  network_node *node;
  rpc_client *client;
  int failures; /* calls to fail as UNAVAILABLE before one goes through */
} tracing_world;

static void get_product(void *self, rpc_call *call, const Store__V1__GetProductRequest *request) {
  tracing_world *world = self;
  rpc_status status = rpc_status_error(RPC_NOT_FOUND, "PRODUCT_NOT_FOUND", "no such product");
  if (world->failures-- > 0) status = rpc_status_error(RPC_UNAVAILABLE, "TEMPORARY_ERROR", "try again");
  if (strcmp(request->product_id, "NONE") == 0 || status.code == RPC_UNAVAILABLE) {
    rpc_call_fail(call, &status);
    return;
  }
  trace_span lookup = rpc_call_span_start(call, "look up");
  rpc_call_span_end(call, &lookup, RPC_OK, NULL);
  Store__V1__Product product = STORE__V1__PRODUCT__INIT;
  store_v1_inventory_service_get_product_reply(call, &product);
}

static int setup(void **state) {
  static const store_v1_inventory_service_handlers handlers = {.get_product = get_product};
  tracing_world *world = calloc(1, sizeof *world);
  fixture_open(&world->server);
  world->caller = trace_recorder_create("order", 64);
  world->callee = trace_recorder_create("inventory", 64);
  fixture_close_server(&world->server); /* one with a recorder instead */
  world->rpc = rpc_server_create(&(rpc_server_config){.name = "inventory",
                                                      .clock = world->server.clock,
                                                      .random = &world->server.random,
                                                      .metrics = world->server.metrics,
                                                      .traces = world->callee});
  store_v1_inventory_service_register(world->rpc, &handlers, world);
  world->net = network_create(world->server.clock, &world->server.random, &(network_faults){0}, NULL);
  world->node = network_node_create(world->net, "inventory");
  network_node_up(world->node, world->rpc);
  world->client = rpc_client_create(&(rpc_client_config){.target = "inventory",
                                                         .transport = network_connect(NULL, world->node, false),
                                                         .clock = world->server.clock,
                                                         .random = &world->server.random,
                                                         .metrics = world->server.metrics,
                                                         .traces = world->caller});
  *state = world;
  return 0;
}

static int teardown(void **state) {
  tracing_world *world = *state;
  rpc_client_destroy(world->client);
  network_node_destroy(world->node);
  network_destroy(world->net);
  rpc_server_destroy(world->rpc);
  trace_recorder_destroy(world->caller);
  trace_recorder_destroy(world->callee);
  fixture_close(&world->server);
  free(world);
  return 0;
}

static void on_product(void *arg, const rpc_status *status, const Store__V1__Product *product) {
  (void)status, (void)product;
  *(bool *)arg = true;
}

static void get(tracing_world *world, const char *id) {
  Store__V1__GetProductRequest request = STORE__V1__GET_PRODUCT_REQUEST__INIT;
  request.product_id = (char *)id;
  bool done = false;
  store_v1_inventory_service_get_product(world->client, &request, &(rpc_call_options){.correlation_id = "corr"},
                                         on_product, &done);
  while (!done) assert_true(rpc_clock_advance(world->server.clock));
}

/* The value of an attribute as text; NULL where there is none. */
static const char *attribute(const trace_record *record, const char *key, char text[64]) {
  for (size_t i = 0; i < record->attribute_count; i++) {
    const trace_attribute *found = &record->attributes[i];
    if (strcmp(found->key, key) != 0) continue;
    if (found->text != NULL) {
      snprintf(text, 64, "%.*s", (int)found->number, found->text);
    } else {
      snprintf(text, 64, "%lld", (long long)found->number);
    }
    return text;
  }
  return NULL;
}

static void assert_attribute(const trace_record *record, const char *key, const char *expected) {
  char text[64];
  const char *found = attribute(record, key, text);
  assert_non_null(found);
  assert_string_equal(found, expected);
}

static void call_has_a_span_on_either_side(void **state) {
  tracing_world *world = *state;
  get(world, "LAPTOP-001");
  trace_record made[8], answered[8];
  assert_int_equal(trace_recorder_find(world->caller, "corr", made, 8), 1);
  assert_int_equal(trace_recorder_find(world->callee, "corr", answered, 8), 2);
  assert_string_equal(made[0].name, "store.v1.InventoryService/GetProduct");
  assert_string_equal(answered[0].name, "store.v1.InventoryService/GetProduct");
  assert_memory_equal(answered[0].parent_id, made[0].span_id, 8);
  assert_string_equal(answered[1].name, "look up");
  assert_memory_equal(answered[1].parent_id, answered[0].span_id, 8);
  const trace_record *both[] = {&made[0], &answered[0]};
  for (size_t i = 0; i < 2; i++) {
    assert_attribute(both[i], "rpc.system", "nng");
    assert_attribute(both[i], "rpc.service", "store.v1.InventoryService");
    assert_attribute(both[i], "rpc.method", "GetProduct");
    assert_attribute(both[i], "rpc.grpc.status_code", "0");
    assert_string_equal(both[i]->detail, "");
  }
  assert_attribute(&made[0], "peer.service", "inventory");
  assert_attribute(&made[0], "rpc.attempts", "1");
}

static void retries_show_as_attempts_at_the_server_with_a_backoff_between(void **state) {
  tracing_world *world = *state;
  world->failures = 2;
  get(world, "LAPTOP-001");
  trace_record made[8], answered[8];
  assert_int_equal(trace_recorder_find(world->caller, "corr", made, 8), 3);
  assert_attribute(&made[0], "rpc.attempts", "3");
  assert_int_equal(made[0].code, RPC_OK);
  for (int i = 1; i <= 2; i++) {
    char attempt[4];
    snprintf(attempt, sizeof attempt, "%d", i);
    assert_string_equal(made[i].name, "backoff");
    assert_memory_equal(made[i].parent_id, made[0].span_id, 8);
    assert_attribute(&made[i], "rpc.attempt", attempt);
    assert_string_equal(made[i].detail, "TEMPORARY_ERROR");
  }
  assert_int_equal(trace_recorder_find(world->callee, "corr", answered, 8), 4); /* three, and the look-up of the last */
  assert_int_equal(answered[0].code, RPC_UNAVAILABLE);
  assert_int_equal(answered[2].code, RPC_OK);
  for (int i = 0; i < 3; i++) assert_memory_equal(answered[i].parent_id, made[0].span_id, 8);
}

static int64_t errors(tracing_world *world, const char *method, const char *reason) {
  metrics_family *family = metrics_define(world->server.metrics, METRICS_COUNTER, "rpc_server_errors_total", "",
                                          (const char *const[]){"method", "reason", NULL});
  return metrics_value(metrics_series_get(family, (const char *const[]){method, reason}));
}

static void errors_are_counted_by_reason(void **state) {
  tracing_world *world = *state;
  static const char method[] = "/store.v1.InventoryService/GetProduct";
  get(world, "NONE");
  get(world, "NONE");
  get(world, "LAPTOP-001");
  assert_int_equal(errors(world, method, "PRODUCT_NOT_FOUND"), 2);
  world->failures = 1;
  get(world, "LAPTOP-001");
  assert_int_equal(errors(world, method, "TEMPORARY_ERROR"), 1);
  trace_record made[8];
  size_t count = trace_recorder_find(world->caller, "corr", made, 8);
  assert_string_equal(made[0].detail, "PRODUCT_NOT_FOUND"); /* error.type */
  assert_true(count > 3);
}

typedef struct trace_answer {
  bool done;
  size_t spans;
  char names[4][64];
} trace_answer;

static void on_trace(void *arg, const rpc_status *status, const Rpc__V1__GetTraceResponse *response) {
  trace_answer *answer = arg;
  assert_int_equal(status->code, RPC_OK);
  answer->done = true;
  answer->spans = response->n_spans;
  for (size_t i = 0; i < response->n_spans && i < 4; i++) {
    const Rpc__V1__Span *span = response->spans[i];
    assert_string_equal(span->service, "inventory");
    assert_int_equal(strlen(span->trace_id), 32);
    snprintf(answer->names[i], sizeof answer->names[i], "%s %s", span->name, i == 0 ? span->attributes[0]->value : "");
  }
}

static trace_answer get_trace(tracing_world *world, const char *correlation_id) {
  Rpc__V1__GetTraceRequest request = RPC__V1__GET_TRACE_REQUEST__INIT;
  request.correlation_id = (char *)correlation_id;
  trace_answer answer = {0};
  rpc_v1_traces_get_trace(world->client, &request, &(rpc_call_options){.correlation_id = "other"}, on_trace, &answer);
  while (!answer.done) assert_true(rpc_clock_advance(world->server.clock));
  return answer;
}

static void trace_is_read_back_from_the_server(void **state) {
  tracing_world *world = *state;
  get(world, "LAPTOP-001");
  trace_answer answer = get_trace(world, "corr");
  assert_int_equal(answer.spans, 2);
  assert_string_equal(answer.names[0], "store.v1.InventoryService/GetProduct nng");
  assert_string_equal(answer.names[1], "look up ");
  assert_int_equal(get_trace(world, "nobody").spans, 0);
  assert_int_equal(get_trace(world, "").spans, 0);
}

static void asking_for_traces_health_and_metrics_leaves_none(void **state) {
  tracing_world *world = *state;
  get_trace(world, "corr");
  trace_record seen[4];
  assert_int_equal(trace_recorder_find(world->caller, "other", seen, 4), 0);
  assert_int_equal(trace_recorder_find(world->callee, "other", seen, 4), 0);
}

#define traced_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      traced_test(call_has_a_span_on_either_side),
      traced_test(retries_show_as_attempts_at_the_server_with_a_backoff_between),
      traced_test(errors_are_counted_by_reason),
      traced_test(trace_is_read_back_from_the_server),
      traced_test(asking_for_traces_health_and_metrics_leaves_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
