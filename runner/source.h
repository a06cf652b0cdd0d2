/* The operations of a run, done through a door: an engine's source. Which operation number n is, is drawn from the
 * mix's weights by the workload's seed; so is whether an order is spoilt on purpose. */
#pragma once

#include <stdint.h>

#include "runner/door.h"
#include "runner/engine.h"
#include "runner/outcome.h"
#include "runner/workload.h"

/* What can be wrong with an order on purpose; runner_fault_names has "unknown_product", … by these numbers. */
typedef enum runner_fault {
  RUNNER_FAULT_UNKNOWN_PRODUCT,
  RUNNER_FAULT_WRONG_PRICE,
  RUNNER_FAULT_TOO_MANY,     /* far more than any shelf has: a stock-out */
  RUNNER_FAULT_BAD_QUANTITY, /* none at all: an invalid request */
  RUNNER_FAULT_IMPATIENT,    /* the caller gives up after RUNNER_IMPATIENT_MS */
  RUNNER_FAULT_DUPLICATE,    /* the order before, sent again with its key: must have its outcome */
  RUNNER_FAULT_COUNT
} runner_fault;

enum { RUNNER_IMPATIENT_MS = 50 };

extern const char *const runner_fault_names[RUNNER_FAULT_COUNT];

typedef struct runner_mix {
  double weights[RUNNER_KIND_COUNT]; /* relative; at least one is not 0 */
  double faults[RUNNER_FAULT_COUNT]; /* shares of orders, 1 in all at most; the rest has none */
} runner_mix;

typedef struct runner_source runner_source;

/* All outlive the source. run_id: of this run only; with a key of an older run the store would answer that run's
 * order. NULL without memory. */
runner_source *runner_source_create(const runner_workload *workload, const runner_mix *mix, runner_door *door,
                                    const char *run_id);
void runner_source_destroy(runner_source *source);

/* Where the mix reads orders: finds some to read. Before the run; blocks. */
rpc_status runner_source_find_orders(runner_source *source);

/* An engine_source's start; self is a runner_source. Operation number n carries the correlation id "<run_id>-<n>",
 * which is the idempotency key of an order too, so that whoever forwards it may retry. Where there is no order to read
 * yet, one is placed instead. */
void runner_source_start(void *self, uint64_t index, runner_engine_operation *operation);
