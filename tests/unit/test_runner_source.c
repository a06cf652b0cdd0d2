/* runner/source and runner/data: which operations a run does, in what shares, with what faults, behind a door of the
 * test's; orders from CSV files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka wants the headers above */
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runner/source.h"
#include "store/v1/inventory.pb-c.h"
#include "store/v1/order.pb-c.h"

enum { OPERATIONS = 4000, KEYS = 8192 };

typedef struct test_shop {
  runner_door door;
  Store__V1__Product product;
  ProtobufCMessage *pointers[1];
  runner_listing listing;
  runner_workload *workload;
  runner_source *source;
  rpc_clock *clock;
  unsigned calls[6], bad_quantity, unknown, wrong_price, too_many, impatient, same_key;
  char last_key[64], last_customer[128];
  unsigned kinds[RUNNER_KIND_COUNT], failed;
} test_shop;

static const char *const methods[] = {"/store.v1.OrderService/CreateOrder",
                                      "/store.v1.OrderService/GetOrder",
                                      "/store.v1.InventoryService/GetProduct",
                                      "/store.v1.InventoryService/ReserveInventory",
                                      "/store.v1.InventoryService/ReleaseReservation",
                                      "/store.v1.OrderService/ListOrders"};

static void look_at_order(test_shop *shop, const Store__V1__CreateOrderRequest *request,
                          const runner_door_options *options) {
  const Store__V1__OrderItem *item = request->items[0];
  shop->bad_quantity += item->quantity < 1;
  shop->too_many += item->quantity > 100;
  shop->unknown += strcmp(item->product_id, "LAPTOP-001") != 0;
  shop->wrong_price += item->price < 1;
  shop->impatient += options->timeout_ms == RUNNER_IMPATIENT_MS;
  bool same = strcmp(shop->last_key, options->idempotency_key) == 0;
  shop->same_key += same;
  if (same) assert_string_equal(shop->last_customer, request->customer_id);
  snprintf(shop->last_key, sizeof shop->last_key, "%s", options->idempotency_key);
  snprintf(shop->last_customer, sizeof shop->last_customer, "%s", request->customer_id);
}

/* Answers at once. */
static void call(runner_door *door, const api_method *method, const ProtobufCMessage *request,
                 const runner_door_options *options, runner_door_done_fn done, void *arg) {
  test_shop *shop = (test_shop *)door;
  size_t which = 0;
  while (strcmp(methods[which], method->name) != 0) which++;
  shop->calls[which]++;
  rpc_status status = rpc_status_ok();
  Store__V1__CreateOrderResponse created = STORE__V1__CREATE_ORDER_RESPONSE__INIT;
  created.order_id = (char *)(uintptr_t) "ORD-1";
  Store__V1__ReserveInventoryResponse reserved = STORE__V1__RESERVE_INVENTORY_RESPONSE__INIT;
  reserved.reservation_id = (char *)(uintptr_t) "RES-1";
  Store__V1__ListOrdersResponse none = STORE__V1__LIST_ORDERS_RESPONSE__INIT;
  const ProtobufCMessage *answers[] = {&created.base,  &shop->product.base, &shop->product.base,
                                       &reserved.base, &shop->product.base, &none.base};
  if (which == 0) look_at_order(shop, (const void *)request, options);
  if (which == 1) assert_string_equal(((const Store__V1__GetOrderRequest *)(const void *)request)->order_id, "ORD-1");
  if (which == 4) {
    assert_string_equal(((const Store__V1__ReleaseReservationRequest *)(const void *)request)->reservation_id, "RES-1");
  }
  done(arg, &status, answers[which]);
}

static void observe(void *self, const runner_engine_sample *sample) {
  test_shop *shop = self;
  shop->kinds[sample->outcome->kind]++;
  shop->failed += sample->outcome->code != RPC_OK;
}

static void run(test_shop *shop, const runner_mix *mix, const runner_data *data) {
  memset(shop, 0, sizeof *shop);
  shop->door.call = call;
  shop->product = (Store__V1__Product)STORE__V1__PRODUCT__INIT;
  shop->product.product_id = (char *)(uintptr_t) "LAPTOP-001";
  shop->product.price = 999.99;
  shop->pointers[0] = &shop->product.base;
  shop->listing = (runner_listing){.items = shop->pointers, .count = 1};
  shop->workload = runner_workload_create(5, &shop->listing, data);
  shop->source = runner_source_create(shop->workload, mix, &shop->door, "run-9");
  assert_int_equal(runner_source_find_orders(shop->source).code, RPC_OK);
  shop->clock = rpc_clock_create();
  runner_engine_plan plan = {.operations = OPERATIONS, .concurrency = 1};
  runner_engine *engine =
      runner_engine_create(&plan, shop->clock, (runner_engine_source){runner_source_start, shop->source},
                           (runner_engine_observer){observe, shop});
  runner_engine_run(engine);
  runner_engine_destroy(engine);
  rpc_clock_destroy(shop->clock);
  runner_source_destroy(shop->source);
  runner_workload_destroy(shop->workload);
}

/* Within five standard deviations. */
static void assert_about(unsigned seen, double share) {
  double expected = OPERATIONS * share, deviation = sqrt(expected * (1 - share));
  if (fabs(seen - expected) > 5 * deviation) fail_msg("%u, not about %g", seen, expected);
}

static void operations_come_in_the_shares_of_the_mix(void **state) {
  (void)state;
  test_shop shop;
  runner_mix mix = {.weights = {4, 3, 2, 1}};
  run(&shop, &mix, NULL);
  for (size_t i = 0; i < RUNNER_KIND_COUNT; i++) assert_about(shop.kinds[i], mix.weights[i] / 10);
  assert_int_equal(shop.failed, 0);
  assert_int_equal(shop.calls[3], shop.calls[4]); /* each reservation is given back */
  assert_int_equal(shop.calls[3], shop.kinds[RUNNER_RESERVE_RELEASE]);
  assert_int_equal(shop.calls[5], 1); /* for orders to read */
}

static void an_order_is_placed_where_there_is_none_to_read(void **state) {
  (void)state;
  test_shop shop;
  runner_mix mix = {.weights = {[RUNNER_READ_ORDER] = 1}};
  run(&shop, &mix, NULL);
  assert_int_equal(shop.kinds[RUNNER_PLACE_ORDER], 1);
  assert_int_equal(shop.kinds[RUNNER_READ_ORDER], OPERATIONS - 1);
}

static void faults_come_in_their_shares(void **state) {
  (void)state;
  test_shop shop;
  runner_mix mix = {.weights = {1}, .faults = {0.05, 0.1, 0.15, 0.2, 0.1, 0.2}};
  run(&shop, &mix, NULL);
  assert_about(shop.unknown, 0.05);
  assert_about(shop.wrong_price, 0.1);
  assert_about(shop.too_many, 0.15);
  assert_about(shop.bad_quantity, 0.2);
  assert_about(shop.impatient, 0.1);
  assert_about(shop.same_key, 0.2 * 0.2); /* where the order before was a good one */
}

static void without_faults_every_order_is_sound_and_has_a_key_of_its_own(void **state) {
  (void)state;
  test_shop shop;
  runner_mix mix = {.weights = {1}};
  run(&shop, &mix, NULL);
  assert_int_equal(shop.calls[0], OPERATIONS);
  assert_int_equal(shop.unknown + shop.wrong_price + shop.too_many + shop.bad_quantity + shop.impatient, 0);
  assert_int_equal(shop.same_key, 0);
}

static runner_data *read_text(const char *text, rpc_status *status) {
  char path[] = "/tmp/data-XXXXXX";
  int file = mkstemp(path);
  assert_true(file >= 0);
  assert_int_equal(write(file, text, strlen(text)), strlen(text));
  close(file);
  runner_data *data = runner_data_read(path, status);
  unlink(path);
  return data;
}

static void rows_of_a_file_are_orders_one_after_the_other(void **state) {
  (void)state;
  rpc_status status;
  runner_data *data = read_text(
      "customer_id,quantity,product_id,shipping_address,product_id_2,quantity_2\r\n"
      "C-1,2,LAPTOP-001,\"1 \"\"Long\"\" Lane,\nTown\",,\r\n"
      "\n"
      "C-2,1,PHONE-002,Elsewhere,LAPTOP-001,3",
      &status);
  if (data == NULL) fail_msg("%s", status.message);
  const runner_data_row *first = runner_data_row_at(data, 0), *second = runner_data_row_at(data, 1);
  assert_string_equal(first->customer_id, "C-1");
  assert_string_equal(first->shipping_address, "1 \"Long\" Lane,\nTown");
  assert_int_equal(first->item_count, 1);
  assert_int_equal(first->items[0].quantity, 2);
  assert_int_equal(second->item_count, 2);
  assert_string_equal(second->items[1].product_id, "LAPTOP-001");
  assert_int_equal(second->items[1].quantity, 3);
  assert_ptr_equal(runner_data_row_at(data, 2), first);
  test_shop shop;
  runner_mix mix = {.weights = {1}};
  run(&shop, &mix, data);
  assert_about(shop.unknown, 0.5); /* every second row begins with a product that the catalogue lacks */
  assert_string_equal(shop.last_customer, "C-2");
  runner_data_destroy(data);
}

static void a_bad_file_is_refused_with_its_line(void **state) {
  (void)state;
  static const struct {
    const char *text, *words;
  } cases[] = {
      {"", "line 1"},
      {"customer_id,shipping_address,product_id\n", "line 1"},
      {"customer_id,shipping_address,product_id,quantity,colour\n", "line 1"},
      {"customer_id,customer_id,shipping_address,product_id,quantity\n", "line 1"},
      {"customer_id,shipping_address,product_id,quantity\n", "no rows"},
      {"customer_id,shipping_address,product_id,quantity\nC,A,P,1\nC,A,P\n", "line 3"},
      {"customer_id,shipping_address,product_id,quantity\nC,A,P,1,2\n", "line 2"},
      {"customer_id,shipping_address,product_id,quantity\nC,A,P,many\n", "line 2"},
      {"customer_id,shipping_address,product_id,quantity\nC,A,,1\n", "no product"},
      {"customer_id,shipping_address,product_id,quantity\nC,\"A,P,1\n", "line 2"},
      {"customer_id,shipping_address,product_id,quantity\nC,\"A\"B,P,1\n", "line 2"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    rpc_status status;
    runner_data *data = read_text(cases[i].text, &status);
    if (data != NULL) fail_msg("'%s' was taken", cases[i].text);
    if (strstr(status.message, cases[i].words) == NULL) fail_msg("'%s' lacks '%s'", status.message, cases[i].words);
  }
  rpc_status status;
  assert_null(runner_data_read("/nothing/there.csv", &status));
  assert_int_equal(status.code, RPC_NOT_FOUND);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(operations_come_in_the_shares_of_the_mix),
      cmocka_unit_test(an_order_is_placed_where_there_is_none_to_read),
      cmocka_unit_test(faults_come_in_their_shares),
      cmocka_unit_test(without_faults_every_order_is_sound_and_has_a_key_of_its_own),
      cmocka_unit_test(rows_of_a_file_are_orders_one_after_the_other),
      cmocka_unit_test(a_bad_file_is_refused_with_its_line),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
