/* The rules of stock and reservations, as tables where they are tables. */
#include "inventory/reservation.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const status_names[RESERVATION_STATUS_COUNT] = {"held", "confirmed", "released", "expired"};

const char *reservation_status_name(reservation_status status) {
  return status_names[status];
}

bool reservation_status_from_name(const char *name, reservation_status *status) {
  for (int i = 0; i < RESERVATION_STATUS_COUNT; i++) {
    if (strcmp(status_names[i], name) != 0) continue;
    *status = (reservation_status)i;
    return true;
  }
  return false;
}

static rpc_status at_line(rpc_status status, size_t index, const char *field) {
  snprintf(status.field, sizeof status.field, "items[%zu].%s", index, field);
  return status;
}

static rpc_status check_known(const reservation_line *line, size_t index) {
  if (line->known) return rpc_status_ok();
  return at_line(rpc_status_error(RPC_NOT_FOUND, "PRODUCT_NOT_FOUND", "items[%zu].product_id: there is no product '%s'",
                                  index, line->product_id),
                 index, "product_id");
}

static rpc_status check_price(const reservation_line *line, size_t index) {
  if (line->expected_cents < 0 || line->expected_cents == line->price_cents) return rpc_status_ok();
  return at_line(rpc_status_error(RPC_INVALID_ARGUMENT, "PRICE_MISMATCH",
                                  "items[%zu].price: %s costs %" PRId64 ".%02d, not %" PRId64 ".%02d", index,
                                  line->product_id, line->price_cents / 100, (int)(line->price_cents % 100),
                                  line->expected_cents / 100, (int)(line->expected_cents % 100)),
                 index, "price");
}

static rpc_status check_stock(const reservation_line *lines, size_t index) {
  const reservation_line *line = &lines[index];
  int64_t wanted = 0; /* of this product, by the lines up to this one */
  for (size_t i = 0; i <= index; i++) {
    if (strcmp(lines[i].product_id, line->product_id) == 0) wanted += lines[i].quantity;
  }
  if (wanted <= line->available) return rpc_status_ok();
  rpc_status status = rpc_status_error(RPC_FAILED_PRECONDITION, "OUT_OF_STOCK",
                                       "not enough stock of %s: %" PRId64 " asked for, %d available", line->product_id,
                                       wanted, (int)line->available);
  rpc_status_set_fact(&status, "product_id", line->product_id);
  char available[16];
  snprintf(available, sizeof available, "%d", (int)line->available);
  rpc_status_set_fact(&status, "available", available);
  return at_line(status, index, "quantity");
}

rpc_status reservation_check(const reservation_line *lines, size_t count, bool conflict) {
  rpc_status status = rpc_status_ok();
  for (size_t i = 0; status.code == RPC_OK && i < count; i++) status = check_known(&lines[i], i);
  for (size_t i = 0; status.code == RPC_OK && i < count; i++) status = check_price(&lines[i], i);
  for (size_t i = 0; status.code == RPC_OK && i < count; i++) status = check_stock(lines, i);
  if (status.code != RPC_OK || !conflict) return status;
  return rpc_status_error(RPC_ABORTED, "RESERVATION_CONFLICT", "the reservation conflicted with another (simulated)");
}

reservation_decision reservation_decide(reservation_status status, int64_t expires_ms, int64_t now_ms,
                                        reservation_action action) {
  static const reservation_status made_by[] = {[RESERVATION_CONFIRM] = RESERVATION_CONFIRMED,
                                               [RESERVATION_RELEASE] = RESERVATION_RELEASED,
                                               [RESERVATION_EXPIRE] = RESERVATION_EXPIRED};
  /* Refused where there is a reason; else the action has, or had before, what it wants. */
  static const char *const refusals[RESERVATION_STATUS_COUNT][3] = {
      [RESERVATION_CONFIRMED] = {[RESERVATION_RELEASE] = "RESERVATION_CONFIRMED"},
      [RESERVATION_RELEASED] = {[RESERVATION_CONFIRM] = "RESERVATION_RELEASED"},
      [RESERVATION_EXPIRED] = {[RESERVATION_CONFIRM] = "RESERVATION_EXPIRED"},
  };
  reservation_decision decision = {.to = status, .answer = rpc_status_ok()};
  if (status == RESERVATION_HELD) {
    bool lapsed = expires_ms <= now_ms;
    if (action == RESERVATION_EXPIRE && !lapsed) return decision;
    decision.to = lapsed ? RESERVATION_EXPIRED : made_by[action];
    decision.changed = true;
  }
  const char *reason = refusals[decision.to][action];
  if (reason) {
    decision.answer = rpc_status_error(RPC_FAILED_PRECONDITION, reason, "the reservation is %s already",
                                       reservation_status_name(decision.to));
  }
  return decision;
}

reservation_effect reservation_effect_of(reservation_status to) {
  static const reservation_effect effects[RESERVATION_STATUS_COUNT] = {
      [RESERVATION_CONFIRMED] = {.total_stock = -1, .reserved = -1, .sold = 1},
      [RESERVATION_RELEASED] = {.reserved = -1},
      [RESERVATION_EXPIRED] = {.reserved = -1},
  };
  assert(to != RESERVATION_HELD);
  return effects[to];
}
