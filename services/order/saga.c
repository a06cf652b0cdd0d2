/* The table of the saga's transitions. */
#include "order/saga.h"

#include <assert.h>
#include <string.h>

typedef struct state_rule {
  const char *name;
  saga_state done;      /* where the step was taken in time */
  saga_state done_late; /* where it was taken after the deadline */
  saga_state refused;
  bool never_gives_up; /* a refusal is asked again too: what is to be undone must be undone */
} state_rule;

static const state_rule rules[SAGA_STATE_COUNT] = {
    [SAGA_RESERVING] = {"reserving", SAGA_CHARGING, SAGA_RELEASING, SAGA_FAILED, false},
    [SAGA_CHARGING] = {"charging", SAGA_CONFIRMING, SAGA_REFUNDING, SAGA_RELEASING, false},
    [SAGA_CONFIRMING] = {"confirming", SAGA_CONFIRMED, SAGA_CONFIRMED, SAGA_REFUNDING, false},
    [SAGA_REFUNDING] = {"refunding", SAGA_RELEASING, SAGA_RELEASING, SAGA_REFUNDING, true},
    [SAGA_RELEASING] = {"releasing", SAGA_FAILED, SAGA_FAILED, SAGA_RELEASING, true},
    [SAGA_CONFIRMED] = {.name = "confirmed"},
    [SAGA_FAILED] = {.name = "failed"},
};

saga_transition saga_step(saga_state state, saga_outcome outcome, bool deadline_passed) {
  assert(!saga_is_final(state));
  const state_rule *rule = &rules[state];
  if (outcome == SAGA_UNKNOWN || (outcome == SAGA_REFUSED && rule->never_gives_up)) {
    return (saga_transition){state, true, SAGA_NO_FAILURE};
  }
  if (outcome == SAGA_REFUSED) return (saga_transition){rule->refused, false, SAGA_STEP_FAILURE};
  bool turns_back = deadline_passed && rule->done_late != rule->done;
  return (saga_transition){turns_back ? rule->done_late : rule->done, false,
                           turns_back ? SAGA_DEADLINE_FAILURE : SAGA_NO_FAILURE};
}

saga_outcome saga_outcome_of(rpc_code code) {
  switch (code) {
    case RPC_OK:
      return SAGA_DONE;
    case RPC_CANCELLED:
    case RPC_UNKNOWN:
    case RPC_DEADLINE_EXCEEDED:
    case RPC_RESOURCE_EXHAUSTED: /* overload is not an answer */
    case RPC_INTERNAL:
    case RPC_UNAVAILABLE:
    case RPC_DATA_LOSS:
      return SAGA_UNKNOWN;
    default:
      return SAGA_REFUSED;
  }
}

bool saga_is_final(saga_state state) {
  return state == SAGA_CONFIRMED || state == SAGA_FAILED;
}

const char *saga_state_name(saga_state state) {
  assert((unsigned)state < SAGA_STATE_COUNT);
  return rules[state].name;
}

bool saga_state_from_name(const char *name, saga_state *state) {
  for (int i = 0; i < SAGA_STATE_COUNT; i++) {
    if (strcmp(rules[i].name, name) != 0) continue;
    *state = (saga_state)i;
    return true;
  }
  return false;
}
