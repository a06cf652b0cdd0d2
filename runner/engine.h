/* Drives operations: decides when the next one starts, measures each, and hands a sample of it to an observer. It knows
 * neither what an operation does (the source's business) nor what becomes of samples (the observer's). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "rpc/clock.h"
#include "runner/outcome.h"

enum { RUNNER_ENGINE_CONCURRENCY_MAX = 100000 };

typedef struct runner_engine runner_engine;
typedef struct runner_engine_operation runner_engine_operation; /* one under way */

/* The closed model: batches of concurrency operations, each batch started together; the next one starts a delay after
 * all of the former have ended. */
typedef struct runner_engine_plan {
  uint64_t operations;  /* in all */
  uint32_t concurrency; /* 1 to RUNNER_ENGINE_CONCURRENCY_MAX */
  int64_t delay_us;     /* between batches */
} runner_engine_plan;

/* Begins operation number index (from 0) and ends it later with runner_engine_finish, from any thread, exactly once; it
 * may do so before it returns. Called on the thread of runner_engine_run. */
typedef struct runner_engine_source {
  void (*start)(void *self, uint64_t index, runner_engine_operation *operation);
  void *self;
} runner_engine_source;

typedef struct runner_engine_sample {
  uint64_t index;
  int64_t start_us;   /* since runner_engine_run began */
  int64_t latency_us; /* from the start to runner_engine_finish */
  const runner_outcome *outcome;
} runner_engine_sample;

/* Takes each sample, one at a time, on the thread that ended the operation; must not block. */
typedef struct runner_engine_observer {
  void (*sample)(void *self, const runner_engine_sample *sample);
  void *self;
} runner_engine_observer;

/* clock outlives the engine. NULL without memory. */
runner_engine *runner_engine_create(const runner_engine_plan *plan, rpc_clock *clock, runner_engine_source source,
                                    runner_engine_observer observer);

/* Only when runner_engine_run has returned. NULL is ignored. */
void runner_engine_destroy(runner_engine *engine);

/* Runs the plan; returns when the last operation has ended. Once. */
void runner_engine_run(runner_engine *engine);

/* No operation starts any more; runner_engine_run returns when those under way have ended. From any thread, but not
 * from a signal handler. */
void runner_engine_stop(runner_engine *engine);

/* Ends an operation; outcome is copied where needed. */
void runner_engine_finish(runner_engine_operation *operation, const runner_outcome *outcome);

typedef struct runner_engine_progress {
  uint64_t started, finished;
  uint32_t in_flight;
  int64_t elapsed_us; /* since runner_engine_run began; until it ended */
  bool stopped;       /* by runner_engine_stop */
  bool ended;         /* runner_engine_run is about to return, or has */
} runner_engine_progress;

/* From any thread. */
runner_engine_progress runner_engine_progress_get(runner_engine *engine);
