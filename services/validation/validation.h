/* What a request may contain, as all three services see it: texts, money, pages, identifiers. Pure functions; each
 * check returns RPC_OK or INVALID_ARGUMENT that names the field. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "google/protobuf/timestamp.pb-c.h"
#include "rpc/arena.h"
#include "rpc/random.h"
#include "rpc/status.h"

enum {
  VALIDATION_ID_SIZE = 32, /* an identifier and its end */
  VALIDATION_ID_MAX = 64,  /* bytes of an identifier in a request */
  VALIDATION_PAGE_DEFAULT = 50,
  VALIDATION_PAGE_MAX = 1000,
};

/* min to max bytes; no ASCII control characters. min 0: may be empty. */
rpc_status validation_check_text(const char *field, const char *text, size_t min, size_t max);

/* 1 to VALIDATION_ID_MAX characters of A-Z a-z 0-9 . _ - */
rpc_status validation_check_id(const char *field, const char *id);

rpc_status validation_check_range(const char *field, int64_t value, int64_t min, int64_t max);

/* 0 becomes VALIDATION_PAGE_DEFAULT. */
rpc_status validation_check_page(const char *field, int32_t requested, int32_t *size);

/* An amount of money on the wire to cents: finite, from min_cents to max_cents (0 to 10^15), at most two decimals. */
rpc_status validation_check_money(const char *field, double amount, int64_t min_cents, int64_t max_cents,
                                  int64_t *cents);

/* Cents to an amount for the wire. */
double validation_money(int64_t cents);

/* A time for the wire, in the arena; NULL for 0 and without memory. */
Google__Protobuf__Timestamp *validation_time(rpc_arena *arena, int64_t unix_ms);

/* "items[3].quantity" in buffer; returns buffer. */
const char *validation_field_at(char buffer[96], const char *list, size_t index, const char *field);

/* A new identifier: prefix ("ORD-", at most 11 characters), 10 characters of unix_ms and 10 of randomness in
 * Crockford's base 32 (the model is ULID), so that identifiers sort by age. */
void validation_make_id(char id[VALIDATION_ID_SIZE], const char *prefix, int64_t unix_ms, rpc_random *random);
