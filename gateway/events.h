/* GET /events: what the store does, as server-sent events (the HTML standard, §9.2), for the console and whoever likes.
 * Each event is the whole of what it tells of, so a reader needs no earlier one, and may miss some:
 *   services     health, and totals since the start of calls, refusals, errors and latencies by bucket; every round
 *   stock        ListProducts; like the next three, at the beginning and where it changed
 *   orders       ListOrders, the newest 20
 *   simulation   what each service simulates
 *   bottleneck   the recent orders' time by step (event_shares.h)
 * One collector (event_round.h) asks the services for all readers, and only while there is one. A reader who takes
 * nothing gets nothing more meanwhile, and is let go as any slow client is (connections.h). All of it is on the event
 * loop. */
#pragma once

#include <stddef.h>

#include "gateway/exchange.h"

typedef struct events events;

typedef enum events_kind {
  EVENTS_SERVICES,
  EVENTS_STOCK,
  EVENTS_ORDERS,
  EVENTS_SIMULATION,
  EVENTS_BOTTLENECK,
  EVENTS_KINDS
} events_kind;

/* Once the loop's context is there, before it goes, and when the gateway begins to drain: readers are sent away then.
 * Without memory there are no events. */
void events_open(gateway *server);
void events_drain(gateway *server);
void events_close(gateway *server);

void events_page(exchange *self);

/* What is known now, as one line of JSON; where it is what readers have already, nothing is sent. */
void events_publish(events *self, events_kind kind, const char *json, size_t length);
