/* The order's tables: one row an order, one row a state it has been in. */
#include "order/store.h"

#include <stdlib.h>
#include <string.h>

const char *const order_store_migrations[] = {
    "CREATE TABLE orders (order_id TEXT PRIMARY KEY, request BYTEA NOT NULL, status TEXT NOT NULL,"
    "  total_cents BIGINT NOT NULL, reservation_id TEXT NOT NULL, payment_id TEXT NOT NULL,"
    "  failure_code TEXT NOT NULL, failure_reason TEXT NOT NULL, failure_field TEXT NOT NULL,"
    "  failure_message TEXT NOT NULL, correlation_id TEXT NOT NULL, idempotency_key TEXT UNIQUE,"
    "  fingerprint BYTEA NOT NULL, created_ms BIGINT NOT NULL, deadline_ms BIGINT NOT NULL,"
    "  processing_us BIGINT NOT NULL, step_count BIGINT NOT NULL)" STORAGE_BY_KEY
    ";"
    "CREATE INDEX orders_status ON orders (status, order_id);"
    "CREATE INDEX orders_unfinished ON orders (order_id) WHERE status NOT IN ('confirmed', 'failed');"
    "CREATE TABLE order_history (order_id TEXT NOT NULL, step BIGINT NOT NULL, status TEXT NOT NULL,"
    "  at_ms BIGINT NOT NULL, PRIMARY KEY (order_id, step))" STORAGE_BY_KEY ";",
    "ALTER TABLE orders ADD COLUMN owner TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE orders ADD COLUMN lease_until_ms BIGINT NOT NULL DEFAULT 0;"
    "CREATE INDEX orders_keyed ON orders (order_id) WHERE idempotency_key IS NOT NULL;",
    /* An order passes through its other states in a second or two: they need not be kept in order meanwhile. */
    "DROP INDEX orders_status;"
    "CREATE INDEX orders_final ON orders (status, order_id) WHERE status IN ('confirmed', 'failed');",
    "ALTER TABLE orders ADD COLUMN traceparent TEXT NOT NULL DEFAULT '';", NULL};

enum {
  ORDER_INSERT,
  ORDER_UPDATE,
  ORDER_UPDATE_PRICED,
  ORDER_IS_AT,
  ORDER_FIND,
  ORDER_FIND_BY_KEY,
  ORDER_LIST,
  ORDER_LIST_FINAL,
  ORDER_LIST_UNFINISHED,
  ORDER_RENEW,
  ORDER_CLAIM,
  KEY_FORGET,
  HISTORY_FORGET,
  HISTORY_INSERT,
  HISTORY_LIST,
  STATEMENT_COUNT
};

#define ORDER_COLUMNS                                                                                       \
  "order_id, request, status, total_cents, reservation_id, payment_id, failure_code, failure_reason, "      \
  "failure_field, failure_message, correlation_id, idempotency_key, fingerprint, created_ms, deadline_ms, " \
  "processing_us, step_count, traceparent"

#define UNFINISHED "status NOT IN ('confirmed', 'failed')" /* as the indexes have it */
#define FINAL "status IN ('confirmed', 'failed')"
#define LIST_STATUS(which)                                            \
  "SELECT " ORDER_COLUMNS " FROM orders WHERE status = $3 AND " which \
  " AND order_id < $1 ORDER BY order_id DESC LIMIT $2"

#define STEP_COLUMNS                                                                                            \
  "status = $3, reservation_id = $4, payment_id = $5, failure_code = $6, failure_reason = $7, failure_field = " \
  "$8, failure_message = $9, processing_us = $10, step_count = $11, lease_until_ms = $12"
#define STILL_MINE "order_id = $1 AND status = $2 AND owner = $13"
#define CLAIMABLE UNFINISHED " AND (lease_until_ms <= $3 OR ($4 = 1 AND owner <> $1))"

const char *const order_store_statements[STATEMENT_COUNT] = {
    [ORDER_INSERT] = "INSERT INTO orders (" ORDER_COLUMNS
                     ", owner, lease_until_ms) "
                     "VALUES ($1, $2, $3, 0, '', '', '', '', '', '', $4, $5, $6, $7, $8, 0, 1, $11, $9, $10) "
                     "ON CONFLICT DO NOTHING",
    [ORDER_UPDATE] = "UPDATE orders SET " STEP_COLUMNS " WHERE " STILL_MINE,
    [ORDER_UPDATE_PRICED] = "UPDATE orders SET " STEP_COLUMNS ", total_cents = $14, request = $15 WHERE " STILL_MINE,
    [ORDER_IS_AT] = "SELECT 1 FROM orders WHERE order_id = $1 AND status = $2 AND step_count = $3 AND owner = $4",
    [ORDER_FIND] = "SELECT " ORDER_COLUMNS " FROM orders WHERE order_id = $1",
    [ORDER_FIND_BY_KEY] = "SELECT " ORDER_COLUMNS " FROM orders WHERE idempotency_key = $1",
    [ORDER_LIST] = "SELECT " ORDER_COLUMNS " FROM orders WHERE order_id < $1 ORDER BY order_id DESC LIMIT $2",
    [ORDER_LIST_FINAL] = LIST_STATUS(FINAL),
    [ORDER_LIST_UNFINISHED] = LIST_STATUS(UNFINISHED),
    [ORDER_RENEW] = "UPDATE orders SET lease_until_ms = $2 WHERE " UNFINISHED " AND owner = $1 AND lease_until_ms < $3",
    /* The condition stands twice: who waited for another's claim looks again at what it has become. */
    [ORDER_CLAIM] =
        "UPDATE orders SET owner = $1, lease_until_ms = $2 WHERE order_id IN (SELECT order_id FROM orders "
        "WHERE " CLAIMABLE " ORDER BY order_id LIMIT $5) AND " CLAIMABLE " RETURNING " ORDER_COLUMNS,
    [KEY_FORGET] =
        "UPDATE orders SET idempotency_key = NULL WHERE order_id IN (SELECT order_id FROM orders WHERE "
        "idempotency_key IS NOT NULL AND order_id < $1 AND status IN ('confirmed', 'failed') "
        "ORDER BY order_id LIMIT $2)",
    [HISTORY_FORGET] =
        "DELETE FROM order_history WHERE (order_id, step) IN (SELECT order_id, step FROM order_history "
        "WHERE order_id < $1 AND order_id NOT IN (SELECT order_id FROM orders WHERE " UNFINISHED
        ") "
        "ORDER BY order_id, step LIMIT $2)",
    [HISTORY_INSERT] = "INSERT INTO order_history (order_id, step, status, at_ms) VALUES ($1, $2, $3, $4)",
    [HISTORY_LIST] = "SELECT status, at_ms FROM order_history WHERE order_id = $1 ORDER BY step",
};
const size_t order_store_statement_count = STATEMENT_COUNT;

/* What is bound is the caller's to free, once the statement has ended. */
static void *bind_request(storage_tx *tx, size_t index, int parameter, const Store__V1__CreateOrderRequest *request) {
  size_t size = store__v1__create_order_request__get_packed_size(request);
  uint8_t *packed = malloc(size);
  if (packed) {
    store__v1__create_order_request__pack(request, packed);
    storage_bind_bytes(tx, index, parameter, packed, size);
  } else {
    rpc_status status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory left for this order");
    storage_tx_fail(tx, &status);
  }
  return packed;
}

bool order_store_insert(storage_tx *tx, const order_record *order, const order_lease *lease) {
  storage_begin(tx, ORDER_INSERT);
  storage_bind_text(tx, ORDER_INSERT, 1, order->order_id);
  void *packed = bind_request(tx, ORDER_INSERT, 2, order->request);
  storage_bind_text(tx, ORDER_INSERT, 3, saga_state_name(order->state));
  storage_bind_text(tx, ORDER_INSERT, 4, order->correlation_id);
  storage_bind_text(tx, ORDER_INSERT, 5, order->idempotency_key);
  storage_bind_bytes(tx, ORDER_INSERT, 6, order->fingerprint, sizeof order->fingerprint);
  storage_bind_integer(tx, ORDER_INSERT, 7, order->created_ms);
  storage_bind_integer(tx, ORDER_INSERT, 8, order->deadline_ms);
  storage_bind_text(tx, ORDER_INSERT, 9, lease->owner);
  storage_bind_integer(tx, ORDER_INSERT, 10, lease->until_ms);
  char traceparent[TRACE_PARENT_SIZE];
  trace_context_format(&order->trace, traceparent);
  storage_bind_text(tx, ORDER_INSERT, 11, traceparent);
  bool is_new = storage_finish(tx, ORDER_INSERT) == 1;
  free(packed);
  if (!is_new) return false;
  storage_send(tx, HISTORY_INSERT, NULL, "titi", order->order_id, (int64_t)0, saga_state_name(order->state),
               order->created_ms);
  return true;
}

bool order_store_update(storage_tx *tx, const order_record *order, const order_lease *lease, saga_state from,
                        int64_t now_ms) {
  const rpc_status *failure = &order->failure;
  const char *code = failure->code == RPC_OK ? "" : rpc_code_name(failure->code);
  int32_t step = order->step_count;
  bool is_priced = from == SAGA_RESERVING; /* the reservation tells the prices */
  size_t update = is_priced ? ORDER_UPDATE_PRICED : ORDER_UPDATE;
  void *packed = NULL;
  storage_begin(tx, update);
  storage_bind_text(tx, update, 1, order->order_id);
  storage_bind_text(tx, update, 2, saga_state_name(from));
  storage_bind_text(tx, update, 3, saga_state_name(order->state));
  storage_bind_text(tx, update, 4, order->reservation_id);
  storage_bind_text(tx, update, 5, order->payment_id);
  storage_bind_text(tx, update, 6, code);
  storage_bind_text(tx, update, 7, failure->reason);
  storage_bind_text(tx, update, 8, failure->field);
  storage_bind_text(tx, update, 9, failure->message);
  storage_bind_integer(tx, update, 10, order->processing_us);
  storage_bind_integer(tx, update, 11, step + 1);
  storage_bind_integer(tx, update, 12, lease->until_ms);
  storage_bind_text(tx, update, 13, lease->owner);
  if (is_priced) {
    storage_bind_integer(tx, update, 14, order->total_cents);
    packed = bind_request(tx, update, 15, order->request);
  }
  bool is_written = storage_finish(tx, update) == 1;
  free(packed);
  if (is_written) {
    storage_send(tx, HISTORY_INSERT, NULL, "titi", order->order_id, (int64_t)step, saga_state_name(order->state),
                 now_ms);
    return true;
  }
  bool is_there = storage_find(tx, ORDER_IS_AT, "ttit", order->order_id, saga_state_name(order->state),
                               (int64_t)step + 1, lease->owner);
  storage_end(tx, ORDER_IS_AT);
  if (is_there) return false;
  rpc_status changed = rpc_status_error(RPC_ABORTED, "ORDER_CHANGED", "order %s is no longer %s", order->order_id,
                                        saga_state_name(from));
  storage_tx_fail(tx, &changed);
  return false;
}

static void read_failure(storage_tx *tx, size_t index, rpc_status *failure) {
  *failure = rpc_status_ok();
  const char *code = storage_column_text(tx, index, 6);
  if (!code[0]) return;
  if (!rpc_code_from_name(code, &failure->code)) failure->code = RPC_UNKNOWN;
  storage_copy_text(tx, index, 7, failure->reason, sizeof failure->reason);
  storage_copy_text(tx, index, 8, failure->field, sizeof failure->field);
  storage_copy_text(tx, index, 9, failure->message, sizeof failure->message);
}

static void read_order(storage_tx *tx, size_t index, rpc_arena *arena, order_record *order) {
  memset(order, 0, sizeof *order);
  storage_copy_text(tx, index, 0, order->order_id, sizeof order->order_id);
  size_t size;
  const void *packed = storage_column_bytes(tx, index, 1, &size);
  order->request = store__v1__create_order_request__unpack(&arena->allocator, size, packed);
  bool known = saga_state_from_name(storage_column_text(tx, index, 2), &order->state);
  if (!order->request || !known) {
    rpc_status status = rpc_status_error(RPC_DATA_LOSS, "UNREADABLE_ORDER", "order %s cannot be read", order->order_id);
    storage_tx_fail(tx, &status);
  }
  order->total_cents = storage_column_integer(tx, index, 3);
  storage_copy_text(tx, index, 4, order->reservation_id, sizeof order->reservation_id);
  storage_copy_text(tx, index, 5, order->payment_id, sizeof order->payment_id);
  read_failure(tx, index, &order->failure);
  storage_copy_text(tx, index, 10, order->correlation_id, sizeof order->correlation_id);
  const void *fingerprint = storage_column_bytes(tx, index, 12, &size);
  if (size == sizeof order->fingerprint) memcpy(order->fingerprint, fingerprint, size);
  order->created_ms = storage_column_integer(tx, index, 13);
  order->deadline_ms = storage_column_integer(tx, index, 14);
  order->processing_us = storage_column_integer(tx, index, 15);
  order->step_count = (int32_t)storage_column_integer(tx, index, 16);
  trace_context_parse(storage_column_text(tx, index, 17), &order->trace);
}

static bool find_order(storage_tx *tx, size_t index, const char *by, rpc_arena *arena, order_record *order) {
  bool found = storage_find(tx, index, "t", by);
  if (found) read_order(tx, index, arena, order);
  storage_end(tx, index);
  return found && storage_tx_status(tx).code == RPC_OK;
}

bool order_store_find(storage_tx *tx, const char *order_id, rpc_arena *arena, order_record *order) {
  return find_order(tx, ORDER_FIND, order_id, arena, order);
}

bool order_store_find_by_key(storage_tx *tx, const char *key, rpc_arena *arena, order_record *order) {
  return find_order(tx, ORDER_FIND_BY_KEY, key, arena, order);
}

size_t order_store_list(storage_tx *tx, const char *status, const char *before, rpc_arena *arena, order_record *orders,
                        size_t max) {
  const char *below = before[0] ? before : "~"; /* after every identifier */
  saga_state state;
  bool is_final = saga_state_from_name(status, &state) && saga_is_final(state);
  size_t index = !status[0] ? ORDER_LIST : is_final ? ORDER_LIST_FINAL : ORDER_LIST_UNFINISHED;
  size_t count = 0;
  bool row = storage_find(tx, index, status[0] ? "tit" : "ti", below, (int64_t)max, status);
  for (; row && count < max; row = storage_step(tx, index)) read_order(tx, index, arena, &orders[count++]);
  storage_end(tx, index);
  return count;
}

void order_store_renew(storage_tx *tx, const order_lease *lease, int64_t before_ms) {
  storage_send(tx, ORDER_RENEW, NULL, "tii", lease->owner, lease->until_ms, before_ms);
}

size_t order_store_claim(storage_tx *tx, const order_lease *lease, int64_t now_ms, bool is_alone, order_record *orders,
                         rpc_arena *arenas, size_t max) {
  size_t count = 0;
  bool row =
      storage_find(tx, ORDER_CLAIM, "tiiii", lease->owner, lease->until_ms, now_ms, (int64_t)is_alone, (int64_t)max);
  for (; row && count < max; row = storage_step(tx, ORDER_CLAIM)) {
    read_order(tx, ORDER_CLAIM, &arenas[count], &orders[count]);
    count++;
  }
  storage_end(tx, ORDER_CLAIM);
  return count;
}

int64_t order_store_forget_keys(storage_tx *tx, const char *order_id, int64_t max) {
  return storage_run(tx, KEY_FORGET, "ti", order_id, max);
}

int64_t order_store_forget_history(storage_tx *tx, const char *order_id, int64_t max) {
  return storage_run(tx, HISTORY_FORGET, "ti", order_id, max);
}

enum { HISTORY_MAX = 8 }; /* the longest way through the saga has seven states */

Store__V1__OrderStateChange **order_store_history(storage_tx *tx, const char *order_id, rpc_arena *arena,
                                                  size_t *count) {
  *count = 0;
  Store__V1__OrderStateChange **changes = rpc_arena_alloc(arena, HISTORY_MAX * sizeof *changes);
  bool row = changes && storage_find(tx, HISTORY_LIST, "t", order_id);
  for (; row && *count < HISTORY_MAX; row = storage_step(tx, HISTORY_LIST)) {
    Store__V1__OrderStateChange *change = rpc_arena_alloc(arena, sizeof *change);
    if (!change) break;
    store__v1__order_state_change__init(change);
    change->status = rpc_arena_strdup(arena, storage_column_text(tx, HISTORY_LIST, 0));
    change->at = validation_time(arena, storage_column_integer(tx, HISTORY_LIST, 1));
    changes[(*count)++] = change;
  }
  storage_end(tx, HISTORY_LIST);
  return *count ? changes : NULL;
}
