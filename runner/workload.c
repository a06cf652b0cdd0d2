/* See workload.h. */
#include "runner/workload.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/random.h"
#include "store/v1/inventory.pb-c.h"

enum { RESTOCK_MAX = 1000000, CUSTOMERS = 5000, QUANTITY_MAX = 2, SAMPLE = 100000 };

static const char *const streets[] = {"Main St", "Oak Ave", "Maple Dr", "Cedar Ln", "Lake Rd", "Hill St", "Park Ave"};
static const char *const cities[] = {"Springfield", "Riverside", "Fairview", "Franklin", "Greenville", "Bristol"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct runner_workload {
  uint64_t seed;
  const runner_listing *products;
  const runner_data *data; /* NULL: none */
  int64_t balance[];       /* of each product: what was put on the shelf for earlier orders, less what they need */
};

runner_workload *runner_workload_create(uint64_t seed, const runner_listing *products, const runner_data *data) {
  runner_workload *workload = calloc(1, sizeof *workload + products->count * sizeof workload->balance[0]);
  if (workload == NULL) return NULL;
  workload->seed = seed;
  workload->products = products;
  workload->data = data;
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

/* The multipliers must not be the one that seeding steps by, or the operations' generators would overlap. */
void runner_workload_random(const runner_workload *workload, uint64_t index, uint64_t stream, rpc_random *random) {
  uint64_t seed =
      workload->seed ^ ((index + 1) * UINT64_C(0xd1342543de82ef95)) ^ (stream * UINT64_C(0xaf251af3b0f025b5));
  rpc_random_init(random, seed == 0 ? 1 : seed);
}

const char *runner_workload_product(const runner_workload *workload, rpc_random *random) {
  return product_at(workload, pick(random, workload->products->count))->product_id;
}

static void draw_items(const runner_workload *workload, rpc_random *random, size_t chosen[RUNNER_ORDER_ITEMS_MAX],
                       int32_t quantities[RUNNER_ORDER_ITEMS_MAX], size_t *count) {
  *count = pick_products(random, workload->products->count, chosen);
  for (size_t i = 0; i < *count; i++) quantities[i] = (int32_t)rpc_random_between(random, 1, QUANTITY_MAX);
}

static size_t find_product(const runner_workload *workload, const char *product_id) {
  size_t at = 0;
  while (at < workload->products->count && strcmp(product_at(workload, at)->product_id, product_id) != 0) at++;
  return at;
}

static void order_of_row(const runner_workload *workload, const runner_data_row *row, runner_order *order) {
  snprintf(order->customer_id, sizeof order->customer_id, "%s", row->customer_id);
  snprintf(order->shipping_address, sizeof order->shipping_address, "%s", row->shipping_address);
  order->item_count = row->item_count;
  for (size_t i = 0; i < row->item_count; i++) {
    size_t product = find_product(workload, row->items[i].product_id);
    order->items[i].product_id = row->items[i].product_id;
    order->items[i].quantity = row->items[i].quantity;
    order->items[i].price = product == workload->products->count ? -1 : product_at(workload, product)->price;
  }
}

void runner_workload_order(const runner_workload *workload, uint64_t index, runner_order *order) {
  if (workload->data != NULL) {
    order_of_row(workload, runner_data_row_at(workload->data, index), order);
    return;
  }
  rpc_random random;
  runner_workload_random(workload, index, 0, &random);
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

/* Adds what order number index asks for. */
static void add_needs(const runner_workload *workload, uint64_t index, int64_t *needs) {
  if (workload->data != NULL) {
    const runner_data_row *row = runner_data_row_at(workload->data, index);
    for (size_t i = 0; i < row->item_count; i++) {
      size_t product = find_product(workload, row->items[i].product_id);
      if (product < workload->products->count && row->items[i].quantity > 0) needs[product] += row->items[i].quantity;
    }
    return;
  }
  rpc_random random;
  runner_workload_random(workload, index, 0, &random);
  size_t chosen[RUNNER_ORDER_ITEMS_MAX], items;
  int32_t quantities[RUNNER_ORDER_ITEMS_MAX];
  draw_items(workload, &random, chosen, quantities, &items);
  for (size_t i = 0; i < items; i++) needs[chosen[i]] += quantities[i];
}

void runner_workload_needs(const runner_workload *workload, uint64_t count, int64_t *needs) {
  uint64_t sample = count < SAMPLE ? count : SAMPLE;
  for (size_t i = 0; i < workload->products->count; i++) needs[i] = 0;
  for (uint64_t index = 0; index < sample; index++) add_needs(workload, index, needs);
  for (size_t i = 0; i < workload->products->count && count > sample; i++) {
    needs[i] = (int64_t)((double)needs[i] * 1.05 * ((double)count / (double)sample));
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

rpc_status runner_workload_restock(runner_workload *workload, uint64_t count, runner_door *door, const char *run_id,
                                   int64_t *restocked) {
  *restocked = 0;
  int64_t *needs = calloc(workload->products->count, sizeof *needs);
  if (needs == NULL) return rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory to restock");
  runner_workload_needs(workload, count, needs);
  rpc_status status = rpc_status_ok();
  for (size_t i = 0; i < workload->products->count && status.code == RPC_OK; i++) {
    const Store__V1__Product *product = product_at(workload, i);
    int64_t available = product->available + workload->balance[i];
    workload->balance[i] -= needs[i];
    if (needs[i] <= available) continue;
    int64_t quantity = needs[i] + needs[i] / 10 - available;
    workload->balance[i] += quantity;
    status = restock_product(product, quantity, door, run_id);
    if (status.code == RPC_OK) *restocked += quantity;
  }
  free(needs);
  return status;
}
