/* The saga's steps as calls: what each state asks of inventory or payment, and what its answer brings into the order.
 * Called by driver.c. */
#pragma once

#include "order/store.h"
#include "rpc/client.h"

typedef struct order_clients {
  rpc_client *inventory, *payment;
} order_clients;

/* A step under way; its owner's memory, to outlive the call. */
typedef struct order_step {
  order_record *order;
  void (*ended)(void *arg, const rpc_status *status); /* the order has taken what the answer brought */
  void *arg;
} order_step;

/* Takes the step of the order's state, which is not final. ended runs once, on a thread of the client's, never within
 * this function. False, without ended, where there is no memory for it. */
bool order_step_take(const order_clients *clients, const rpc_call_options *options, order_step *step);
