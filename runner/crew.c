/* See crew.h. */
#include "runner/crew.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

typedef struct member {
  runner_engine *engine;
  runner_source *source;
  runner_result *result;
  runner_plugins_tap tap;
  pthread_t thread;
  bool started;
} member;

struct runner_crew {
  uint32_t count;
  member members[];
};

static uint32_t share_of(uint32_t whole, uint32_t shard, uint32_t shards) {
  return whole / shards + (shard < whole % shards ? 1 : 0);
}

static bool make_member(member *into, const runner_crew_config *config, uint32_t shard) {
  runner_engine_plan plan = config->plan;
  plan.shard = shard;
  plan.shards = config->threads;
  plan.concurrency = share_of(plan.concurrency, shard, config->threads);
  into->source = runner_source_create(config->workload, config->mix, config->doors[shard], config->run_id);
  into->result = runner_result_create(plan.operations, plan.warm_up_us);
  if (into->source == NULL || into->result == NULL) return false;
  into->tap = (runner_plugins_tap){into->result, config->plugins};
  into->engine = runner_engine_create(&plan, config->clock, (runner_engine_source){runner_source_start, into->source},
                                      (runner_engine_observer){runner_plugins_sample, &into->tap});
  return into->engine != NULL;
}

runner_crew *runner_crew_create(const runner_crew_config *config, rpc_status *status) {
  assert(config->threads >= 1 && config->threads <= config->plan.concurrency);
  runner_crew *crew = calloc(1, sizeof *crew + config->threads * sizeof(member));
  *status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory for a run");
  if (crew == NULL) return NULL;
  crew->count = config->threads;
  for (uint32_t i = 0; i < crew->count; i++) {
    if (!make_member(&crew->members[i], config, i)) goto failed;
  }
  for (uint32_t i = 0; i < crew->count; i++) {
    *status = runner_source_find_orders(crew->members[i].source);
    if (status->code != RPC_OK) goto failed;
  }
  return crew;

failed:
  runner_crew_destroy(crew);
  return NULL;
}

static void *run_engine(void *arg) {
  runner_engine_run(arg);
  return NULL;
}

bool runner_crew_start(runner_crew *crew) {
  for (uint32_t i = 0; i < crew->count; i++) {
    member *each = &crew->members[i];
    each->started = pthread_create(&each->thread, NULL, run_engine, each->engine) == 0;
    if (!each->started) return false;
  }
  return true;
}

void runner_crew_stop(runner_crew *crew) {
  for (uint32_t i = 0; i < crew->count; i++) runner_engine_stop(crew->members[i].engine);
}

runner_engine_progress runner_crew_progress(runner_crew *crew) {
  runner_engine_progress all = {.ended = true};
  for (uint32_t i = 0; i < crew->count; i++) {
    runner_engine_progress one = runner_engine_progress_get(crew->members[i].engine);
    all.started += one.started;
    all.finished += one.finished;
    all.missed += one.missed;
    all.in_flight += one.in_flight;
    if (one.elapsed_us > all.elapsed_us) all.elapsed_us = one.elapsed_us;
    all.stopped = all.stopped || one.stopped;
    all.ended = all.ended && one.ended;
  }
  return all;
}

void runner_crew_live(runner_crew *crew, runner_live *live) {
  for (uint32_t i = 0; i < crew->count; i++) runner_result_live(crew->members[i].result, live);
}

runner_result *runner_crew_end(runner_crew *crew) {
  for (uint32_t i = 0; i < crew->count; i++) {
    if (crew->members[i].started) pthread_join(crew->members[i].thread, NULL);
    if (i > 0) runner_result_merge(crew->members[0].result, crew->members[i].result);
  }
  runner_result *all = crew->members[0].result;
  crew->members[0].result = NULL;
  return all;
}

void runner_crew_destroy(runner_crew *crew) {
  if (crew == NULL) return;
  for (uint32_t i = 0; i < crew->count; i++) {
    runner_engine_destroy(crew->members[i].engine);
    runner_source_destroy(crew->members[i].source);
    runner_result_destroy(crew->members[i].result);
  }
  free(crew);
}
