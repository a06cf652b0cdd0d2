/* Drives operations: decides when the next one starts, measures each, and hands a sample of it to an observer. It knows
 * neither what an operation does (the source's business) nor what becomes of samples (the observer's). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "rpc/clock.h"
#include "runner/arrivals.h"
#include "runner/outcome.h"

enum { RUNNER_ENGINE_CONCURRENCY_MAX = 100000, RUNNER_THREADS_MAX = 64 };

typedef struct runner_engine runner_engine;
typedef struct runner_engine_operation runner_engine_operation; /* one under way */

/* What makes the next operation start. */
typedef enum runner_model {
  RUNNER_BATCHES, /* closed: concurrency operations start together; the next batch a delay after all have ended */
  RUNNER_USERS,   /* closed: concurrency users, each starting its next operation when its last has ended, and a think
                     time later */
  RUNNER_RATE,    /* open: at a rate, whatever becomes of those before. Latency counts from when an operation was due,
                     so that a store that stalls cannot slow down the questions that would show it */
  RUNNER_MODEL_COUNT
} runner_model;

typedef struct runner_engine_plan {
  runner_model model;
  uint64_t operations;      /* to start after the warm-up; 0: as many as the time allows */
  uint32_t concurrency;     /* 1 to RUNNER_ENGINE_CONCURRENCY_MAX; RUNNER_RATE: most that may be in flight */
  int64_t delay_us;         /* RUNNER_BATCHES: between batches */
  int64_t think_us;         /* RUNNER_USERS: on average; each time from half to one and a half of it */
  int64_t warm_up_us;       /* operations that are due in it are marked, for the observer not to count */
  int64_t duration_us;      /* after the warm-up, of starting operations; 0: no bound. RUNNER_RATE: see arrivals */
  runner_arrivals arrivals; /* RUNNER_RATE: warm-up included */
  bool poisson;             /* RUNNER_RATE: due at random, as from many strangers, instead of evenly */
  int64_t overtime_us;    /* RUNNER_RATE: past the schedule's end, operations that are due are still started so long */
  uint64_t seed;          /* of think times and random arrivals */
  uint32_t shard, shards; /* this engine does every shards-th operation, from number shard; 0 of 0: all */
} runner_engine_plan;

/* Begins operation number index (from 0) and ends it later with runner_engine_finish, from any thread, exactly once; it
 * may do so before it returns. Called on the thread of runner_engine_run, of RUNNER_USERS also on the thread that ended
 * the operation before, or the clock's. */
typedef struct runner_engine_source {
  void (*start)(void *self, uint64_t index, runner_engine_operation *operation);
  void *self;
} runner_engine_source;

typedef struct runner_engine_sample {
  uint64_t index;
  int64_t start_us;   /* when it was due, since runner_engine_run began */
  int64_t latency_us; /* from then to runner_engine_finish */
  int64_t lag_us;     /* from then to its start: the runner's own delay; 0 in closed models */
  bool warm_up;       /* not to be counted */
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
  uint64_t started, finished; /* warm-up included */
  uint64_t missed;            /* RUNNER_RATE: due but never started, when the run has ended */
  uint32_t in_flight;         /* users that think included */
  int64_t elapsed_us;         /* since runner_engine_run began; until it ended */
  bool stopped;               /* by runner_engine_stop */
  bool ended;                 /* runner_engine_run is about to return, or has */
} runner_engine_progress;

/* From any thread. */
runner_engine_progress runner_engine_progress_get(runner_engine *engine);
