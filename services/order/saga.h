/* The order's saga as a pure function: a state and what came of its step give the next state. No I/O, no clock, no
 * randomness: driver.c carries the steps out, store.c keeps the states.
 *
 *   reserving ──▶ charging ──▶ confirming ──▶ CONFIRMED
 *       │             │             │
 *       │             ▼             ▼
 *       │         releasing ◀── refunding
 *       ▼             │
 *     FAILED ◀────────┘
 *
 * A state is written before its step is taken, so after a crash the step is taken again, with the same idempotency
 * key. A step whose outcome is unknown is taken again until it is known. Once the caller's deadline has passed the saga
 * still finds out what a step under way came to, and then turns back, except that a charged order whose confirmation
 * is under way goes forward: it is the shorter way to an end. */
#pragma once

#include <stdbool.h>

#include "rpc/status.h"

typedef enum saga_state {
  SAGA_RESERVING,
  SAGA_CHARGING,
  SAGA_CONFIRMING,
  SAGA_REFUNDING,
  SAGA_RELEASING,
  SAGA_CONFIRMED, /* final */
  SAGA_FAILED,    /* final */
  SAGA_STATE_COUNT
} saga_state;

typedef enum saga_outcome {
  SAGA_DONE,    /* the step was taken */
  SAGA_REFUSED, /* it was not, and never will be */
  SAGA_UNKNOWN, /* it may have been taken */
} saga_outcome;

typedef enum saga_failure {
  SAGA_NO_FAILURE,
  SAGA_STEP_FAILURE,     /* the order fails for the reason that refused this step */
  SAGA_DEADLINE_FAILURE, /* the order fails because its caller's time is over */
} saga_failure;

typedef struct saga_transition {
  saga_state next;
  bool again;           /* stay, and take the step again after a wait */
  saga_failure failure; /* set where the saga turns back */
} saga_transition;

/* state is not final. deadline_passed: the caller no longer waits. */
saga_transition saga_step(saga_state state, saga_outcome outcome, bool deadline_passed);

/* What a status says of the step that ended with it. */
saga_outcome saga_outcome_of(rpc_code code);

bool saga_is_final(saga_state state);

/* "reserving", as stored and shown. */
const char *saga_state_name(saga_state state);

/* False where no state has this name. */
bool saga_state_from_name(const char *name, saga_state *state);
