/* Ends the process without unwinding anything. */
#include "rpc/fault_plan.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[FAULT_POINT_COUNT] = {
    [FAULT_BEFORE_COMMIT] = "before_commit", [FAULT_AFTER_COMMIT] = "after_commit", [FAULT_BEFORE_SEND] = "before_send",
    [FAULT_AFTER_RECEIVE] = "after_receive", [FAULT_BEFORE_REPLY] = "before_reply", [FAULT_AFTER_REPLY] = "after_reply",
};

void fault_plan_parse(fault_plan *plan, const char *text) {
  const char *colon = strchr(text, ':');
  int times = colon ? atoi(colon + 1) : 0;
  for (int i = 0; i < FAULT_POINT_COUNT && times > 0; i++) {
    if (strlen(names[i]) != (size_t)(colon - text) || strncmp(names[i], text, (size_t)(colon - text)) != 0) continue;
    plan->point = (fault_point)i;
    atomic_init(&plan->left, times);
    return;
  }
  fprintf(stderr, "STORE_FAULT_POINT: '%s' is not a point and a count, such as %s:1\n", text, names[0]);
  exit(2);
}

void fault_plan_reach(fault_plan *plan, fault_point point) {
  if (!plan || plan->point != point) return;
  if (atomic_fetch_sub(&plan->left, 1) != 1) return;
  if (plan->reached) {
    plan->reached(plan->arg);
  } else {
    raise(SIGKILL);
  }
}
