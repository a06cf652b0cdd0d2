/* What became of one order, as far as its answer tells: the reason of a failure and how far the order got. The engine
 * passes outcomes on without looking inside; the result counts them. */
#pragma once

#include <stdbool.h>

#include "rpc/status.h"

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
  rpc_code code;
  char reason[48];   /* of a failure; the code's name where the answer gave none */
  char order_id[72]; /* empty where there is none */
  runner_outcome_stage stage;
  bool certain; /* false: the stage is the least that the answer proves; the order's history tells it exactly */
} runner_outcome;

/* From the answer to CreateOrder. order_id: of the response where status is RPC_OK; else NULL, and the status' fact
 * of that name counts. */
runner_outcome runner_outcome_of_order(const rpc_status *status, const char *order_id);

/* The stage that an order has reached which was seen in this state ("charging"); RUNNER_OUTCOME_CREATED for others. */
runner_outcome_stage runner_outcome_stage_of_state(const char *state);

/* "payment declined" for PAYMENT_DECLINED; the reason itself where there is no better word. */
const char *runner_outcome_reason_label(const char *reason);
