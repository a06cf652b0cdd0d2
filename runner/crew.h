/* A run on several threads: for each an engine with a door, a source and a result of its own, sharing nothing, so that
 * one more thread is one more times the load. Merged when it has ended. */
#pragma once

#include "rpc/clock.h"
#include "runner/door.h"
#include "runner/engine.h"
#include "runner/plugins.h"
#include "runner/result.h"
#include "runner/source.h"
#include "runner/workload.h"

typedef struct runner_crew runner_crew;

typedef struct runner_crew_config {
  runner_engine_plan plan; /* of all together; shard and shards are set here */
  const runner_workload *workload;
  const runner_mix *mix;
  const char *run_id;
  rpc_clock *clock;
  runner_plugins *plugins; /* are told of each operation */
  runner_door *const *doors;
  uint32_t threads; /* as many doors; 1 to plan.concurrency */
} runner_crew_config;

/* What config points to outlives the crew. NULL on failure, with the reason in *status. Blocks: may read orders. */
runner_crew *runner_crew_create(const runner_crew_config *config, rpc_status *status);

/* Begins; once. False where a thread cannot be started. */
bool runner_crew_start(runner_crew *crew);

/* See runner_engine_stop, runner_engine_progress_get and runner_result_live: of all together. */
void runner_crew_stop(runner_crew *crew);
runner_engine_progress runner_crew_progress(runner_crew *crew);
void runner_crew_live(runner_crew *crew, runner_live *live);

/* Waits for the end of what was started, and merges: the result is the caller's. */
runner_result *runner_crew_end(runner_crew *crew);

/* After runner_crew_end, or instead of runner_crew_start. NULL is ignored. */
void runner_crew_destroy(runner_crew *crew);
