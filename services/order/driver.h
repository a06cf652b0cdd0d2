/* Drives orders through their sagas: writes a state, takes its step by RPC, feeds the outcome to saga_step, writes the
 * next state, until the order is final, and then answers those who wait for it. Of several replicas on one database one
 * drives an order, under a lease; orders that a crash left unfinished are taken over by another replica, or after the
 * restart (upkeep.h). Called by handlers.c. */
#pragma once

#include "order/store.h"
#include "rpc/call.h"
#include "rpc/client.h"

typedef struct order_driver order_driver;

typedef struct order_driver_config {
  storage *db;
  rpc_client *inventory, *payment; /* outlive the driver, like all pointers here */
  rpc_clock *clock;
  rpc_random *random;
  metrics_registry *metrics;
  log_sink *log;                               /* may be NULL */
  bool is_alone;                               /* no other process uses the database */
  int64_t keys_kept_hours, history_kept_hours; /* 0: see upkeep.h */
  uint32_t step_timeout_ms;                    /* of a step taken when the caller's time is over; 0: 10000 */
} order_driver_config;

/* Begins at once to go on with orders that are stored as unfinished. NULL without memory. */
order_driver *order_driver_create(const order_driver_config *config);

/* Takes the order and answers the call when the order is final; where its idempotency key is another order's, answers
 * with that order's outcome instead. The order's texts are in the call's arena. From any thread. */
void order_driver_place(order_driver *driver, rpc_call *call, const order_record *order);

/* Begins no more steps: orders stay as they are stored, to be taken over. After it, destroy the
 * clients, close the storage, and then destroy the driver. */
void order_driver_stop(order_driver *driver);

/* NULL is ignored. */
void order_driver_destroy(order_driver *driver);
