/* runner/workload: orders from a seed, and the stock that they will need, put on shelves behind a door of the test's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the headers above */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "runner/workload.h"
#include "store/v1/inventory.pb-c.h"

enum { PRODUCTS = 5 };

typedef struct fake_shop {
  Store__V1__Product products[PRODUCTS];
  ProtobufCMessage *pointers[PRODUCTS];
  runner_listing listing;
  runner_door door;
  unsigned restocks;
  rpc_code answer;
  char keys[16][128];
} fake_shop;

static void restock(runner_door *door, const api_method *method, const ProtobufCMessage *message,
                    const runner_door_options *options, runner_door_done_fn done, void *arg) {
  fake_shop *shop = (void *)((char *)door - offsetof(fake_shop, door));
  assert_string_equal(method->name, "/store.v1.InventoryService/RestockProduct");
  const Store__V1__RestockProductRequest *request = (const void *)message;
  rpc_status status = rpc_status_ok();
  if (shop->answer != RPC_OK) status = rpc_status_error(shop->answer, "AS_ASKED", "no");
  Store__V1__Product *product = NULL;
  for (size_t i = 0; i < PRODUCTS; i++) {
    if (strcmp(shop->products[i].product_id, request->product_id) == 0) product = &shop->products[i];
  }
  assert_non_null(product);
  assert_in_range(request->quantity, 1, 1000000);
  if (status.code == RPC_OK) product->available += request->quantity;
  snprintf(shop->keys[shop->restocks++ % 16], sizeof shop->keys[0], "%s", options->idempotency_key);
  done(arg, &status, status.code == RPC_OK ? &product->base : NULL);
}

static void open_shop(fake_shop *shop, int32_t available) {
  static const char *const ids[PRODUCTS] = {"HEADPHONES-004", "LAPTOP-001", "MONITOR-005", "PHONE-002", "TABLET-003"};
  memset(shop, 0, sizeof *shop);
  for (size_t i = 0; i < PRODUCTS; i++) {
    shop->products[i] = (Store__V1__Product)STORE__V1__PRODUCT__INIT;
    shop->products[i].product_id = (char *)(uintptr_t)ids[i];
    shop->products[i].price = 99.99 + (double)i;
    shop->products[i].available = available;
    shop->pointers[i] = &shop->products[i].base;
  }
  shop->listing = (runner_listing){.items = shop->pointers, .count = PRODUCTS};
  shop->door.call = restock;
}

static void assert_same_order(const runner_order *a, const runner_order *b) {
  assert_string_equal(a->customer_id, b->customer_id);
  assert_string_equal(a->shipping_address, b->shipping_address);
  assert_int_equal(a->item_count, b->item_count);
  for (size_t i = 0; i < a->item_count; i++) {
    assert_string_equal(a->items[i].product_id, b->items[i].product_id);
    assert_int_equal(a->items[i].quantity, b->items[i].quantity);
  }
}

static void the_same_seed_makes_the_same_orders_in_any_sequence(void **state) {
  (void)state;
  fake_shop shop;
  open_shop(&shop, 0);
  runner_workload *one = runner_workload_create(7, &shop.listing, NULL),
                  *other = runner_workload_create(7, &shop.listing, NULL);
  runner_order orders[200], again;
  for (uint64_t i = 0; i < 200; i++) runner_workload_order(one, i, &orders[i]);
  for (uint64_t i = 200; i-- > 0;) {
    runner_workload_order(other, i, &again);
    assert_same_order(&orders[i], &again);
  }
  runner_workload_destroy(one);
  runner_workload_destroy(other);
}

static void another_seed_makes_other_orders(void **state) {
  (void)state;
  fake_shop shop;
  open_shop(&shop, 0);
  runner_workload *one = runner_workload_create(7, &shop.listing, NULL),
                  *other = runner_workload_create(8, &shop.listing, NULL);
  unsigned same = 0;
  for (uint64_t i = 0; i < 200; i++) {
    runner_order a, b;
    runner_workload_order(one, i, &a);
    runner_workload_order(other, i, &b);
    if (strcmp(a.customer_id, b.customer_id) == 0) same++;
  }
  assert_in_range(same, 0, 5);
  runner_workload_destroy(one);
  runner_workload_destroy(other);
}

static void orders_have_one_to_three_different_products_at_the_catalogues_price(void **state) {
  (void)state;
  fake_shop shop;
  open_shop(&shop, 0);
  runner_workload *workload = runner_workload_create(3, &shop.listing, NULL);
  unsigned sizes[RUNNER_ORDER_ITEMS_MAX + 1] = {0}, quantities[3] = {0}, sold[PRODUCTS] = {0};
  for (uint64_t i = 0; i < 3000; i++) {
    runner_order order;
    runner_workload_order(workload, i, &order);
    assert_in_range(order.item_count, 1, RUNNER_ORDER_ITEMS_MAX);
    sizes[order.item_count]++;
    unsigned seen = 0;
    for (size_t j = 0; j < order.item_count; j++) {
      size_t product = 0;
      while (shop.products[product].product_id != order.items[j].product_id) product++;
      assert_int_equal(seen & 1U << product, 0);
      seen |= 1U << product;
      assert_true(order.items[j].price == shop.products[product].price);
      assert_in_range(order.items[j].quantity, 1, 2);
      quantities[order.items[j].quantity]++;
      sold[product]++;
    }
  }
  for (size_t i = 1; i <= RUNNER_ORDER_ITEMS_MAX; i++) assert_in_range(sizes[i], 850, 1150); /* 1000 each */
  assert_in_range(quantities[1] * 100 / (quantities[1] + quantities[2]), 45, 55);
  for (size_t i = 0; i < PRODUCTS; i++) assert_in_range(sold[i], 1000, 1400); /* 1200 each */
  runner_workload_destroy(workload);
}

static void a_catalogue_of_one_product_is_enough(void **state) {
  (void)state;
  fake_shop shop;
  open_shop(&shop, 0);
  shop.listing.count = 1;
  runner_workload *workload = runner_workload_create(3, &shop.listing, NULL);
  for (uint64_t i = 0; i < 100; i++) {
    runner_order order;
    runner_workload_order(workload, i, &order);
    assert_int_equal(order.item_count, 1);
  }
  runner_workload_destroy(workload);
}

/* The shelves serve each order in full, from what is there: none may come up short. */
static void assert_shelves_bear(fake_shop *shop, const runner_workload *workload, uint64_t count) {
  for (uint64_t i = 0; i < count; i++) {
    runner_order order;
    runner_workload_order(workload, i, &order);
    for (size_t j = 0; j < order.item_count; j++) {
      size_t product = 0;
      while (shop->products[product].product_id != order.items[j].product_id) product++;
      shop->products[product].available -= order.items[j].quantity;
      if (shop->products[product].available < 0) fail_msg("order %u met an empty shelf", (unsigned)i);
    }
  }
}

static void restocked_shelves_bear_every_order_of_the_run(void **state) {
  (void)state;
  static const uint64_t counts[] = {1, 10, 100, 2000, 20000};
  for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
    fake_shop shop;
    open_shop(&shop, 30);
    runner_workload *workload = runner_workload_create(11, &shop.listing, NULL);
    int64_t restocked = -1;
    rpc_status status = runner_workload_restock(workload, counts[i], &shop.door, "run-1", &restocked);
    assert_int_equal(status.code, RPC_OK);
    int64_t before = (int64_t)PRODUCTS * 30, after = 0;
    for (size_t j = 0; j < PRODUCTS; j++) after += shop.products[j].available;
    assert_int_equal(after - before, restocked);
    assert_shelves_bear(&shop, workload, counts[i]);
    runner_workload_destroy(workload);
  }
}

static void full_shelves_are_left_alone(void **state) {
  (void)state;
  fake_shop shop;
  open_shop(&shop, 1000);
  runner_workload *workload = runner_workload_create(11, &shop.listing, NULL);
  int64_t restocked = -1;
  assert_int_equal(runner_workload_restock(workload, 100, &shop.door, "run-1", &restocked).code, RPC_OK);
  assert_int_equal(restocked, 0);
  assert_int_equal(shop.restocks, 0);
  runner_workload_destroy(workload);
}

/* More than one call may take: each of them with a key of its own, or the store would take them for one. */
static void a_large_need_is_put_on_the_shelf_in_parts(void **state) {
  (void)state;
  fake_shop shop;
  open_shop(&shop, 0);
  shop.listing.count = 1;
  runner_workload *workload = runner_workload_create(11, &shop.listing, NULL);
  int64_t restocked = 0;
  assert_int_equal(runner_workload_restock(workload, 1000000, &shop.door, "run-1", &restocked).code, RPC_OK);
  assert_true(restocked > 1000000);
  assert_int_equal(shop.restocks, 2);
  assert_string_not_equal(shop.keys[0], shop.keys[1]);
  runner_workload_destroy(workload);
}

static void a_restock_that_fails_is_told(void **state) {
  (void)state;
  fake_shop shop;
  open_shop(&shop, 0);
  shop.answer = RPC_UNAVAILABLE;
  runner_workload *workload = runner_workload_create(11, &shop.listing, NULL);
  int64_t restocked = -1;
  assert_int_equal(runner_workload_restock(workload, 100, &shop.door, "run-1", &restocked).code, RPC_UNAVAILABLE);
  assert_int_equal(restocked, 0);
  runner_workload_destroy(workload);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_same_seed_makes_the_same_orders_in_any_sequence),
      cmocka_unit_test(another_seed_makes_other_orders),
      cmocka_unit_test(orders_have_one_to_three_different_products_at_the_catalogues_price),
      cmocka_unit_test(a_catalogue_of_one_product_is_enough),
      cmocka_unit_test(restocked_shelves_bear_every_order_of_the_run),
      cmocka_unit_test(full_shelves_are_left_alone),
      cmocka_unit_test(a_large_need_is_put_on_the_shelf_in_parts),
      cmocka_unit_test(a_restock_that_fails_is_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
