/* One function a state, one callback an answer. */
#include "order/steps.h"

#include <stdio.h>

#include "order/messages.h"
#include "store/v1/inventory.rpc.h"
#include "store/v1/payment.rpc.h"

static void on_reserved(void *arg, const rpc_status *status, const Store__V1__ReserveInventoryResponse *response) {
  order_step *step = arg;
  rpc_status taken = response ? order_take_reservation(step->order, response) : *status;
  step->ended(step->arg, &taken);
}

static void on_charged(void *arg, const rpc_status *status, const Store__V1__ProcessPaymentResponse *response) {
  order_step *step = arg;
  order_record *order = step->order;
  const char *payment_id = response ? response->payment_id : rpc_status_fact_of(status, "payment_id");
  if (payment_id) snprintf(order->payment_id, sizeof order->payment_id, "%s", payment_id);
  step->ended(step->arg, status);
}

static void on_reservation(void *arg, const rpc_status *status, const Store__V1__Reservation *reservation) {
  (void)reservation;
  order_step *step = arg;
  step->ended(step->arg, status);
}

static void on_refunded(void *arg, const rpc_status *status, const Store__V1__Payment *payment) {
  (void)payment;
  order_step *step = arg;
  step->ended(step->arg, status);
}

static bool reserve(const order_clients *clients, const rpc_call_options *options, order_step *step) {
  Store__V1__ReserveInventoryRequest request = STORE__V1__RESERVE_INVENTORY_REQUEST__INIT;
  const order_record *order = step->order;
  rpc_arena arena;
  rpc_arena_init(&arena, SIZE_MAX);
  request.order_id = (char *)order->order_id;
  request.items = order_reserve_items(order->request, &arena);
  request.n_items = order->request->n_items;
  bool ready = request.items != NULL;
  if (ready) {
    store_v1_inventory_service_reserve_inventory(clients->inventory, &request, options, on_reserved, step);
  }
  rpc_arena_free(&arena);
  return ready;
}

static bool charge(const order_clients *clients, const rpc_call_options *options, order_step *step) {
  Store__V1__ProcessPaymentRequest request = STORE__V1__PROCESS_PAYMENT_REQUEST__INIT;
  request.customer_id = step->order->request->customer_id;
  request.order_id = step->order->order_id;
  request.amount = validation_money(step->order->total_cents);
  store_v1_payment_service_process_payment(clients->payment, &request, options, on_charged, step);
  return true;
}

static bool confirm(const order_clients *clients, const rpc_call_options *options, order_step *step) {
  Store__V1__ConfirmReservationRequest request = STORE__V1__CONFIRM_RESERVATION_REQUEST__INIT;
  request.reservation_id = step->order->reservation_id;
  store_v1_inventory_service_confirm_reservation(clients->inventory, &request, options, on_reservation, step);
  return true;
}

static bool refund(const order_clients *clients, const rpc_call_options *options, order_step *step) {
  Store__V1__RefundPaymentRequest request = STORE__V1__REFUND_PAYMENT_REQUEST__INIT;
  request.payment_id = step->order->payment_id;
  store_v1_payment_service_refund_payment(clients->payment, &request, options, on_refunded, step);
  return true;
}

static bool release(const order_clients *clients, const rpc_call_options *options, order_step *step) {
  Store__V1__ReleaseReservationRequest request = STORE__V1__RELEASE_RESERVATION_REQUEST__INIT;
  request.reservation_id = step->order->reservation_id;
  store_v1_inventory_service_release_reservation(clients->inventory, &request, options, on_reservation, step);
  return true;
}

typedef bool (*take_fn)(const order_clients *clients, const rpc_call_options *options, order_step *step);

static const take_fn steps[SAGA_STATE_COUNT] = {
    [SAGA_RESERVING] = reserve, [SAGA_CHARGING] = charge,   [SAGA_CONFIRMING] = confirm,
    [SAGA_REFUNDING] = refund,  [SAGA_RELEASING] = release,
};

bool order_step_take(const order_clients *clients, const rpc_call_options *options, order_step *step) {
  return steps[step->order->state](clients, options, step);
}
