/* Holds what the shoppers were told against what is stored. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "simulation/errand.h"

typedef struct inspection {
  shoppers *all;
  const runner_snapshot *snapshot;
  runner_verify_violation_fn report;
  void *arg;
  size_t violations;
} inspection;

__attribute__((format(printf, 2, 3))) static void violation(inspection *self, const char *format, ...) {
  char line[ERRAND_LINE_SIZE];
  va_list args;
  va_start(args, format);
  vsnprintf(line, sizeof line, format, args);
  va_end(args);
  self->report(self->arg, line);
  self->violations++;
}

static const errand *errand_of_customer(const shoppers *all, const char *customer, errand_kind kind) {
  for (size_t i = 0; i < all->errand_count; i++) {
    const errand *of = &all->errands[i];
    if (strcmp(of->id, customer) == 0 && of->kind == kind && of->ask_count > 0) return of;
  }
  return NULL;
}

/* Whether the answer to an order is what is stored. */
static bool agrees(const answer *told, const Store__V1__Order *order) {
  if (told->status.code != RPC_OK) {
    return strcmp(order->status, "failed") == 0 && order->failure &&
           strcmp(order->failure->reason, told->status.reason) == 0;
  }
  Store__V1__CreateOrderResponse *response = errand_unpack(told, &store__v1__create_order_response__descriptor);
  bool same = strcmp(order->status, "confirmed") == 0 && response->total_amount == order->total_amount &&
              strcmp(response->trace_info->payment_id, order->payment_id) == 0 &&
              strcmp(response->trace_info->reservation_id, order->reservation_id) == 0;
  store__v1__create_order_response__free_unpacked(response, NULL);
  return same;
}

static void check_order(inspection *self, const errand *of) {
  const runner_listing *orders = &self->snapshot->orders;
  size_t stored = 0;
  for (size_t i = 0; i < orders->count; i++) {
    const Store__V1__Order *order = (const void *)orders->items[i];
    if (strcmp(order->customer_id, of->id) != 0) continue;
    stored++;
    if (strcmp(order->order_id, of->stored_id) != 0 || !agrees(&of->asks[0].first, order)) {
      violation(self, "%s was answered %s (%s); %s is stored as %s", of->id, errand_reason(&of->asks[0].first.status),
                of->stored_id, order->order_id, order->status);
    }
  }
  if (stored != (of->stored_id[0] ? 1 : 0)) violation(self, "%s has %zu orders", of->id, stored);
}

static void check_payment(inspection *self, const errand *of) {
  const runner_listing *payments = &self->snapshot->payments;
  bool is_refunded = of->ask_count > 1 && of->asks[1].first.status.code == RPC_OK;
  const char *expected = of->asks[0].first.status.code != RPC_OK ? "declined" : is_refunded ? "refunded" : "completed";
  size_t stored = 0;
  for (size_t i = 0; i < payments->count; i++) {
    const Store__V1__Payment *payment = (const void *)payments->items[i];
    if (strcmp(payment->customer_id, of->id) != 0) continue;
    stored++;
    if (strcmp(payment->payment_id, of->stored_id) != 0 || strcmp(payment->status, expected) != 0 ||
        (int32_t)payment->amount != of->quantity) {
      violation(self, "%s: payment %s over %d should be %s; %s over %.2f is %s", of->id, of->stored_id, of->quantity,
                expected, payment->payment_id, payment->amount, payment->status);
    }
  }
  if (stored != (of->stored_id[0] ? 1 : 0)) violation(self, "%s has %zu payments", of->id, stored);
}

/* What a reservation must be now that its lease is over. */
static const char *end_of_hold(const errand *of) {
  if (of->ask_count < 2) return "expired";
  const ask *end = &of->asks[1];
  if (end->first.status.code != RPC_OK) return "expired"; /* confirmed too late */
  Store__V1__Reservation *told = errand_unpack(&end->first, &store__v1__reservation__descriptor);
  static const char *const ends[] = {"confirmed", "released", "expired"};
  const char *status = "none of the ends";
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    if (strcmp(ends[i], told->status) == 0) status = ends[i];
  }
  store__v1__reservation__free_unpacked(told, NULL);
  return status;
}

static void check_hold(inspection *self, const errand *of) {
  const runner_listing *reservations = &self->snapshot->reservations;
  size_t stored = 0;
  for (size_t i = 0; i < reservations->count; i++) {
    const Store__V1__Reservation *reservation = (const void *)reservations->items[i];
    if (strcmp(reservation->reservation_id, of->stored_id) != 0) continue;
    stored++;
    if (strcmp(reservation->status, end_of_hold(of)) != 0 || reservation->items[0]->quantity != of->quantity) {
      violation(self, "%s: reservation %s should be %s, is %s", of->id, of->stored_id, end_of_hold(of),
                reservation->status);
    }
  }
  if (stored != (of->stored_id[0] ? 1 : 0)) violation(self, "%s has %zu reservations", of->id, stored);
}

static void check_restock(inspection *self, const errand *of) {
  if (of->asks[0].first.status.code != RPC_OK) {
    violation(self, "%s: a restock was refused: %s", of->id, errand_reason(&of->asks[0].first.status));
  }
}

static void check_errand(inspection *self, const errand *of) {
  static void (*const checks[])(inspection * self, const errand *of) = {[ERRAND_ORDER] = check_order,
                                                                        [ERRAND_RESTOCK] = check_restock,
                                                                        [ERRAND_PAYMENT] = check_payment,
                                                                        [ERRAND_HOLD] = check_hold};
  bool is_answered = of->ask_count > 0;
  for (size_t i = 0; i < of->ask_count; i++) is_answered = is_answered && of->asks[i].is_answered;
  if (is_answered) {
    checks[of->kind](self, of);
  } else {
    violation(self, "%s was never answered", of->id);
  }
}

/* Nothing is stored that nobody asked for. */
static void check_strangers(inspection *self) {
  const runner_snapshot *snapshot = self->snapshot;
  size_t holds = 0, free_reservations = 0;
  for (size_t i = 0; i < snapshot->orders.count; i++) {
    const Store__V1__Order *order = (const void *)snapshot->orders.items[i];
    if (!errand_of_customer(self->all, order->customer_id, ERRAND_ORDER)) {
      violation(self, "order %s is nobody's", order->order_id);
    }
  }
  for (size_t i = 0; i < snapshot->payments.count; i++) {
    const Store__V1__Payment *payment = (const void *)snapshot->payments.items[i];
    errand_kind kind = payment->order_id[0] ? ERRAND_ORDER : ERRAND_PAYMENT;
    if (!errand_of_customer(self->all, payment->customer_id, kind)) {
      violation(self, "payment %s is nobody's", payment->payment_id);
    }
  }
  for (size_t i = 0; i < snapshot->reservations.count; i++) {
    free_reservations +=
        ((const Store__V1__Reservation *)(const void *)snapshot->reservations.items[i])->order_id[0] == 0;
  }
  for (size_t i = 0; i < self->all->errand_count; i++) {
    const errand *of = &self->all->errands[i];
    holds += of->kind == ERRAND_HOLD && of->stored_id[0];
  }
  if (holds != free_reservations) {
    violation(self, "%zu reservations of nobody's order, %zu asked for", free_reservations, holds);
  }
}

static double ms_of(const Google__Protobuf__Timestamp *time) {
  return (double)time->seconds * 1e3 + time->nanos / 1e6;
}

/* What a failed order held it gave back itself: it did not leave that to the end of the lease. */
static void check_leases(inspection *self) {
  const runner_listing *orders = &self->snapshot->orders, *reservations = &self->snapshot->reservations;
  for (size_t i = 0; i < orders->count; i++) {
    const Store__V1__Order *order = (const void *)orders->items[i];
    double final_ms = ms_of(order->created_at) + order->processing_time_ms;
    for (size_t j = 0; j < reservations->count; j++) {
      const Store__V1__Reservation *held = (const void *)reservations->items[j];
      if (strcmp(held->order_id, order->order_id) != 0 || strcmp(held->status, "expired") != 0) continue;
      if (final_ms + 1 < ms_of(held->expires_at)) {
        violation(self, "order %s failed, and left its reservation to expire", order->order_id);
      }
    }
  }
}

static void check_shelves(inspection *self) {
  for (size_t p = 0; p < ERRAND_PRODUCTS; p++) {
    int32_t received = errand_products[p].stock;
    for (size_t i = 0; i < self->all->errand_count; i++) {
      const errand *of = &self->all->errands[i];
      if (of->kind == ERRAND_RESTOCK && of->ask_count > 0 && of->product == p) received += of->quantity;
    }
    for (size_t i = 0; i < self->snapshot->products.count; i++) {
      const Store__V1__Product *product = (const void *)self->snapshot->products.items[i];
      if (strcmp(product->product_id, errand_products[p].id) == 0 && product->received != received) {
        violation(self, "%s: %d units were received, %d stand in the books", errand_products[p].id, received,
                  product->received);
      }
    }
  }
}

size_t shoppers_check(shoppers *all, const runner_snapshot *snapshot, runner_verify_violation_fn report, void *arg) {
  inspection self = {all, snapshot, report, arg, 0};
  if (all->trouble[0]) violation(&self, "%s", all->trouble);
  for (size_t i = 0; i < all->errand_count; i++) check_errand(&self, &all->errands[i]);
  check_strangers(&self);
  check_leases(&self);
  check_shelves(&self);
  return self.violations;
}
