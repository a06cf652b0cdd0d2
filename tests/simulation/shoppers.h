/* Who uses the store from outside, over a network that loses and doubles messages: shoppers on errands. Each errand's
 * request carries an idempotency key and is made until it is answered for good; some are made once more, must get the
 * same answer, and, changed, a refusal. What they were told is their history, to be held against what is stored. */
#pragma once

#include "runner/verify.h"
#include "simulation/world.h"

typedef struct shoppers shoppers;

/* They go shopping at once: count of them, each on so many errands, one after another. */
shoppers *shoppers_send(store_world *world, int count, int errands_each);

/* Becomes true when all are back. */
const bool *shoppers_are_back(const shoppers *all);

typedef struct shoppers_totals {
  int64_t orders, confirmed, other_errands, requests;
} shoppers_totals;
shoppers_totals shoppers_count(const shoppers *all);

/* Holds the history against what is stored now, after all leases are over; each violation is reported. The invariants:
 *  - every errand was answered, and asked again got the same answer, byte for byte; none met INTERNAL;
 *  - an order, a payment, a reservation that was answered is stored once, as it was answered; none is stored that
 *    nobody asked for;
 *  - no failed order left its reservation to the end of the lease;
 *  - what is on the shelves came with a restock that was answered, once. */
size_t shoppers_check(shoppers *all, const runner_snapshot *snapshot, runner_verify_violation_fn report, void *arg);
