/* What a run orders: random orders over the store's own catalogue, each a function of the seed and its number, so that
 * a run can be repeated and its need of stock be known before it starts. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "rpc/status.h"
#include "runner/door.h"
#include "runner/engine.h"
#include "runner/listing.h"

enum { RUNNER_ORDER_ITEMS_MAX = 3 };

typedef struct runner_order {
  char customer_id[32];
  char shipping_address[64];
  size_t item_count; /* 1 to RUNNER_ORDER_ITEMS_MAX, of different products */
  struct {
    const char *product_id; /* the workload's */
    int32_t quantity;
    double price; /* the catalogue's */
  } items[RUNNER_ORDER_ITEMS_MAX];
} runner_order;

typedef struct runner_workload runner_workload;

/* products: Store__V1__Product, at least one; outlive the workload. seed is not 0. NULL without memory. */
runner_workload *runner_workload_create(uint64_t seed, const runner_listing *products);
void runner_workload_destroy(runner_workload *workload);

/* Order number index. From any thread. */
void runner_workload_order(const runner_workload *workload, uint64_t index, runner_order *order);

/* How much of each product (in the order of the listing) orders 0 to count-1 ask for. */
void runner_workload_needs(const runner_workload *workload, uint64_t count, int64_t *needs);

/* Puts on the shelves what these orders will need beyond what is available, and a tenth more for whoever else buys
 * meanwhile: then no order of the run meets a genuine stock-out. A product that has enough is left alone. *restocked:
 * units in all. run_id makes the restocks' idempotency keys. Blocks. */
rpc_status runner_workload_restock(const runner_workload *workload, uint64_t count, runner_door *door,
                                   const char *run_id, int64_t *restocked);

/* Places the workload's orders through a door: an engine's source. Order number n carries the correlation id
 * "<run_id>-<n>", which is its idempotency key too, so that whoever forwards it may retry. */
typedef struct runner_order_source {
  const runner_workload *workload;
  runner_door *door;
  const api_method *method; /* CreateOrder */
  const char *run_id;       /* of this run only: with a key of an older run the store would answer that run's order */
} runner_order_source;

runner_order_source runner_order_source_make(const runner_workload *workload, runner_door *door, const char *run_id);

/* An engine_source's start; self is a runner_order_source. */
void runner_order_source_start(void *self, uint64_t index, runner_engine_operation *operation);
