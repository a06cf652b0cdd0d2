/* See engine.h. One lock guards everything; operations live in as many slots as may be under way at once. */
#include "runner/engine.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct runner_engine_operation {
  runner_engine *engine;
  uint64_t index;
  int64_t start_us;
  runner_engine_operation *next_free;
};

struct runner_engine {
  runner_engine_plan plan;
  rpc_clock *clock;
  runner_engine_source source;
  runner_engine_observer observer;

  pthread_mutex_t lock;
  pthread_cond_t changed;        /* nothing is in flight any more, or stopped */
  runner_engine_operation *free; /* slots of operations that are not under way */
  runner_engine_progress progress;
  int64_t began_us;
  bool running;

  runner_engine_operation slots[]; /* plan.concurrency */
};

runner_engine *runner_engine_create(const runner_engine_plan *plan, rpc_clock *clock, runner_engine_source source,
                                    runner_engine_observer observer) {
  assert(plan->concurrency >= 1 && plan->concurrency <= RUNNER_ENGINE_CONCURRENCY_MAX);
  runner_engine *engine = calloc(1, sizeof *engine + plan->concurrency * sizeof(runner_engine_operation));
  if (engine == NULL) return NULL;
  engine->plan = *plan;
  engine->clock = clock;
  engine->source = source;
  engine->observer = observer;
  for (uint32_t i = 0; i < plan->concurrency; i++) {
    engine->slots[i] = (runner_engine_operation){.engine = engine, .next_free = engine->free};
    engine->free = &engine->slots[i];
  }
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  pthread_cond_init(&engine->changed, &attributes);
  pthread_condattr_destroy(&attributes);
  pthread_mutex_init(&engine->lock, NULL);
  return engine;
}

void runner_engine_destroy(runner_engine *engine) {
  if (engine == NULL) return;
  pthread_cond_destroy(&engine->changed);
  pthread_mutex_destroy(&engine->lock);
  free(engine);
}

static int64_t elapsed_us(const runner_engine *engine) {
  return rpc_clock_now_us(engine->clock) - engine->began_us;
}

/* Starts operations until as many are under way as may be. The lock is let go for the start itself, which may end the
 * operation at once: so a batch is counted, not read off what is in flight. */
static void start_batch(runner_engine *engine) {
  for (uint32_t i = 0; i < engine->plan.concurrency; i++) {
    if (engine->progress.stopped || engine->progress.started == engine->plan.operations) return;
    runner_engine_operation *operation = engine->free;
    engine->free = operation->next_free;
    operation->index = engine->progress.started++;
    operation->start_us = elapsed_us(engine);
    engine->progress.in_flight++;
    pthread_mutex_unlock(&engine->lock);
    engine->source.start(engine->source.self, operation->index, operation);
    pthread_mutex_lock(&engine->lock);
  }
}

static void pause_until_next_batch(runner_engine *engine) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  int64_t ns = until.tv_nsec + engine->plan.delay_us % 1000000 * 1000;
  until.tv_sec += (time_t)(engine->plan.delay_us / 1000000 + ns / 1000000000);
  until.tv_nsec = ns % 1000000000;
  while (!engine->progress.stopped && pthread_cond_timedwait(&engine->changed, &engine->lock, &until) == 0) continue;
}

void runner_engine_run(runner_engine *engine) {
  pthread_mutex_lock(&engine->lock);
  engine->began_us = rpc_clock_now_us(engine->clock);
  engine->running = true;
  while (!engine->progress.stopped && engine->progress.started < engine->plan.operations) {
    start_batch(engine);
    while (engine->progress.in_flight > 0) pthread_cond_wait(&engine->changed, &engine->lock);
    if (engine->progress.started < engine->plan.operations) pause_until_next_batch(engine);
  }
  engine->progress.elapsed_us = elapsed_us(engine);
  engine->running = false;
  engine->progress.ended = true;
  pthread_mutex_unlock(&engine->lock);
}

void runner_engine_stop(runner_engine *engine) {
  pthread_mutex_lock(&engine->lock);
  engine->progress.stopped = true;
  pthread_cond_broadcast(&engine->changed);
  pthread_mutex_unlock(&engine->lock);
}

void runner_engine_finish(runner_engine_operation *operation, const runner_outcome *outcome) {
  runner_engine *engine = operation->engine;
  runner_engine_sample sample = {
      .index = operation->index,
      .start_us = operation->start_us,
      .latency_us = elapsed_us(engine) - operation->start_us, /* before waiting for the lock */
      .outcome = outcome,
  };
  pthread_mutex_lock(&engine->lock);
  engine->observer.sample(engine->observer.self, &sample);
  operation->next_free = engine->free;
  engine->free = operation;
  engine->progress.finished++;
  if (--engine->progress.in_flight == 0) pthread_cond_broadcast(&engine->changed);
  pthread_mutex_unlock(&engine->lock);
}

runner_engine_progress runner_engine_progress_get(runner_engine *engine) {
  pthread_mutex_lock(&engine->lock);
  runner_engine_progress progress = engine->progress;
  if (engine->running) progress.elapsed_us = elapsed_us(engine);
  pthread_mutex_unlock(&engine->lock);
  return progress;
}
