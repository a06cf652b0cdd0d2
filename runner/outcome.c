/* See outcome.h: tables of reasons and states, and their look-ups. */
#include "runner/outcome.h"

#include <stdio.h>
#include <string.h>

/* Reasons that tell which step refused. Others (timeouts, a lost connection) may have struck at any step. */
static const struct {
  const char *reason;
  runner_outcome_stage stage;
  const char *label;
} reasons[] = {
    {"OUT_OF_STOCK", RUNNER_OUTCOME_CREATED, "out of stock"},
    {"RESERVATION_CONFLICT", RUNNER_OUTCOME_CREATED, "reservation conflict"},
    {"PRODUCT_NOT_FOUND", RUNNER_OUTCOME_CREATED, "no such product"},
    {"PRICE_MISMATCH", RUNNER_OUTCOME_CREATED, "wrong price"},
    {"PAYMENT_DECLINED", RUNNER_OUTCOME_RESERVED, "payment declined"},
    {"FRAUD_SUSPECTED", RUNNER_OUTCOME_RESERVED, "fraud suspected"},
    {"INSUFFICIENT_FUNDS", RUNNER_OUTCOME_RESERVED, "insufficient funds"},
};

static const struct {
  const char *state;
  runner_outcome_stage stage;
} states[] = {
    {"charging", RUNNER_OUTCOME_RESERVED},
    {"confirming", RUNNER_OUTCOME_CHARGED},
    {"refunding", RUNNER_OUTCOME_CHARGED},
    {"confirmed", RUNNER_OUTCOME_CONFIRMED},
};

const char *const runner_kind_names[RUNNER_KIND_COUNT] = {"place_order", "read_order", "read_stock", "reserve_release"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* PAYMENT_… is the payment step's to use, so a new reason of that name needs no line above. */
static bool stage_of_reason(const char *reason, runner_outcome_stage *stage) {
  for (size_t i = 0; i < COUNT(reasons); i++) {
    if (strcmp(reasons[i].reason, reason) == 0) {
      *stage = reasons[i].stage;
      return true;
    }
  }
  *stage = strncmp(reason, "PAYMENT_", 8) == 0 ? RUNNER_OUTCOME_RESERVED : RUNNER_OUTCOME_CREATED;
  return *stage == RUNNER_OUTCOME_RESERVED;
}

runner_outcome runner_outcome_of_order(const rpc_status *status, const char *order_id) {
  runner_outcome outcome = {.code = status->code, .stage = RUNNER_OUTCOME_NOT_CREATED, .certain = true};
  if (status->code == RPC_OK) {
    snprintf(outcome.order_id, sizeof outcome.order_id, "%s", order_id == NULL ? "" : order_id);
    outcome.stage = RUNNER_OUTCOME_CONFIRMED;
    return outcome;
  }
  const char *fact = rpc_status_fact_of(status, "order_id");
  snprintf(outcome.order_id, sizeof outcome.order_id, "%s", fact == NULL ? "" : fact);
  snprintf(outcome.reason, sizeof outcome.reason, "%s",
           status->reason[0] != '\0' ? status->reason : rpc_code_name(status->code));
  if (outcome.order_id[0] != '\0') outcome.certain = stage_of_reason(outcome.reason, &outcome.stage);
  return outcome;
}

runner_outcome runner_outcome_of_call(runner_kind kind, const rpc_status *status) {
  runner_outcome outcome = {.kind = kind, .code = status->code, .certain = true};
  outcome.stage = status->code == RPC_OK ? RUNNER_OUTCOME_CONFIRMED : RUNNER_OUTCOME_NOT_CREATED;
  if (status->code == RPC_OK) return outcome;
  snprintf(outcome.reason, sizeof outcome.reason, "%s",
           status->reason[0] != '\0' ? status->reason : rpc_code_name(status->code));
  return outcome;
}

runner_outcome_stage runner_outcome_stage_of_state(const char *state) {
  for (size_t i = 0; i < COUNT(states); i++) {
    if (strcmp(states[i].state, state) == 0) return states[i].stage;
  }
  return RUNNER_OUTCOME_CREATED;
}

const char *runner_outcome_reason_label(const char *reason) {
  for (size_t i = 0; i < COUNT(reasons); i++) {
    if (strcmp(reasons[i].reason, reason) == 0) return reasons[i].label;
  }
  return reason;
}
