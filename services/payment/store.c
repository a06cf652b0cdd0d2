/* Payment's table. */
#include "payment/store.h"

#include "storage/idempotency.h"

const char *const payment_store_migrations[] = {
    "CREATE TABLE payments (payment_id TEXT PRIMARY KEY, customer_id TEXT NOT NULL, order_id TEXT NOT NULL,"
    "  amount_cents BIGINT NOT NULL, status TEXT NOT NULL, decline_reason TEXT NOT NULL, created_ms BIGINT NOT NULL,"
    "  refunded_ms BIGINT NOT NULL, correlation_id TEXT NOT NULL)" STORAGE_BY_KEY
    ";"
    "CREATE INDEX payments_order ON payments (order_id, payment_id);" IDEMPOTENCY_MIGRATION,
    NULL};

enum {
  PAYMENT_INSERT = IDEMPOTENCY_STATEMENT_COUNT,
  PAYMENT_FIND,
  PAYMENT_REFUND,
  PAYMENT_LIST,
  PAYMENT_LIST_ORDER,
  STATEMENT_COUNT
};

#define PAYMENT_COLUMNS \
  "payment_id, customer_id, order_id, amount_cents, status, decline_reason, created_ms, refunded_ms"

const char *const payment_store_statements[STATEMENT_COUNT] = {
    IDEMPOTENCY_STATEMENTS,
    [PAYMENT_INSERT] = "INSERT INTO payments (" PAYMENT_COLUMNS
                       ", correlation_id) "
                       "VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8)",
    [PAYMENT_FIND] = "SELECT " PAYMENT_COLUMNS " FROM payments WHERE payment_id = $1",
    [PAYMENT_REFUND] =
        "UPDATE payments SET status = 'refunded', refunded_ms = $2 "
        "WHERE payment_id = $1 AND status = 'completed'",
    [PAYMENT_LIST] = "SELECT " PAYMENT_COLUMNS
                     " FROM payments WHERE payment_id < $1 "
                     "ORDER BY payment_id DESC LIMIT $2",
    [PAYMENT_LIST_ORDER] = "SELECT " PAYMENT_COLUMNS
                           " FROM payments WHERE order_id = $3 AND payment_id < $1 "
                           "ORDER BY payment_id DESC LIMIT $2",
};
const size_t payment_store_statement_count = STATEMENT_COUNT;

void payment_store_insert(storage_tx *tx, const payment_record *payment, const char *correlation_id) {
  storage_send(tx, PAYMENT_INSERT, NULL, "tttittit", payment->payment_id, payment->customer_id, payment->order_id,
               payment->amount_cents, payment_status_name(payment->status), payment->decline_reason,
               payment->created_ms, correlation_id);
}

static void read_payment(storage_tx *tx, size_t index, payment_record *payment) {
  storage_copy_text(tx, index, 0, payment->payment_id, sizeof payment->payment_id);
  storage_copy_text(tx, index, 1, payment->customer_id, sizeof payment->customer_id);
  storage_copy_text(tx, index, 2, payment->order_id, sizeof payment->order_id);
  payment->amount_cents = storage_column_integer(tx, index, 3);
  if (!payment_status_from_name(storage_column_text(tx, index, 4), &payment->status)) {
    rpc_status status =
        rpc_status_error(RPC_DATA_LOSS, "UNKNOWN_STATUS", "payment %s has no valid status", payment->payment_id);
    storage_tx_fail(tx, &status);
  }
  storage_copy_text(tx, index, 5, payment->decline_reason, sizeof payment->decline_reason);
  payment->created_ms = storage_column_integer(tx, index, 6);
  payment->refunded_ms = storage_column_integer(tx, index, 7);
}

bool payment_store_find(storage_tx *tx, const char *payment_id, payment_record *payment) {
  bool found = storage_find(tx, PAYMENT_FIND, "t", payment_id);
  if (found) read_payment(tx, PAYMENT_FIND, payment);
  storage_end(tx, PAYMENT_FIND);
  return found;
}

void payment_store_refund(storage_tx *tx, const char *payment_id, int64_t now_ms) {
  static const storage_condition is_completed = {1, "PAYMENT_CHANGED", "the payment changed meanwhile"};
  storage_send(tx, PAYMENT_REFUND, &is_completed, "ti", payment_id, now_ms);
}

size_t payment_store_list(storage_tx *tx, const char *order_id, const char *before, payment_record *payments,
                          size_t max) {
  const char *below = before[0] ? before : "~"; /* after every identifier */
  size_t index = order_id[0] ? PAYMENT_LIST_ORDER : PAYMENT_LIST;
  size_t count = 0;
  bool row = storage_find(tx, index, order_id[0] ? "tit" : "ti", below, (int64_t)max, order_id);
  for (; row && count < max; row = storage_step(tx, index)) read_payment(tx, index, &payments[count++]);
  storage_end(tx, index);
  return count;
}
