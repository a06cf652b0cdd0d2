/* The order's tables and what is read from and written to them, each inside a job or a read of storage. Errors stick to
 * the transaction (storage_tx_status). Called by handlers.c and driver.c. */
#pragma once

#include "order/saga.h"
#include "rpc/arena.h"
#include "storage/storage.h"
#include "store/v1/order.pb-c.h"
#include "validation/validation.h"

extern const char *const order_store_migrations[];
extern const char *const order_store_statements[];
extern const size_t order_store_statement_count;

enum { ORDER_FINGERPRINT_SIZE = 32, ORDER_CORRELATION_ID_SIZE = 65, ORDER_OWNER_SIZE = VALIDATION_ID_SIZE };

/* Who drives an order, and until when it says so: once that time has passed another may take the order over. */
typedef struct order_lease {
  char owner[ORDER_OWNER_SIZE];
  int64_t until_ms;
} order_lease;

/* An order as it is stored. Texts of the request live in the arena that it was read or made with. */
typedef struct order_record {
  char order_id[VALIDATION_ID_SIZE];
  Store__V1__CreateOrderRequest *request; /* its items carry the catalogue's prices once they are known */
  saga_state state;
  int64_t total_cents; /* 0 until reserved */
  char reservation_id[VALIDATION_ID_MAX + 1];
  char payment_id[VALIDATION_ID_MAX + 1];
  rpc_status failure; /* RPC_OK unless the saga has turned back */
  char correlation_id[ORDER_CORRELATION_ID_SIZE];
  trace_context trace;         /* that the order is part of, whoever drives it */
  const char *idempotency_key; /* NULL: none */
  uint8_t fingerprint[ORDER_FINGERPRINT_SIZE];
  int64_t created_ms;
  int64_t deadline_ms;   /* Unix time at which the caller stops waiting */
  int64_t processing_us; /* from acceptance to the final state; 0 before it */
  int32_t step_count;    /* entries of its history */
} order_record;

/* A new order in its first state, under that lease. False, with nothing written, where its idempotency key is another
 * order's. */
bool order_store_insert(storage_tx *tx, const order_record *order, const order_lease *lease);

/* Writes what a step changed, extends the lease and adds the order's state to its history. `from` is the state it had:
 * where the stored one differs, or the lease is another's by now, the transaction fails (ABORTED, reason
 * ORDER_CHANGED). False, with nothing written, where this very change is there already: a write that was said to have
 * failed may have been made. */
bool order_store_update(storage_tx *tx, const order_record *order, const order_lease *lease, saga_state from,
                        int64_t now_ms);

/* Extends the owner's leases that end before `before_ms`. */
void order_store_renew(storage_tx *tx, const order_lease *lease, int64_t before_ms);

/* Puts up to max orders that are not final under that lease: those whose own has ended by now_ms, or, where
 * `is_alone`, is another's. Each order's texts are in the arena beside it. Returns how many. */
size_t order_store_claim(storage_tx *tx, const order_lease *lease, int64_t now_ms, bool is_alone, order_record *orders,
                         rpc_arena *arenas, size_t max);

/* Forgets up to max idempotency keys, and entries of histories, of final orders whose identifiers are below order_id.
 * Return how many. */
int64_t order_store_forget_keys(storage_tx *tx, const char *order_id, int64_t max);
int64_t order_store_forget_history(storage_tx *tx, const char *order_id, int64_t max);

bool order_store_find(storage_tx *tx, const char *order_id, rpc_arena *arena, order_record *order);
bool order_store_find_by_key(storage_tx *tx, const char *key, rpc_arena *arena, order_record *order);

/* Up to max orders older than `before` ("": the newest first), of one status ("": of any). */
size_t order_store_list(storage_tx *tx, const char *status, const char *before, rpc_arena *arena, order_record *orders,
                        size_t max);

/* The history, oldest first, in the arena; *count entries. NULL without memory or entries. */
Store__V1__OrderStateChange **order_store_history(storage_tx *tx, const char *order_id, rpc_arena *arena,
                                                  size_t *count);
