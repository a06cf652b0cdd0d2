/* Calls that wait for an order which another replica drives: they ask the database until it is final. Called by
 * driver.c, whose functions a watch calls back. */
#pragma once

#include "order/store.h"
#include "rpc/call.h"

typedef struct order_watch_config {
  storage *db;
  /* Hands the call over where this replica has come to drive the order; false: it does not. */
  bool (*attach)(void *arg, const char *order_id, rpc_call *call);
  void (*answer)(rpc_call *call, const order_record *order); /* the order is final */
  void *arg;
} order_watch_config;

/* Answers the call when the order is final; UNAVAILABLE (reason ORDER_IN_PROGRESS) shortly before the call's deadline.
 */
void order_watch(const order_watch_config *config, rpc_call *call, const char *order_id);
