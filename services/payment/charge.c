/* The rules of payments, as tables where they are tables. */
#include "payment/charge.h"

#include <stddef.h>
#include <string.h>

static const char *const status_names[PAYMENT_STATUS_COUNT] = {"completed", "declined", "refunded"};

const char *payment_status_name(payment_status status) {
  return status_names[status];
}

bool payment_status_from_name(const char *name, payment_status *status) {
  for (int i = 0; i < PAYMENT_STATUS_COUNT; i++) {
    if (strcmp(status_names[i], name) != 0) continue;
    *status = (payment_status)i;
    return true;
  }
  return false;
}

charge_decline charge_decide(bool refused, double roll) {
  static const struct {
    double below; /* of the roll: the shares add up to 1 */
    charge_decline decline;
  } declines[] = {
      {.60, {"PAYMENT_DECLINED", "the payment was declined by the bank", false}},
      {.85, {"INSUFFICIENT_FUNDS", "the payment was declined: insufficient funds", false}},
      {1.0, {"FRAUD_SUSPECTED", "the payment was declined: the fraud check failed", true}},
  };
  if (!refused) return (charge_decline){"", "", false};
  size_t i = 0;
  while (roll >= declines[i].below && i + 1 < sizeof declines / sizeof declines[0]) i++;
  return declines[i].decline;
}

refund_decision charge_refund(payment_status status) {
  if (status == PAYMENT_DECLINED) {
    return (refund_decision){status, false,
                             rpc_status_error(RPC_FAILED_PRECONDITION, "PAYMENT_NOT_REFUNDABLE",
                                              "the payment was declined: there is nothing to give back")};
  }
  return (refund_decision){PAYMENT_REFUNDED, status == PAYMENT_COMPLETED, rpc_status_ok()};
}
