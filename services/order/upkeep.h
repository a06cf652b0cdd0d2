/* What each replica of the order service does from time to time: it extends the leases of the orders it drives, takes
 * over orders whose driver is gone, and forgets what is old. Created by driver.c. */
#pragma once

#include "order/store.h"
#include "rpc/clock.h"
#include "rpc/random.h"

enum {
  ORDER_LEASE_MS = 6000,              /* after a crash its orders go on this much later, and a second */
  ORDER_KEYS_KEPT_HOURS = 24,         /* idempotency keys */
  ORDER_HISTORY_KEPT_HOURS = 30 * 24, /* histories of final orders */
};

typedef struct order_upkeep order_upkeep;

typedef struct order_upkeep_config {
  storage *db;
  rpc_clock *clock;
  rpc_random *random;
  log_sink *log;     /* may be NULL */
  const char *owner; /* this replica's name in leases */
  bool is_alone;     /* no other process uses the database: all orders that are not final are this one's to drive */
  int64_t keys_kept_hours, history_kept_hours; /* 0: as above */
  /* Goes on with an order that was taken over; its texts are in arena, which is the receiver's to free. */
  void (*take_up)(void *arg, const order_record *order, rpc_arena arena);
  void *arg;
} order_upkeep_config;

/* Begins at once: what was left unfinished by a crash is taken over in the first round. NULL without memory. */
order_upkeep *order_upkeep_create(const order_upkeep_config *config);

/* Waits for rounds under way. NULL is ignored. */
void order_upkeep_destroy(order_upkeep *upkeep);

/* The lease of an order that is written at now_ms. */
order_lease order_upkeep_lease(const char *owner, int64_t now_ms);
