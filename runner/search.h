/* Ramp to break: finds the highest rate that keeps the thresholds, by doubling until one does not hold and halving the
 * interval between what does and what does not. */
#pragma once

#include "runner/round.h"

enum { RUNNER_PROBES_MAX = 32 };

typedef struct runner_search {
  runner_probe probes[RUNNER_PROBES_MAX];
  size_t count;
  runner_result *best; /* of the highest rate that passed, else of the lowest that was tried; NULL: none ran */
  runner_run_facts best_facts;
  bool passed; /* some rate keeps them */
} runner_search;

/* facts: of every round but for the rate. Ends at once where a round cannot begin or is interrupted. */
void runner_search_run(runner_search *search, const runner_stage *stage, const runner_threshold *thresholds,
                       size_t threshold_count, const runner_run_facts *facts);
void runner_search_free(runner_search *search);
