/* Payment's table and what is read from and written to it, each inside a job or a read of storage. Errors stick to the
 * transaction (storage_tx_status). Called by handlers.c. */
#pragma once

#include "payment/charge.h"
#include "storage/storage.h"
#include "validation/validation.h"

extern const char *const payment_store_migrations[];
extern const char *const payment_store_statements[];
extern const size_t payment_store_statement_count;

enum { PAYMENT_CUSTOMER_MAX = 128 }; /* bytes of a customer_id */

typedef struct payment_record {
  char payment_id[VALIDATION_ID_MAX + 1];
  char customer_id[PAYMENT_CUSTOMER_MAX + 1];
  char order_id[VALIDATION_ID_MAX + 1]; /* may be empty */
  int64_t amount_cents;
  payment_status status;
  char decline_reason[48]; /* empty where it was not declined */
  int64_t created_ms;
  int64_t refunded_ms; /* 0: not refunded */
} payment_record;

void payment_store_insert(storage_tx *tx, const payment_record *payment, const char *correlation_id);

bool payment_store_find(storage_tx *tx, const char *payment_id, payment_record *payment);

/* Turns a completed payment into a refunded one. Where a replica was faster the transaction fails (UNAVAILABLE, reason
 * PAYMENT_CHANGED). */
void payment_store_refund(storage_tx *tx, const char *payment_id, int64_t now_ms);

/* Up to max payments older than the one named (""/none: the newest), newest first; order_id "": of any order. */
size_t payment_store_list(storage_tx *tx, const char *order_id, const char *before, payment_record *payments,
                          size_t max);
