/* runner/door_rpc and what stands on it (listings, the reading of verify, health, a whole run) against services of the
 * test's own, on one RPC server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the headers above */
#include <cmocka.h>

#include <dirent.h>
#include <jansson.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rpc/listener.h"
#include "rpc/process.h"
#include "runner/health.h"
#include "runner/listing.h"
#include "runner/run.h"
#include "runner/source.h"
#include "runner/verify.h"
#include "runner/workload.h"
#include "store/v1/inventory.rpc.h"
#include "store/v1/order.rpc.h"
#include "store/v1/payment.rpc.h"

#define TEXT(text) ((char *)(uintptr_t)(text))

enum { ORDERS = 2500, TIMEOUT_MS = 20000 };

typedef struct test_store {
  rpc_clock *clock;
  rpc_random random;
  metrics_registry *metrics;
  rpc_server *server;
  rpc_listener *listener;
  char url[64];
  runner_door *door;
  atomic_int pages, reads_until_final; /* of ListOrders: so many readings find an order under way */
  atomic_bool interrupt;               /* the first order raises SIGINT */
  atomic_bool page_missing;            /* of ListOrders: all but the first */
  pthread_mutex_t lock;
  char correlation_id[64], idempotency_key[64]; /* of the last order */
} test_store;

static void create_order(void *self, rpc_call *call, const Store__V1__CreateOrderRequest *request) {
  test_store *store = self;
  pthread_mutex_lock(&store->lock);
  snprintf(store->correlation_id, sizeof store->correlation_id, "%s", rpc_call_correlation_id(call));
  const char *key = rpc_call_metadata(call, RPC_METADATA_IDEMPOTENCY_KEY);
  snprintf(store->idempotency_key, sizeof store->idempotency_key, "%s", key == NULL ? "" : key);
  pthread_mutex_unlock(&store->lock);
  if (atomic_exchange(&store->interrupt, false)) kill(getpid(), SIGINT);
  if (request->items[0]->quantity == 2) {
    rpc_status status = rpc_status_error(RPC_FAILED_PRECONDITION, "PAYMENT_DECLINED", "no");
    rpc_status_set_fact(&status, "order_id", "ORD-F");
    rpc_call_fail(call, &status);
    return;
  }
  Store__V1__CreateOrderResponse response = STORE__V1__CREATE_ORDER_RESPONSE__INIT;
  response.order_id = (char *)(uintptr_t) "ORD-C";
  store_v1_order_service_create_order_reply(call, &response);
}

static void get_order(void *self, rpc_call *call, const Store__V1__GetOrderRequest *request) {
  (void)self;
  Store__V1__Order order = STORE__V1__ORDER__INIT;
  order.order_id = request->order_id;
  store_v1_order_service_get_order_reply(call, &order);
}

/* Orders 0 to ORDERS-1, the token being the number to go on with. */
static void list_orders(void *self, rpc_call *call, const Store__V1__ListOrdersRequest *request) {
  test_store *store = self;
  atomic_fetch_add(&store->pages, 1);
  if (request->page_token[0] != '\0' && atomic_load(&store->page_missing)) {
    rpc_status status = rpc_status_error(RPC_DATA_LOSS, "PAGE_MISSING", "as the test wants");
    rpc_call_fail(call, &status);
    return;
  }
  bool final = request->page_token[0] != '\0' || atomic_fetch_sub(&store->reads_until_final, 1) <= 0;
  size_t first = (size_t)atoi(request->page_token), count = (size_t)request->page_size;
  if (count > ORDERS - first) count = ORDERS - first;
  rpc_arena *arena = rpc_call_arena(call);
  Store__V1__ListOrdersResponse response = STORE__V1__LIST_ORDERS_RESPONSE__INIT;
  response.n_orders = count;
  response.orders = rpc_arena_alloc(arena, (count + 1) * sizeof *response.orders);
  for (size_t i = 0; i < count; i++) {
    Store__V1__Order *order = rpc_arena_alloc(arena, sizeof *order);
    *order = (Store__V1__Order)STORE__V1__ORDER__INIT;
    order->order_id = rpc_arena_printf(arena, "ORD-%05zu", first + i);
    order->status = (char *)(uintptr_t)(final || i > 0 ? "failed" : "charging");
    response.orders[i] = order;
  }
  if (first + count < ORDERS) response.next_page_token = rpc_arena_printf(arena, "%zu", first + count);
  store_v1_order_service_list_orders_reply(call, &response);
}

static void list_payments(void *self, rpc_call *call, const Store__V1__ListPaymentsRequest *request) {
  (void)self, (void)request;
  Store__V1__ListPaymentsResponse response = STORE__V1__LIST_PAYMENTS_RESPONSE__INIT;
  store_v1_payment_service_list_payments_reply(call, &response);
}

static void list_reservations(void *self, rpc_call *call, const Store__V1__ListReservationsRequest *request) {
  (void)self, (void)request;
  Store__V1__ListReservationsResponse response = STORE__V1__LIST_RESERVATIONS_RESPONSE__INIT;
  store_v1_inventory_service_list_reservations_reply(call, &response);
}

static void list_products(void *self, rpc_call *call, const Store__V1__ListProductsRequest *request) {
  (void)self, (void)request;
  Store__V1__Product product = STORE__V1__PRODUCT__INIT, *products[] = {&product};
  product.product_id = (char *)(uintptr_t) "LAPTOP-001";
  product.price = 999.99;
  product.available = product.total_stock = product.received = 50;
  Store__V1__ListProductsResponse response = STORE__V1__LIST_PRODUCTS_RESPONSE__INIT;
  response.n_products = 1;
  response.products = products;
  store_v1_inventory_service_list_products_reply(call, &response);
}

static const store_v1_order_service_handlers order_handlers = {
    .create_order = create_order, .get_order = get_order, .list_orders = list_orders};
static const store_v1_payment_service_handlers payment_handlers = {.list_payments = list_payments};
static const store_v1_inventory_service_handlers inventory_handlers = {.list_reservations = list_reservations,
                                                                       .list_products = list_products};

static test_store *store_open(void) {
  process_block_signals(); /* as runner_run wants it; it has unblocked them at its end, and threads inherit that */
  test_store *store = calloc(1, sizeof *store);
  store->clock = rpc_clock_create();
  rpc_random_init(&store->random, 1);
  pthread_mutex_init(&store->lock, NULL);
  store->metrics = metrics_registry_create();
  rpc_server_config config = {
      .name = "store", .clock = store->clock, .random = &store->random, .metrics = store->metrics};
  store->server = rpc_server_create(&config);
  store_v1_order_service_register(store->server, &order_handlers, store);
  store_v1_payment_service_register(store->server, &payment_handlers, store);
  store_v1_inventory_service_register(store->server, &inventory_handlers, store);
  rpc_status status;
  store->listener = rpc_listener_create(store->server, "tcp://127.0.0.1:0", NULL, &status);
  assert_non_null(store->listener);
  snprintf(store->url, sizeof store->url, "tcp://127.0.0.1:%u", rpc_listener_port(store->listener));
  runner_door_target targets[] = {{&api_store_v1_order_service, store->url},
                                  {&api_store_v1_payment_service, store->url},
                                  {&api_store_v1_inventory_service, store->url}};
  runner_door_config door_config = {.targets = targets,
                                    .target_count = 3,
                                    .timeout_ms = TIMEOUT_MS,
                                    .max_in_flight = 16,
                                    .clock = store->clock,
                                    .random = &store->random};
  store->door = runner_door_create_rpc(&door_config, &status);
  assert_non_null(store->door);
  return store;
}

static void store_close(test_store *store) {
  runner_door_destroy(store->door);
  assert_true(rpc_server_drain(store->server, TIMEOUT_MS));
  rpc_listener_destroy(store->listener);
  rpc_server_destroy(store->server);
  metrics_registry_destroy(store->metrics);
  rpc_clock_destroy(store->clock);
  pthread_mutex_destroy(&store->lock);
  free(store);
}

typedef struct run_totals {
  uint64_t confirmed, declined, others;
} run_totals;

static void add_up(void *self, const runner_engine_sample *sample) {
  run_totals *totals = self;
  const runner_outcome *outcome = sample->outcome;
  if (outcome->stage == RUNNER_OUTCOME_CONFIRMED && strcmp(outcome->order_id, "ORD-C") == 0)
    totals->confirmed++;
  else if (outcome->stage == RUNNER_OUTCOME_RESERVED && strcmp(outcome->order_id, "ORD-F") == 0)
    totals->declined++;
  else
    totals->others++;
}

/* The engine, the workload and the door together, as a run has them. */
static void orders_of_a_workload_go_through_the_door(void **state) {
  (void)state;
  test_store *store = store_open();
  runner_listing products;
  const api_method *list = runner_door_method("/store.v1.InventoryService/ListProducts");
  assert_int_equal(runner_listing_read(store->door, list, &products).code, RPC_OK);
  runner_workload *workload = runner_workload_create(5, &products, NULL);
  uint64_t doubles = 0; /* quantity 2 is what the test's store declines */
  for (uint64_t i = 0; i < 200; i++) {
    runner_order order;
    runner_workload_order(workload, i, &order);
    if (order.items[0].quantity == 2) doubles++;
  }
  runner_mix mix = {.weights = {[RUNNER_PLACE_ORDER] = 1}};
  runner_source *source = runner_source_create(workload, &mix, store->door, "run-7");
  run_totals totals = {0};
  runner_engine_plan plan = {.operations = 200, .concurrency = 8};
  runner_engine *engine = runner_engine_create(&plan, store->clock, (runner_engine_source){runner_source_start, source},
                                               (runner_engine_observer){add_up, &totals});
  runner_engine_run(engine);
  assert_int_equal(totals.declined, doubles);
  assert_int_equal(totals.confirmed, 200 - doubles);
  assert_int_equal(totals.others, 0);
  assert_non_null(strstr(store->correlation_id, "run-7-"));
  assert_string_equal(store->idempotency_key, store->correlation_id);
  runner_engine_destroy(engine);
  runner_source_destroy(source);
  runner_workload_destroy(workload);
  runner_listing_free(&products);
  store_close(store);
}

static void a_listing_reads_all_pages_in_order(void **state) {
  (void)state;
  test_store *store = store_open();
  runner_listing listing;
  const api_method *list = runner_door_method("/store.v1.OrderService/ListOrders");
  assert_int_equal(runner_listing_read(store->door, list, &listing).code, RPC_OK);
  assert_int_equal(listing.count, ORDERS);
  assert_int_equal(atomic_load(&store->pages), 3);
  for (size_t i = 0; i < listing.count; i++) {
    char id[32];
    snprintf(id, sizeof id, "ORD-%05zu", i);
    assert_string_equal(((Store__V1__Order *)(void *)listing.items[i])->order_id, id);
  }
  runner_listing_free(&listing);
  store_close(store);
}

static void a_listing_that_fails_midway_is_empty_and_tells_why(void **state) {
  (void)state;
  test_store *store = store_open();
  atomic_store(&store->page_missing, true);
  runner_listing listing;
  const api_method *list = runner_door_method("/store.v1.OrderService/ListOrders");
  rpc_status status = runner_listing_read(store->door, list, &listing);
  assert_int_equal(status.code, RPC_DATA_LOSS);
  assert_string_equal(status.reason, "PAGE_MISSING");
  assert_int_equal(listing.count, 0);
  assert_null(listing.items);
  store_close(store);
}

static void verify_reads_again_until_all_orders_are_final(void **state) {
  (void)state;
  test_store *store = store_open();
  atomic_store(&store->reads_until_final, 2);
  runner_snapshot snapshot;
  assert_int_equal(runner_verify_read(store->door, TIMEOUT_MS, &snapshot).code, RPC_OK);
  assert_int_equal(atomic_load(&store->pages), 9);
  assert_int_equal(snapshot.orders.count, ORDERS);
  assert_int_equal(snapshot.products.count, 1);
  assert_string_equal(((Store__V1__Order *)(void *)snapshot.orders.items[0])->status, "failed");
  runner_snapshot_free(&snapshot);
  store_close(store);
}

static void verify_does_not_wait_longer_than_it_may(void **state) {
  (void)state;
  test_store *store = store_open();
  atomic_store(&store->reads_until_final, 1000000);
  runner_snapshot snapshot;
  assert_int_equal(runner_verify_read(store->door, 0, &snapshot).code, RPC_OK);
  assert_int_equal(atomic_load(&store->pages), 3);
  assert_string_equal(((Store__V1__Order *)(void *)snapshot.orders.items[0])->status, "charging");
  runner_snapshot_free(&snapshot);
  store_close(store);
}

static void health_is_zero_only_when_every_address_is_serving(void **state) {
  (void)state;
  test_store *store = store_open();
  const char *both[] = {store->url, "tcp://127.0.0.1:1"}; /* nothing listens on port 1 */
  assert_int_equal(runner_health_run(both, 1, store->clock, &store->random), 0);
  assert_int_equal(runner_health_run(both, 2, store->clock, &store->random), 64 + RPC_UNAVAILABLE);
  const char *nonsense[] = {"carrier://pigeon"};
  assert_int_equal(runner_health_run(nonsense, 1, store->clock, &store->random), 64 + RPC_INVALID_ARGUMENT);
  store_close(store);
}

/* A run with these settings against the store (NULL: against none): its exit code, and its report (NULL: none). */
static int run(const test_store *store, const char *num_orders, rpc_clock *clock, rpc_random *random, json_t **report) {
  char dir[] = "/tmp/runner-run-XXXXXX", error[128], path[64];
  assert_non_null(mkdtemp(dir));
  char *argv[] = {TEXT("store-runner"),
                  TEXT("--mode"),
                  TEXT("rpc"),
                  TEXT("--num-orders"),
                  TEXT(num_orders),
                  TEXT("--concurrency"),
                  TEXT("5"),
                  TEXT("--delay-between-batches"),
                  TEXT("0.02"),
                  TEXT("--no-restock"),
                  TEXT("--reports-dir"),
                  dir};
  runner_options options;
  assert_true(runner_options_parse(&options, sizeof argv / sizeof argv[0], argv, error, sizeof error));
  for (size_t i = 0; i < RUNNER_SERVICES; i++) {
    options.services[i].address = store == NULL ? "tcp://127.0.0.1:1" : store->url; /* nothing listens on port 1 */
  }
  int code = runner_run(&options, clock, random);
  snprintf(path, sizeof path, "%s/latest.json", dir);
  *report = json_load_file(path, 0, NULL);
  DIR *folder = opendir(dir);
  for (const struct dirent *entry; (entry = readdir(folder)) != NULL;) unlinkat(dirfd(folder), entry->d_name, 0);
  closedir(folder);
  assert_int_equal(rmdir(dir), 0);
  return code;
}

static void a_run_reports_each_of_its_orders_and_ends_with_zero(void **state) {
  (void)state;
  test_store *store = store_open();
  json_t *report;
  assert_int_equal(run(store, "23", store->clock, &store->random, &report), 0);
  assert_non_null(report);
  assert_int_equal(json_integer_value(json_object_get(report, "orders")), 23);
  assert_true(json_is_false(json_object_get(report, "interrupted")));
  json_decref(report);
  store_close(store);
}

static void a_signal_ends_a_run_with_a_report_of_what_ran(void **state) {
  (void)state;
  test_store *store = store_open();
  atomic_store(&store->interrupt, true);
  json_t *report;
  assert_int_equal(run(store, "100000", store->clock, &store->random, &report), 0);
  assert_non_null(report);
  assert_true(json_is_true(json_object_get(report, "interrupted")));
  json_int_t orders = json_integer_value(json_object_get(report, "orders"));
  assert_in_range(orders, 1, 99999);
  json_decref(report);
  store_close(store);
}

static void a_run_without_a_store_ends_with_one(void **state) {
  (void)state;
  rpc_clock *clock = rpc_clock_create();
  rpc_random random;
  rpc_random_init(&random, 1);
  json_t *report;
  assert_int_equal(run(NULL, "5", clock, &random, &report), 1);
  assert_null(report);
  rpc_clock_destroy(clock);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(orders_of_a_workload_go_through_the_door),
      cmocka_unit_test(a_listing_reads_all_pages_in_order),
      cmocka_unit_test(a_listing_that_fails_midway_is_empty_and_tells_why),
      cmocka_unit_test(verify_reads_again_until_all_orders_are_final),
      cmocka_unit_test(verify_does_not_wait_longer_than_it_may),
      cmocka_unit_test(health_is_zero_only_when_every_address_is_serving),
      cmocka_unit_test(a_run_reports_each_of_its_orders_and_ends_with_zero),
      cmocka_unit_test(a_signal_ends_a_run_with_a_report_of_what_ran),
      cmocka_unit_test(a_run_without_a_store_ends_with_one),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
