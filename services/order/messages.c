/* Orders to messages and back. */
#include "order/messages.h"

#include <stdio.h>
#include <string.h>

#include "store/v1/order.rpc.h"

enum { PRICE_MAX_CENTS = 100000000 };

void order_reply_confirmed(rpc_call *call, const order_record *order) {
  static char *steps[] = {(char *)"inventory_reserved", (char *)"payment_processed", (char *)"inventory_confirmed"};
  Store__V1__TraceInfo trace_info = STORE__V1__TRACE_INFO__INIT;
  trace_info.payment_id = (char *)order->payment_id;
  trace_info.reservation_id = (char *)order->reservation_id;
  trace_info.steps_completed = steps;
  trace_info.n_steps_completed = sizeof steps / sizeof steps[0];
  Store__V1__CreateOrderResponse response = STORE__V1__CREATE_ORDER_RESPONSE__INIT;
  response.order_id = (char *)order->order_id;
  response.correlation_id = (char *)order->correlation_id;
  response.status = (char *)saga_state_name(order->state);
  response.total_amount = validation_money(order->total_cents);
  response.processing_time_ms = (double)order->processing_us / 1000;
  response.trace_info = &trace_info;
  store_v1_order_service_create_order_reply(call, &response);
}

static Store__V1__OrderFailure *failure_message(rpc_arena *arena, const rpc_status *failure) {
  Store__V1__OrderFailure *message = rpc_arena_alloc(arena, sizeof *message);
  if (!message) return NULL;
  store__v1__order_failure__init(message);
  message->code = (char *)rpc_code_name(failure->code);
  message->reason = (char *)failure->reason;
  message->message = (char *)failure->message;
  return message;
}

Store__V1__Order *order_message(rpc_arena *arena, const order_record *order) {
  Store__V1__Order *message = rpc_arena_alloc(arena, sizeof *message);
  if (!message) return NULL;
  store__v1__order__init(message);
  message->order_id = (char *)order->order_id;
  message->customer_id = order->request->customer_id;
  message->items = order->request->items;
  message->n_items = order->request->n_items;
  message->shipping_address = order->request->shipping_address;
  message->status = (char *)saga_state_name(order->state);
  message->total_amount = validation_money(order->total_cents);
  message->payment_id = (char *)order->payment_id;
  message->reservation_id = (char *)order->reservation_id;
  message->correlation_id = (char *)order->correlation_id;
  message->created_at = validation_time(arena, order->created_ms);
  message->processing_time_ms = (double)order->processing_us / 1000;
  if (order->failure.code != RPC_OK) {
    message->failure = failure_message(arena, &order->failure);
    if (!message->failure) return NULL;
  }
  return message;
}

Store__V1__ReserveItem **order_reserve_items(const Store__V1__CreateOrderRequest *request, rpc_arena *arena) {
  Store__V1__ReserveItem **items = rpc_arena_alloc(arena, request->n_items * sizeof *items);
  Store__V1__ReserveItem *item = rpc_arena_alloc(arena, request->n_items * sizeof *item);
  if (!items || !item) return NULL;
  for (size_t i = 0; i < request->n_items; i++, item++) {
    const Store__V1__OrderItem *ordered = request->items[i];
    store__v1__reserve_item__init(item);
    item->product_id = ordered->product_id;
    item->quantity = ordered->quantity;
    if (ordered->optional_price_case == STORE__V1__ORDER_ITEM__OPTIONAL_PRICE_PRICE) {
      item->optional_price_case = STORE__V1__RESERVE_ITEM__OPTIONAL_PRICE_PRICE;
      item->price = ordered->price;
    }
    items[i] = item;
  }
  return items;
}

rpc_status order_take_reservation(order_record *order, const Store__V1__ReserveInventoryResponse *reservation) {
  rpc_status odd =
      rpc_status_error(RPC_INTERNAL, "RESERVATION_MISMATCH", "the reservation is not of this order's items");
  Store__V1__CreateOrderRequest *request = order->request;
  if (reservation->n_items != request->n_items) return odd;
  int64_t total_cents = 0;
  for (size_t i = 0; i < request->n_items; i++) {
    const Store__V1__ReservedItem *reserved = reservation->items[i];
    Store__V1__OrderItem *item = request->items[i];
    int64_t cents;
    if (strcmp(reserved->product_id, item->product_id) != 0) return odd;
    if (validation_check_money("price", reserved->price, 0, PRICE_MAX_CENTS, &cents).code != RPC_OK) return odd;
    item->optional_price_case = STORE__V1__ORDER_ITEM__OPTIONAL_PRICE_PRICE;
    item->price = reserved->price;
    total_cents += cents * item->quantity;
  }
  order->total_cents = total_cents;
  snprintf(order->reservation_id, sizeof order->reservation_id, "%s", reservation->reservation_id);
  return rpc_status_ok();
}
