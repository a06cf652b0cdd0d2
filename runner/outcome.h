/* What became of one operation, as far as its answer tells: the reason of a failure and, of an order, how far it got.
 * The engine passes outcomes on without looking inside; the result counts them. */
#pragma once

#include <stdbool.h>

#include "rpc/status.h"

/* What a run does; runner_kind_names has "place_order", … by these numbers. */
typedef enum runner_kind {
  RUNNER_PLACE_ORDER,
  RUNNER_READ_ORDER,
  RUNNER_READ_STOCK,
  RUNNER_RESERVE_RELEASE, /* a reservation made and given back: one operation of two calls */
  RUNNER_KIND_COUNT
} runner_kind;

extern const char *const runner_kind_names[RUNNER_KIND_COUNT];

/* How far an order got; each stage includes those before it. */
typedef enum runner_outcome_stage {
  RUNNER_OUTCOME_NOT_CREATED,
  RUNNER_OUTCOME_CREATED,   /* the order exists */
  RUNNER_OUTCOME_RESERVED,  /* its stock was reserved */
  RUNNER_OUTCOME_CHARGED,   /* its payment was processed */
  RUNNER_OUTCOME_CONFIRMED, /* full success */
  RUNNER_OUTCOME_STAGE_COUNT
} runner_outcome_stage;

typedef struct runner_outcome {
  runner_kind kind;
  rpc_code code;              /* RPC_OK: success */
  char reason[48];            /* of a failure; the code's name where the answer gave none */
  char order_id[72];          /* empty where there is none */
  runner_outcome_stage stage; /* of RUNNER_PLACE_ORDER; others: confirmed or not created */
  bool certain; /* false: the stage is the least that the answer proves; the order's history tells it exactly */
} runner_outcome;

/* From the answer to CreateOrder. order_id: of the response where status is RPC_OK; else NULL, and the status' fact
 * of that name counts. */
runner_outcome runner_outcome_of_order(const rpc_status *status, const char *order_id);

/* From the answer to a call of another kind. */
runner_outcome runner_outcome_of_call(runner_kind kind, const rpc_status *status);

/* The stage that an order has reached which was seen in this state ("charging"); RUNNER_OUTCOME_CREATED for others. */
runner_outcome_stage runner_outcome_stage_of_state(const char *state);

/* "payment declined" for PAYMENT_DECLINED; the reason itself where there is no better word. */
const char *runner_outcome_reason_label(const char *reason);
