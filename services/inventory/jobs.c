/* What inventory's writes do inside their transaction: ask the rules, write what they decide, keep the answer. Queued
 * by handlers.c, run by storage. */
#include "inventory/jobs.h"

#include <stdio.h>
#include <string.h>

#include "inventory/messages.h"

enum { SWEEP_ROUND = 200 }; /* reservations expired in one transaction */

rpc_status inventory_out_of_memory(void) {
  return rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory left for this call");
}

rpc_status inventory_product_not_found(const char *product_id) {
  rpc_status status = rpc_status_error(RPC_NOT_FOUND, "PRODUCT_NOT_FOUND", "there is no product '%s'", product_id);
  strcpy(status.field, "product_id");
  return status;
}

/* Ends a run: the answer goes into the transaction, for the next call with this key. */
static rpc_status keep_answer(inventory_write *write, storage_tx *tx, const ProtobufCMessage *response) {
  write->response = response;
  if (write->failure.code == RPC_OK && !response) return inventory_out_of_memory();
  const rpc_status *failure = write->failure.code == RPC_OK ? NULL : &write->failure;
  idempotency_save(write->service->keys, tx, write->call, response, failure);
  return storage_tx_status(tx);
}

static void append_audit(storage_tx *tx, int64_t now_ms, const inventory_reservation *reservation, const char *from,
                         reservation_status to, const char *correlation_id) {
  storage_audit(tx, now_ms, "reservation", reservation->reservation_id, from, reservation_status_name(to),
                correlation_id, reservation->order_id);
}

static inventory_outcome outcome_of_refusal(const rpc_status *refusal) {
  if (refusal->code == RPC_ABORTED) return INVENTORY_CONFLICT;
  return refusal->code == RPC_FAILED_PRECONDITION ? INVENTORY_OUT_OF_STOCK : INVENTORY_UNCOUNTED;
}

rpc_status inventory_run_reserve(storage_job *job, storage_tx *tx) {
  inventory_write *write = (inventory_write *)job;
  inventory_reservation *reservation = &write->reservation;
  inventory_store_fill_lines(tx, write->lines, write->line_count);
  write->failure = reservation_check(write->lines, write->line_count, write->conflict);
  if (write->failure.code != RPC_OK) {
    write->outcome = outcome_of_refusal(&write->failure);
    return keep_answer(write, tx, NULL);
  }
  write->outcome = INVENTORY_HELD;
  reservation->created_ms = write->now_ms;
  reservation->expires_ms = write->now_ms + write->service->config.lease_ms;
  inventory_store_reserve(tx, reservation, write->lines, write->line_count);
  append_audit(tx, write->now_ms, reservation, "", RESERVATION_HELD, reservation->correlation_id);
  Store__V1__ReserveInventoryResponse *response =
      inventory_reserved_message(rpc_call_arena(write->call), reservation, write->lines, write->line_count);
  return keep_answer(write, tx, response ? &response->base : NULL);
}

/* Carries a decision out. */
static void settle(storage_tx *tx, int64_t now_ms, inventory_reservation *reservation,
                   const reservation_decision *decision, const char *correlation_id) {
  if (!decision->changed) return;
  inventory_store_settle(tx, reservation->reservation_id, decision->to);
  append_audit(tx, now_ms, reservation, reservation_status_name(reservation->status), decision->to, correlation_id);
  reservation->status = decision->to;
}

rpc_status inventory_run_settle(storage_job *job, storage_tx *tx) {
  static const inventory_outcome outcomes[] = {[RESERVATION_CONFIRMED] = INVENTORY_CONFIRMED,
                                               [RESERVATION_RELEASED] = INVENTORY_RELEASED,
                                               [RESERVATION_EXPIRED] = INVENTORY_EXPIRED};
  inventory_write *write = (inventory_write *)job;
  inventory_reservation reservation;
  write->outcome = INVENTORY_UNCOUNTED;
  if (!inventory_store_find_reservation(tx, write->reservation.reservation_id, &reservation)) {
    write->failure = rpc_status_error(RPC_NOT_FOUND, "RESERVATION_NOT_FOUND", "there is no reservation '%s'",
                                      write->reservation.reservation_id);
    strcpy(write->failure.field, "reservation_id");
    return storage_tx_status(tx);
  }
  reservation_decision decision =
      reservation_decide(reservation.status, reservation.expires_ms, write->now_ms, write->action);
  if (decision.changed) write->outcome = outcomes[decision.to];
  settle(tx, write->now_ms, &reservation, &decision, rpc_call_correlation_id(write->call));
  write->failure = decision.answer;
  Store__V1__Reservation *message = inventory_reservation_message(rpc_call_arena(write->call), tx, &reservation);
  return keep_answer(write, tx, message ? &message->base : NULL);
}

/* Expires the holds whose lease has ended. */
rpc_status inventory_run_sweep(void *arg, storage_tx *tx, bool *more) {
  inventory_service *service = arg;
  inventory_reservation lapsed[SWEEP_ROUND];
  int64_t now_ms = rpc_clock_unix_ms(service->config.clock);
  size_t count = inventory_store_list_lapsed(tx, now_ms, lapsed, SWEEP_ROUND);
  for (size_t i = 0; i < count; i++) {
    reservation_decision decision =
        reservation_decide(lapsed[i].status, lapsed[i].expires_ms, now_ms, RESERVATION_EXPIRE);
    settle(tx, now_ms, &lapsed[i], &decision, lapsed[i].correlation_id);
  }
  service->swept = (int64_t)count;
  *more = count == SWEEP_ROUND;
  return storage_tx_status(tx);
}

rpc_status inventory_run_restock(storage_job *job, storage_tx *tx) {
  inventory_write *write = (inventory_write *)job;
  inventory_product product;
  write->failure = rpc_status_ok();
  write->outcome = INVENTORY_UNCOUNTED;
  if (!inventory_store_restock(tx, write->product_id, write->quantity, &product)) {
    write->failure =
        inventory_store_find_product(tx, write->product_id, &product)
            ? rpc_status_error(RPC_OUT_OF_RANGE, "STOCK_LIMIT", "%s has received %d units: no more than %d fit",
                               write->product_id, (int)product.received, INT32_MAX)
            : inventory_product_not_found(write->product_id);
    return keep_answer(write, tx, NULL);
  }
  char before[16], after[16];
  snprintf(before, sizeof before, "%d", (int)(product.total_stock - write->quantity));
  snprintf(after, sizeof after, "%d", (int)product.total_stock);
  storage_audit(tx, write->now_ms, "product", product.product_id, before, after, rpc_call_correlation_id(write->call),
                "restocked");
  Store__V1__Product *message = inventory_product_message(rpc_call_arena(write->call), &product);
  return keep_answer(write, tx, message ? &message->base : NULL);
}
