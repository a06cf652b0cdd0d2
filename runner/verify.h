/* The invariant checker behind `store-runner verify`: what the three services' databases say must add up. Checking is a
 * pure function of a snapshot; reading one is apart. */
#pragma once

#include <stddef.h>

#include "rpc/status.h"
#include "runner/door.h"
#include "runner/listing.h"

typedef struct runner_snapshot {
  runner_listing orders;       /* Store__V1__Order */
  runner_listing payments;     /* Store__V1__Payment */
  runner_listing reservations; /* Store__V1__Reservation */
  runner_listing products;     /* Store__V1__Product */
} runner_snapshot;

/* Takes one violation, a line without its end. */
typedef void (*runner_verify_violation_fn)(void *arg, const char *line);

/* Checks, and returns the number of violations; each is reported with the ids concerned. The invariants:
 *  - an order is final (confirmed or failed) and is listed once;
 *  - a confirmed order has exactly one payment, completed, over its total, and exactly one confirmed reservation, of
 *    its items, and names both;
 *  - a failed order has no completed payment; no final order has a held reservation, no failed one a confirmed one;
 *  - a completed payment, a held and a confirmed reservation belong to an order that exists, or to none;
 *  - a product's reserved and sold are the sums over held and confirmed reservations, its total_stock is received
 *    - sold, its available is total_stock - reserved and not negative. */
size_t runner_verify_check(const runner_snapshot *snapshot, runner_verify_violation_fn report, void *arg);

/* Reads a snapshot through the door, again and again until every order is final, settle_ms at most: then what is not
 * final stays so for runner_verify_check to tell. Blocks. A store that takes orders meanwhile does not add up. On
 * failure the snapshot is empty. */
rpc_status runner_verify_read(runner_door *door, int64_t settle_ms, runner_snapshot *snapshot);

void runner_snapshot_free(runner_snapshot *snapshot);

/* Reads, checks, and prints violations and a summary on standard output. 0: no violation; 1: some; 2: could not read
 * (why is on standard error). */
int runner_verify_run(runner_door *door, int64_t settle_ms);
