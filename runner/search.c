/* See search.h. */
#include "runner/search.h"

#include <math.h>
#include <stdio.h>

static void judge(runner_probe *probe, const runner_result *result, const runner_run_facts *facts,
                  const runner_threshold *thresholds, size_t count) {
  runner_measured measured = {facts->elapsed_us, facts->missed};
  probe->passed = true;
  probe->achieved = facts->elapsed_us > 0 ? (double)result->finished * 1e6 / (double)facts->elapsed_us : 0;
  probe->p50_us = runner_histogram_quantile(result->all, 0.5);
  probe->p99_us = runner_histogram_quantile(result->all, 0.99);
  for (size_t i = 0; i < count && probe->passed; i++) {
    runner_verdict verdict = runner_threshold_check(&thresholds[i], result, &measured);
    probe->passed = verdict.passed;
    if (!verdict.passed) {
      snprintf(probe->failing, sizeof probe->failing, "%.40s (%s)", verdict.threshold, verdict.shown);
    }
  }
}

/* Keeps the result where it is the best so far. */
static void keep(runner_search *search, runner_result *result, const runner_run_facts *facts, bool passed) {
  double rate = facts->arrivals.phases[0].from;
  bool better = search->best == NULL;
  if (!better) {
    double best_rate = search->best_facts.arrivals.phases[0].from;
    better = passed ? !search->passed || rate > best_rate : !search->passed && rate < best_rate;
  }
  search->passed = search->passed || passed;
  if (better) {
    runner_result_destroy(search->best);
    search->best = result;
    search->best_facts = *facts;
  } else {
    runner_result_destroy(result);
  }
}

/* False: the search cannot go on. */
static bool try_rate(runner_search *search, double rate, const runner_stage *stage, const runner_threshold *thresholds,
                     size_t threshold_count, const runner_run_facts *common, bool *passed) {
  if (search->count == RUNNER_PROBES_MAX) return false;
  runner_run_facts facts = *common;
  char run_id[48];
  snprintf(run_id, sizeof run_id, "%s-%zu", common->run_id, search->count);
  facts.arrivals = (runner_arrivals){.phases = {{llround(stage->options->search_probe * 1e6), rate, rate}}, .count = 1};
  printf("%.1f/s for %g s\n", rate, stage->options->search_probe);
  runner_result *result = runner_round(stage, run_id, &facts);
  if (result == NULL) return false;
  if (facts.interrupted && search->best != NULL) { /* half a probe proves nothing */
    search->best_facts.interrupted = true;
    runner_result_destroy(result);
    return false;
  }
  runner_probe *probe = &search->probes[search->count++];
  *probe = (runner_probe){.rate = rate};
  judge(probe, result, &facts, thresholds, threshold_count);
  *passed = probe->passed;
  printf("%.1f/s: %s%s\n\n", rate, probe->passed ? "ok" : "broken: ", probe->failing);
  keep(search, result, &facts, probe->passed);
  return !facts.interrupted;
}

void runner_search_run(runner_search *search, const runner_stage *stage, const runner_threshold *thresholds,
                       size_t threshold_count, const runner_run_facts *facts) {
  const runner_options *options = stage->options;
  double good = 0, bad = 0, rate = fmin(options->search_from, options->search_to);
  for (bool passed; try_rate(search, rate, stage, thresholds, threshold_count, facts, &passed);) {
    if (passed)
      good = rate;
    else
      bad = rate;
    if (good >= options->search_to) return;
    double tolerance = options->search_tolerance;
    if (bad > 0 && (bad - good <= tolerance * bad || bad < 0.1)) return;
    rate = bad > 0 ? (good + bad) / 2 : fmin(2 * rate, options->search_to);
  }
}

void runner_search_free(runner_search *search) {
  runner_result_destroy(search->best);
}
