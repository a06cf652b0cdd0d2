/* Inventory's tables: products, reservations and their items. The conditions in the updates hold on a database shared
 * by replicas, where what was read a moment ago may be so no longer. */
#include "inventory/store.h"

#include <string.h>

#include "storage/idempotency.h"

const char *const inventory_store_migrations[] = {
    "CREATE TABLE products (product_id TEXT PRIMARY KEY, name TEXT NOT NULL, price_cents BIGINT NOT NULL,"
    "  total_stock BIGINT NOT NULL, reserved BIGINT NOT NULL, sold BIGINT NOT NULL, received BIGINT NOT NULL,"
    "  CHECK (reserved >= 0 AND reserved <= total_stock AND sold >= 0 AND total_stock = received - "
    "sold))" STORAGE_BY_KEY
    ";"
    "CREATE TABLE reservations (reservation_id TEXT PRIMARY KEY, order_id TEXT NOT NULL, status TEXT NOT NULL,"
    "  created_ms BIGINT NOT NULL, expires_ms BIGINT NOT NULL, correlation_id TEXT NOT NULL)" STORAGE_BY_KEY
    ";"
    "CREATE INDEX reservations_lease ON reservations (expires_ms) WHERE status = 'held';"
    "CREATE INDEX reservations_status ON reservations (status, reservation_id);"
    "CREATE TABLE reservation_items (reservation_id TEXT NOT NULL, line BIGINT NOT NULL, product_id TEXT NOT NULL,"
    "  quantity BIGINT NOT NULL, price_cents BIGINT NOT NULL, PRIMARY KEY (reservation_id, line))" STORAGE_BY_KEY
    ";"
    "INSERT INTO products (product_id, name, price_cents, total_stock, reserved, sold, received) VALUES"
    "  ('LAPTOP-001', 'Laptop', 99999, 50, 0, 0, 50), ('PHONE-002', 'Phone', 59999, 100, 0, 0, 100),"
    "  ('TABLET-003', 'Tablet', 39999, 75, 0, 0, 75), ('HEADPHONES-004', 'Headphones', 19999, 200, 0, 0, 200),"
    "  ('MONITOR-005', 'Monitor', 29999, 30, 0, 0, 30);" IDEMPOTENCY_MIGRATION,
    NULL};

enum {
  PRODUCT_FIND = IDEMPOTENCY_STATEMENT_COUNT,
  PRODUCT_LIST,
  PRODUCT_RESTOCK,
  PRODUCT_RESERVE,
  PRODUCT_SETTLE,
  RESERVATION_INSERT,
  RESERVATION_FIND,
  RESERVATION_LIST,
  RESERVATION_LIST_STATUS,
  RESERVATION_SETTLE,
  RESERVATION_LAPSED,
  RESERVATION_COUNT_HELD,
  ITEM_INSERT,
  ITEM_LIST,
  STATEMENT_COUNT
};

#define PRODUCT_COLUMNS "product_id, name, price_cents, total_stock, reserved, sold, received"
#define RESERVATION_COLUMNS "reservation_id, order_id, correlation_id, status, created_ms, expires_ms"

const char *const inventory_store_statements[STATEMENT_COUNT] = {
    IDEMPOTENCY_STATEMENTS,
    [PRODUCT_FIND] = "SELECT " PRODUCT_COLUMNS " FROM products WHERE product_id = $1",
    [PRODUCT_LIST] = "SELECT " PRODUCT_COLUMNS " FROM products WHERE product_id > $1 ORDER BY product_id LIMIT $2",
    [PRODUCT_RESTOCK] =
        "UPDATE products SET total_stock = total_stock + $2, received = received + $2 "
        "WHERE product_id = $1 AND received + $2 <= 2147483647 RETURNING " PRODUCT_COLUMNS,
    [PRODUCT_RESERVE] =
        "UPDATE products SET reserved = reserved + $2 "
        "WHERE product_id = $1 AND total_stock - reserved >= $2 RETURNING total_stock - reserved",
    [PRODUCT_SETTLE] =
        "UPDATE products SET total_stock = total_stock + $2, reserved = reserved + $3, "
        "sold = sold + $4 WHERE product_id = $1",
    [RESERVATION_INSERT] = "INSERT INTO reservations (" RESERVATION_COLUMNS ") VALUES ($1, $2, $3, 'held', $4, $5)",
    [RESERVATION_FIND] = "SELECT " RESERVATION_COLUMNS " FROM reservations WHERE reservation_id = $1",
    [RESERVATION_LIST] = "SELECT " RESERVATION_COLUMNS
                         " FROM reservations WHERE reservation_id < $1 "
                         "ORDER BY reservation_id DESC LIMIT $2",
    [RESERVATION_LIST_STATUS] = "SELECT " RESERVATION_COLUMNS
                                " FROM reservations WHERE status = $3 AND "
                                "reservation_id < $1 ORDER BY reservation_id DESC LIMIT $2",
    [RESERVATION_SETTLE] = "UPDATE reservations SET status = $2 WHERE reservation_id = $1 AND status = 'held'",
    [RESERVATION_LAPSED] = "SELECT " RESERVATION_COLUMNS
                           " FROM reservations WHERE status = 'held' AND "
                           "expires_ms <= $1 ORDER BY expires_ms LIMIT $2",
    [RESERVATION_COUNT_HELD] = "SELECT COUNT(*) FROM reservations WHERE status = 'held'",
    [ITEM_INSERT] =
        "INSERT INTO reservation_items (reservation_id, line, product_id, quantity, price_cents) "
        "VALUES ($1, $2, $3, $4, $5)",
    [ITEM_LIST] = "SELECT product_id, quantity FROM reservation_items WHERE reservation_id = $1 ORDER BY line",
};
const size_t inventory_store_statement_count = STATEMENT_COUNT;

/* --- products --- */

static void read_product(storage_tx *tx, size_t index, inventory_product *product) {
  storage_copy_text(tx, index, 0, product->product_id, sizeof product->product_id);
  storage_copy_text(tx, index, 1, product->name, sizeof product->name);
  product->price_cents = storage_column_integer(tx, index, 2);
  product->total_stock = (int32_t)storage_column_integer(tx, index, 3);
  product->reserved = (int32_t)storage_column_integer(tx, index, 4);
  product->sold = (int32_t)storage_column_integer(tx, index, 5);
  product->received = (int32_t)storage_column_integer(tx, index, 6);
}

bool inventory_store_find_product(storage_tx *tx, const char *product_id, inventory_product *product) {
  bool found = storage_find(tx, PRODUCT_FIND, "t", product_id);
  if (found) read_product(tx, PRODUCT_FIND, product);
  storage_end(tx, PRODUCT_FIND);
  return found;
}

size_t inventory_store_list_products(storage_tx *tx, const char *after, inventory_product *products, size_t max) {
  size_t count = 0;
  bool row = storage_find(tx, PRODUCT_LIST, "ti", after, (int64_t)max);
  for (; row && count < max; row = storage_step(tx, PRODUCT_LIST)) read_product(tx, PRODUCT_LIST, &products[count++]);
  storage_end(tx, PRODUCT_LIST);
  return count;
}

bool inventory_store_restock(storage_tx *tx, const char *product_id, int32_t quantity, inventory_product *product) {
  bool found = storage_find(tx, PRODUCT_RESTOCK, "ti", product_id, (int64_t)quantity);
  if (found) read_product(tx, PRODUCT_RESTOCK, product);
  storage_end(tx, PRODUCT_RESTOCK);
  return found;
}

/* --- reservations --- */

void inventory_store_fill_lines(storage_tx *tx, reservation_line *lines, size_t count) {
  for (size_t i = 0; i < count; i++) {
    inventory_product product;
    lines[i].known = inventory_store_find_product(tx, lines[i].product_id, &product);
    if (!lines[i].known) continue;
    lines[i].price_cents = product.price_cents;
    lines[i].available = product.total_stock - product.reserved;
  }
}

void inventory_store_reserve(storage_tx *tx, const inventory_reservation *reservation, reservation_line *lines,
                             size_t count) {
  const char *id = reservation->reservation_id;
  storage_send(tx, RESERVATION_INSERT, NULL, "tttii", id, reservation->order_id, reservation->correlation_id,
               reservation->created_ms, reservation->expires_ms);
  for (size_t i = 0; i < count; i++) {
    reservation_line *line = &lines[i];
    if (!storage_find(tx, PRODUCT_RESERVE, "ti", line->product_id, (int64_t)line->quantity)) {
      rpc_status changed = rpc_status_error(RPC_UNAVAILABLE, "STOCK_CHANGED", "the stock changed meanwhile");
      storage_tx_fail(tx, &changed); /* true when it was read, but a replica was faster */
      return;
    }
    line->available = (int32_t)storage_column_integer(tx, PRODUCT_RESERVE, 0);
    storage_end(tx, PRODUCT_RESERVE);
    storage_send(tx, ITEM_INSERT, NULL, "titii", id, (int64_t)i, line->product_id, (int64_t)line->quantity,
                 line->price_cents);
  }
  for (size_t i = count; i-- > 0;) { /* what the last line left of a product is what all its lines left */
    for (size_t j = i; j-- > 0;) {
      if (strcmp(lines[j].product_id, lines[i].product_id) == 0) lines[j].available = lines[i].available;
    }
  }
}

static void read_reservation(storage_tx *tx, size_t index, inventory_reservation *reservation) {
  storage_copy_text(tx, index, 0, reservation->reservation_id, sizeof reservation->reservation_id);
  storage_copy_text(tx, index, 1, reservation->order_id, sizeof reservation->order_id);
  storage_copy_text(tx, index, 2, reservation->correlation_id, sizeof reservation->correlation_id);
  if (!reservation_status_from_name(storage_column_text(tx, index, 3), &reservation->status)) {
    rpc_status status = rpc_status_error(RPC_DATA_LOSS, "UNKNOWN_STATUS", "reservation %s has no valid status",
                                         reservation->reservation_id);
    storage_tx_fail(tx, &status);
  }
  reservation->created_ms = storage_column_integer(tx, index, 4);
  reservation->expires_ms = storage_column_integer(tx, index, 5);
}

bool inventory_store_find_reservation(storage_tx *tx, const char *reservation_id, inventory_reservation *reservation) {
  bool found = storage_find(tx, RESERVATION_FIND, "t", reservation_id);
  if (found) read_reservation(tx, RESERVATION_FIND, reservation);
  storage_end(tx, RESERVATION_FIND);
  return found;
}

size_t inventory_store_items(storage_tx *tx, const char *reservation_id, inventory_item *items) {
  size_t count = 0;
  bool row = storage_find(tx, ITEM_LIST, "t", reservation_id);
  for (; row && count < RESERVATION_LINES_MAX; row = storage_step(tx, ITEM_LIST)) {
    storage_copy_text(tx, ITEM_LIST, 0, items[count].product_id, sizeof items[count].product_id);
    items[count++].quantity = (int32_t)storage_column_integer(tx, ITEM_LIST, 1);
  }
  storage_end(tx, ITEM_LIST);
  return count;
}

/* The rows of a statement whose first row is ready where row is true. */
static size_t read_reservations(storage_tx *tx, size_t index, bool row, inventory_reservation *reservations,
                                size_t max) {
  size_t count = 0;
  for (; row && count < max; row = storage_step(tx, index)) read_reservation(tx, index, &reservations[count++]);
  storage_end(tx, index);
  return count;
}

size_t inventory_store_list_reservations(storage_tx *tx, const char *status, const char *before,
                                         inventory_reservation *reservations, size_t max) {
  const char *below = before[0] ? before : "~"; /* after every identifier */
  size_t index = status[0] ? RESERVATION_LIST_STATUS : RESERVATION_LIST;
  bool row = storage_find(tx, index, status[0] ? "tit" : "ti", below, (int64_t)max, status);
  return read_reservations(tx, index, row, reservations, max);
}

void inventory_store_settle(storage_tx *tx, const char *reservation_id, reservation_status to) {
  static const storage_condition is_held = {1, "RESERVATION_CHANGED", "the reservation changed meanwhile"};
  storage_send(tx, RESERVATION_SETTLE, &is_held, "tt", reservation_id, reservation_status_name(to));
  inventory_item items[RESERVATION_LINES_MAX];
  size_t count = inventory_store_items(tx, reservation_id, items);
  reservation_effect effect = reservation_effect_of(to);
  for (size_t i = 0; i < count; i++) {
    int64_t units = items[i].quantity;
    storage_send(tx, PRODUCT_SETTLE, NULL, "tiii", items[i].product_id, units * effect.total_stock,
                 units * effect.reserved, units * effect.sold);
  }
}

size_t inventory_store_list_lapsed(storage_tx *tx, int64_t now_ms, inventory_reservation *reservations, size_t max) {
  bool row = storage_find(tx, RESERVATION_LAPSED, "ii", now_ms, (int64_t)max);
  return read_reservations(tx, RESERVATION_LAPSED, row, reservations, max);
}

int64_t inventory_store_count_held(storage_tx *tx) {
  int64_t count =
      storage_find(tx, RESERVATION_COUNT_HELD, "") ? storage_column_integer(tx, RESERVATION_COUNT_HELD, 0) : 0;
  storage_end(tx, RESERVATION_COUNT_HELD);
  return count;
}
