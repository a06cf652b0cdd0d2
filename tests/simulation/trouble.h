/* What goes wrong in a simulated world, drawn from its seed: every host is ended and started again, at any instant, its
 * disk runs full, its network is cut. */
#pragma once

#include "simulation/world.h"

typedef enum trouble_kind {
  TROUBLE_KILL,          /* kill -9 between two events, */
  TROUBLE_POWER_CUT,     /* or the power is cut */
  TROUBLE_KILL_AT_POINT, /* the same at a point of fault_plan.h, */
  TROUBLE_POWER_CUT_AT_POINT,
  TROUBLE_KILL_AT_OPERATION, /* instead of a write or sync */
  TROUBLE_POWER_CUT_AT_OPERATION,
  TROUBLE_FULL_DISK,
  TROUBLE_CUT_NETWORK,
  TROUBLE_KIND_COUNT
} trouble_kind;

extern const char *const trouble_names[TROUBLE_KIND_COUNT];

typedef struct trouble trouble;

/* Begins. counts: how often each kind came; those set for a point or an operation count once it was reached. */
trouble *trouble_begin(store_world *world, int64_t counts[TROUBLE_KIND_COUNT]);

/* From now on nothing goes wrong: everything runs, the network is healed. */
void trouble_end(trouble *all);
