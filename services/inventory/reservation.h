/* The rules of stock and reservations: what may be reserved, and what confirming, releasing and time make of a
 * reservation. Pure: no I/O, no clock, no randomness. Called inside inventory's jobs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/status.h"

enum { RESERVATION_LINES_MAX = 100 };

typedef enum reservation_status {
  RESERVATION_HELD,
  RESERVATION_CONFIRMED, /* sold */
  RESERVATION_RELEASED,
  RESERVATION_EXPIRED,
  RESERVATION_STATUS_COUNT
} reservation_status;

/* "held" */
const char *reservation_status_name(reservation_status status);

/* False where the name is no status's. */
bool reservation_status_from_name(const char *name, reservation_status *status);

/* One item of a reservation that is asked for, and the shelf it is to be taken from. */
typedef struct reservation_line {
  const char *product_id;
  int32_t quantity;
  int64_t expected_cents; /* the unit price that the caller expects; -1: none named */
  bool known;             /* the catalogue has the product: the fields below are set */
  int64_t price_cents;
  int32_t available;
} reservation_line;

/* Whether all lines together may be reserved (a product may stand on several). conflict: the simulation wants the
 * reservation refused as one that met another. The first error, in this order:
 * NOT_FOUND PRODUCT_NOT_FOUND, INVALID_ARGUMENT PRICE_MISMATCH, FAILED_PRECONDITION OUT_OF_STOCK,
 * ABORTED RESERVATION_CONFLICT. */
rpc_status reservation_check(const reservation_line *lines, size_t count, bool conflict);

typedef enum reservation_action { RESERVATION_CONFIRM, RESERVATION_RELEASE, RESERVATION_EXPIRE } reservation_action;

typedef struct reservation_decision {
  reservation_status to; /* what the reservation is now */
  bool changed;          /* it was held before: the stock has to follow */
  rpc_status answer;     /* RPC_OK, or FAILED_PRECONDITION with reason RESERVATION_EXPIRED, … */
} reservation_decision;

/* What an action makes of a reservation. A hold whose lease has ended is expired, whether or not it has been swept. */
reservation_decision reservation_decide(reservation_status status, int64_t expires_ms, int64_t now_ms,
                                        reservation_action action);

/* What each unit of a hold does to its product's figures when the hold ends. */
typedef struct reservation_effect {
  int total_stock, reserved, sold;
} reservation_effect;

reservation_effect reservation_effect_of(reservation_status to);
