/* See workload.h. */
#include "runner/workload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "rpc/random.h"
#include "store/v1/inventory.pb-c.h"
#include "store/v1/order.pb-c.h"

enum { RESTOCK_MAX = 1000000, CUSTOMERS = 5000, QUANTITY_MAX = 2 };

static const char *const streets[] = {"Main St", "Oak Ave", "Maple Dr", "Cedar Ln", "Lake Rd", "Hill St", "Park Ave"};
static const char *const cities[] = {"Springfield", "Riverside", "Fairview", "Franklin", "Greenville", "Bristol"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct runner_workload {
  uint64_t seed;
  const runner_listing *products;
};

runner_workload *runner_workload_create(uint64_t seed, const runner_listing *products) {
  runner_workload *workload = malloc(sizeof *workload);
  if (workload != NULL) *workload = (runner_workload){.seed = seed, .products = products};
  return workload;
}

void runner_workload_destroy(runner_workload *workload) {
  free(workload);
}

static const Store__V1__Product *product_at(const runner_workload *workload, size_t index) {
  return (const void *)workload->products->items[index];
}

static size_t pick(rpc_random *random, size_t count) {
  return (size_t)rpc_random_between(random, 0, (int64_t)count - 1);
}

/* Indexes of different products. Returns how many. */
static size_t pick_products(rpc_random *random, size_t products, size_t chosen[RUNNER_ORDER_ITEMS_MAX]) {
  size_t wanted = 1 + pick(random, products < RUNNER_ORDER_ITEMS_MAX ? products : RUNNER_ORDER_ITEMS_MAX);
  for (size_t count = 0; count < wanted;) {
    size_t candidate = pick(random, products);
    size_t same = 0;
    while (same < count && chosen[same] != candidate) same++;
    if (same == count) chosen[count++] = candidate;
  }
  return wanted;
}

/* A generator for each order, so that order n is the same whatever was drawn before it. The multiplier must not be the
 * one that seeding steps by, or the orders' generators would overlap. */
static void begin_random(const runner_workload *workload, uint64_t index, rpc_random *random) {
  uint64_t seed = workload->seed ^ ((index + 1) * UINT64_C(0xd1342543de82ef95));
  rpc_random_init(random, seed == 0 ? 1 : seed);
}

static void draw_items(const runner_workload *workload, rpc_random *random, size_t chosen[RUNNER_ORDER_ITEMS_MAX],
                       int32_t quantities[RUNNER_ORDER_ITEMS_MAX], size_t *count) {
  *count = pick_products(random, workload->products->count, chosen);
  for (size_t i = 0; i < *count; i++) quantities[i] = (int32_t)rpc_random_between(random, 1, QUANTITY_MAX);
}

void runner_workload_order(const runner_workload *workload, uint64_t index, runner_order *order) {
  rpc_random random;
  begin_random(workload, index, &random);
  size_t chosen[RUNNER_ORDER_ITEMS_MAX];
  int32_t quantities[RUNNER_ORDER_ITEMS_MAX];
  draw_items(workload, &random, chosen, quantities, &order->item_count);
  for (size_t i = 0; i < order->item_count; i++) {
    const Store__V1__Product *product = product_at(workload, chosen[i]);
    order->items[i].product_id = product->product_id;
    order->items[i].quantity = quantities[i];
    order->items[i].price = product->price;
  }
  snprintf(order->customer_id, sizeof order->customer_id, "CUST-%04zu", pick(&random, CUSTOMERS));
  snprintf(order->shipping_address, sizeof order->shipping_address, "%zu %s, %s", 1 + pick(&random, 999),
           streets[pick(&random, COUNT(streets))], cities[pick(&random, COUNT(cities))]);
}

void runner_workload_needs(const runner_workload *workload, uint64_t count, int64_t *needs) {
  for (size_t i = 0; i < workload->products->count; i++) needs[i] = 0;
  for (uint64_t index = 0; index < count; index++) {
    rpc_random random;
    begin_random(workload, index, &random);
    size_t chosen[RUNNER_ORDER_ITEMS_MAX], items;
    int32_t quantities[RUNNER_ORDER_ITEMS_MAX];
    draw_items(workload, &random, chosen, quantities, &items);
    for (size_t i = 0; i < items; i++) needs[chosen[i]] += quantities[i];
  }
}

static rpc_status restock_product(const Store__V1__Product *product, int64_t quantity, runner_door *door,
                                  const char *run_id) {
  const api_method *method = runner_door_method("/store.v1.InventoryService/RestockProduct");
  rpc_status status = rpc_status_ok();
  while (quantity > 0 && status.code == RPC_OK) {
    Store__V1__RestockProductRequest request = STORE__V1__RESTOCK_PRODUCT_REQUEST__INIT;
    request.product_id = product->product_id;
    request.quantity = quantity > RESTOCK_MAX ? RESTOCK_MAX : (int32_t)quantity;
    quantity -= request.quantity;
    char key[128]; /* differs for each of a product's restocks, by what remains */
    snprintf(key, sizeof key, "%s-restock-%s-%" PRId64, run_id, product->product_id, quantity);
    runner_door_options options = {.correlation_id = key, .idempotency_key = key};
    status = runner_door_call_and_wait(door, method, &request.base, &options, NULL, NULL);
  }
  return status;
}

rpc_status runner_workload_restock(const runner_workload *workload, uint64_t count, runner_door *door,
                                   const char *run_id, int64_t *restocked) {
  *restocked = 0;
  int64_t *needs = calloc(workload->products->count, sizeof *needs);
  if (needs == NULL) return rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory to restock");
  runner_workload_needs(workload, count, needs);
  rpc_status status = rpc_status_ok();
  for (size_t i = 0; i < workload->products->count && status.code == RPC_OK; i++) {
    const Store__V1__Product *product = product_at(workload, i);
    if (needs[i] <= product->available) continue;
    int64_t quantity = needs[i] + needs[i] / 10 - product->available;
    status = restock_product(product, quantity, door, run_id);
    if (status.code == RPC_OK) *restocked += quantity;
  }
  free(needs);
  return status;
}

runner_order_source runner_order_source_make(const runner_workload *workload, runner_door *door, const char *run_id) {
  return (runner_order_source){
      .workload = workload,
      .door = door,
      .method = runner_door_method("/store.v1.OrderService/CreateOrder"),
      .run_id = run_id,
  };
}

static void end_order(void *arg, const rpc_status *status, const ProtobufCMessage *message) {
  const Store__V1__CreateOrderResponse *response = (const void *)message;
  runner_outcome outcome = runner_outcome_of_order(status, response == NULL ? NULL : response->order_id);
  runner_engine_finish(arg, &outcome);
}

void runner_order_source_start(void *self, uint64_t index, runner_engine_operation *operation) {
  const runner_order_source *source = self;
  runner_order order;
  runner_workload_order(source->workload, index, &order);

  Store__V1__OrderItem items[RUNNER_ORDER_ITEMS_MAX], *item_pointers[RUNNER_ORDER_ITEMS_MAX];
  for (size_t i = 0; i < order.item_count; i++) {
    items[i] = (Store__V1__OrderItem)STORE__V1__ORDER_ITEM__INIT;
    items[i].product_id = (char *)(uintptr_t)order.items[i].product_id;
    items[i].quantity = order.items[i].quantity;
    items[i].optional_price_case = STORE__V1__ORDER_ITEM__OPTIONAL_PRICE_PRICE;
    items[i].price = order.items[i].price;
    item_pointers[i] = &items[i];
  }
  Store__V1__CreateOrderRequest request = STORE__V1__CREATE_ORDER_REQUEST__INIT;
  request.customer_id = order.customer_id;
  request.shipping_address = order.shipping_address;
  request.n_items = order.item_count;
  request.items = item_pointers;

  char key[96];
  snprintf(key, sizeof key, "%s-%" PRIu64, source->run_id, index);
  runner_door_options options = {.correlation_id = key, .idempotency_key = key};
  source->door->call(source->door, source->method, &request.base, &options, end_order, operation);
}
