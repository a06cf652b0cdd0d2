/* What a run orders: random orders over the store's own catalogue, each a function of the seed and its number, or those
 * of a file; so that a run can be repeated and its need of stock be known before it starts. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "rpc/status.h"
#include "runner/data.h"
#include "runner/door.h"
#include "runner/listing.h"

enum { RUNNER_ORDER_ITEMS_MAX = RUNNER_DATA_ITEMS_MAX };

typedef struct runner_order {
  char customer_id[128];
  char shipping_address[512];
  size_t item_count; /* 1 to RUNNER_ORDER_ITEMS_MAX, of different products */
  struct {
    const char *product_id; /* the workload's */
    int32_t quantity;
    double price; /* the catalogue's; negative: not given */
  } items[RUNNER_ORDER_ITEMS_MAX];
} runner_order;

typedef struct runner_workload runner_workload;

/* products: Store__V1__Product, at least one; outlive the workload, like data, which is NULL where orders are random.
 * seed is not 0. NULL without memory. */
runner_workload *runner_workload_create(uint64_t seed, const runner_listing *products, const runner_data *data);
void runner_workload_destroy(runner_workload *workload);

/* A generator of random numbers that belongs to operation number index alone; stream tells apart what draws from it. */
void runner_workload_random(const runner_workload *workload, uint64_t index, uint64_t stream, rpc_random *random);

/* A product of the catalogue, picked at random. */
const char *runner_workload_product(const runner_workload *workload, rpc_random *random);

/* Order number index. From any thread. */
void runner_workload_order(const runner_workload *workload, uint64_t index, runner_order *order);

/* How much of each product (in the order of the listing) orders 0 to count-1 ask for; of very many orders, an estimate
 * that is hardly ever too low. */
void runner_workload_needs(const runner_workload *workload, uint64_t count, int64_t *needs);

/* Puts on the shelves what these orders will need beyond what is available, and a tenth more for whoever else buys
 * meanwhile: then no order of the run meets a genuine stock-out. A product that has enough is left alone. Done
 * again, it counts what the orders before may have taken since the products were listed. *restocked: units in all.
 * run_id makes the restocks' idempotency keys. Blocks. */
rpc_status runner_workload_restock(runner_workload *workload, uint64_t count, runner_door *door, const char *run_id,
                                   int64_t *restocked);
