/* The rules of payments: what becomes of a charge, and what may be refunded. Pure: no I/O, no clock, no randomness.
 * Called by payment's handlers and jobs. */
#pragma once

#include <stdbool.h>

#include "rpc/status.h"

typedef enum payment_status {
  PAYMENT_COMPLETED,
  PAYMENT_DECLINED,
  PAYMENT_REFUNDED,
  PAYMENT_STATUS_COUNT
} payment_status;

/* "completed" */
const char *payment_status_name(payment_status status);

/* False where the name is no status's. */
bool payment_status_from_name(const char *name, payment_status *status);

/* Why a charge is declined. */
typedef struct charge_decline {
  const char *reason;  /* "PAYMENT_DECLINED"; "" where the charge is not declined */
  const char *message; /* for people */
  bool fraud;          /* the fraud check found something */
} charge_decline;

/* refused: the charge is to be declined; roll, in [0, 1): for which reason. */
charge_decline charge_decide(bool refused, double roll);

typedef struct refund_decision {
  payment_status to;
  bool changed;      /* money goes back now */
  rpc_status answer; /* RPC_OK, or FAILED_PRECONDITION with reason PAYMENT_NOT_REFUNDABLE */
} refund_decision;

/* Refunding again what was refunded changes nothing and is no error. */
refund_decision charge_refund(payment_status status);
