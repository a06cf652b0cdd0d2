/* What all services have to tell, for the runner's verify: read through clients of the world. */
#pragma once

#include "runner/verify.h"
#include "simulation/world.h"

/* Time goes on meanwhile. Freed with runner_snapshot_free; empty on failure. */
rpc_status world_snapshot(store_world *world, runner_snapshot *snapshot);
