/* Orders as messages: what goes on the wire from a record, and what a reservation brings into one. Called by driver.c
 * and handlers.c. */
#pragma once

#include "order/store.h"
#include "rpc/call.h"
#include "store/v1/inventory.pb-c.h"

/* Answers CreateOrder with a confirmed order. */
void order_reply_confirmed(rpc_call *call, const order_record *order);

/* The order without its history; NULL without memory. The record outlives the message. */
Store__V1__Order *order_message(rpc_arena *arena, const order_record *order);

/* The items to reserve for an order; NULL without memory. The request outlives them. */
Store__V1__ReserveItem **order_reserve_items(const Store__V1__CreateOrderRequest *request, rpc_arena *arena);

/* Takes the reservation's identifier, prices and total into the order. INTERNAL where it does not fit the order. */
rpc_status order_take_reservation(order_record *order, const Store__V1__ReserveInventoryResponse *reservation);
