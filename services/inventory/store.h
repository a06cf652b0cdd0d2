/* Inventory's tables and what is read from and written to them, each inside a job or a read of storage. Errors stick to
 * the transaction (storage_tx_status). Called by handlers.c. */
#pragma once

#include "inventory/reservation.h"
#include "storage/storage.h"
#include "validation/validation.h"

extern const char *const inventory_store_migrations[];
extern const char *const inventory_store_statements[];
extern const size_t inventory_store_statement_count;

typedef struct inventory_product {
  char product_id[VALIDATION_ID_MAX + 1];
  char name[128];
  int64_t price_cents;
  int32_t total_stock, reserved, sold, received;
} inventory_product;

typedef struct inventory_reservation {
  char reservation_id[VALIDATION_ID_MAX + 1];
  char order_id[VALIDATION_ID_MAX + 1];
  char correlation_id[VALIDATION_ID_MAX + 1];
  reservation_status status;
  int64_t created_ms, expires_ms;
} inventory_reservation;

typedef struct inventory_item {
  char product_id[VALIDATION_ID_MAX + 1];
  int32_t quantity;
} inventory_item;

bool inventory_store_find_product(storage_tx *tx, const char *product_id, inventory_product *product);

/* Up to max products after the one named, by product_id; returns how many. */
size_t inventory_store_list_products(storage_tx *tx, const char *after, inventory_product *products, size_t max);

/* Adds stock. False: there is no such product, or it would have received more than INT32_MAX. */
bool inventory_store_restock(storage_tx *tx, const char *product_id, int32_t quantity, inventory_product *product);

/* Sets what the catalogue knows of each line. */
void inventory_store_fill_lines(storage_tx *tx, reservation_line *lines, size_t count);

/* Writes a reservation that reservation_check allows and takes its lines from the shelf; sets their available to what
 * others can still reserve. Where a replica was faster the transaction fails (UNAVAILABLE, reason STOCK_CHANGED). */
void inventory_store_reserve(storage_tx *tx, const inventory_reservation *reservation, reservation_line *lines,
                             size_t count);

bool inventory_store_find_reservation(storage_tx *tx, const char *reservation_id, inventory_reservation *reservation);

/* The items of a reservation: at most RESERVATION_LINES_MAX. Returns how many. */
size_t inventory_store_items(storage_tx *tx, const char *reservation_id, inventory_item *items);

/* Up to max reservations older than the one named (""/none: the newest), newest first; status "": any. */
size_t inventory_store_list_reservations(storage_tx *tx, const char *status, const char *before,
                                         inventory_reservation *reservations, size_t max);

/* Ends a hold: its new status, and its units' effect on the products. */
void inventory_store_settle(storage_tx *tx, const char *reservation_id, reservation_status to);

/* Up to max holds whose lease ended at now_ms or before, oldest lease first. */
size_t inventory_store_list_lapsed(storage_tx *tx, int64_t now_ms, inventory_reservation *reservations, size_t max);

int64_t inventory_store_count_held(storage_tx *tx);
