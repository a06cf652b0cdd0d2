/* Where the recent orders spent their time: of each the part that every step accounts for on its critical path
 * (rpc/critical_path.h), and of all of them the shares. The step with the largest is the bottleneck. Used by
 * event_round.c, on the event loop. */
#pragma once

#include "gateway/json_write.h"
#include "rpc/v1/traces.pb-c.h"

enum { EVENT_SHARES_ORDERS = 50, EVENT_SHARES_STEPS = 64, EVENT_SHARES_SHOWN = 8 };

/* Zeroed: no orders yet. */
typedef struct event_shares {
  size_t step_count;
  struct {
    char service[24], name[64];
  } steps[EVENT_SHARES_STEPS]; /* in the order in which they were first seen; more of them count as the last */
  size_t order_count, next;
  double milliseconds[EVENT_SHARES_ORDERS][EVENT_SHARES_STEPS]; /* a ring */
} event_shares;

/* Takes an order's trace, with critical_ms set; the oldest makes room. */
void event_shares_add(event_shares *shares, const Rpc__V1__GetTraceResponse *trace);

/* {"orders":12,"mean_ms":1790.3,"steps":[{"service":"payment","name":"fraud check","share":0.86,"mean_ms":1540.2},…]},
 * the largest first, EVENT_SHARES_SHOWN at most. */
void event_shares_write(const event_shares *shares, json_writer *writer);
