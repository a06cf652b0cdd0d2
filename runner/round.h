/* One round of load: from stocked shelves to a result, with progress on standard output. A run is one round, a search
 * one for each rate that it tries. Used by run.c and search.c. */
#pragma once

#include "runner/crew.h"
#include "runner/options.h"
#include "runner/report.h"

/* What the rounds of a run have in common. */
typedef struct runner_stage {
  const runner_options *options;
  rpc_clock *clock;
  runner_workload *workload;
  runner_plugins *plugins;
  runner_door *doors[RUNNER_THREADS_MAX];
  uint32_t threads;
} runner_stage;

/* Does what facts say, and writes to them what is known when it has ended. run_id: of this round; no other may ever
 * have had it. SIGINT and SIGTERM must be unblocked in this thread and blocked in all others. NULL on failure, with a
 * line on standard error. */
runner_result *runner_round(const runner_stage *stage, const char *run_id, runner_run_facts *facts);
