/* The instants at which a crash test ends a process, as kill -9 or a power cut would: one table, walked by
 * tests/integration/test_crash_points.sh. A process with no plan has a NULL one, which costs a comparison. */
#pragma once

#include <stdatomic.h>

typedef enum fault_point {
  FAULT_BEFORE_COMMIT, /* the writes of a batch are made, not durable */
  FAULT_AFTER_COMMIT,  /* durable, told to nobody */
  FAULT_BEFORE_SEND,   /* a request to another service is packed */
  FAULT_AFTER_RECEIVE, /* its answer is here, and not yet acted upon */
  FAULT_BEFORE_REPLY,  /* the answer to a caller is packed */
  FAULT_AFTER_REPLY,   /* it was given to the network, and may not have left */
  FAULT_POINT_COUNT
} fault_point;

/* A plain value; to be set before any thread reaches a point. */
typedef struct fault_plan {
  fault_point point;
  atomic_int left; /* the process ends when the point is reached for the time that makes this 0 */
  /* Called instead, where a process is simulated: it ends without its code noticing. NULL: kill -9. */
  void (*reached)(void *arg);
  void *arg;
} fault_plan;

/* From "before_commit:3": the third time. Ends the process with exit code 2 and a line on standard error where the text
 * is none such. */
void fault_plan_parse(fault_plan *plan, const char *text);

/* Ends the process here where the plan, which may be NULL, says so. From any thread. */
void fault_plan_reach(fault_plan *plan, fault_point point);
