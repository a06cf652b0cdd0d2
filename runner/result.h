/* What a run has seen, counted as its samples come in: the engine's observer, and what reports are written from. One
 * for each thread of a run, merged when it has ended. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/status.h"
#include "runner/critical.h"
#include "runner/door.h"
#include "runner/engine.h"
#include "runner/histogram.h"
#include "runner/outcome.h"
#include "runner/series.h"

enum {
  RUNNER_REASONS_MAX = 64,    /* kinds of failure told apart; further ones are counted as "OTHER" */
  RUNNER_READ_BACK_MAX = 200, /* confirmed orders whose history is read, and as many of unclear ones */
  RUNNER_STEPS_MAX = 8,
};

typedef struct runner_failure {
  char reason[48];
  rpc_code code;
  uint64_t count;
  runner_histogram *latency; /* NULL without memory */
} runner_failure;

/* Operations of one kind. */
typedef struct runner_kind_result {
  uint64_t finished, succeeded;
  runner_histogram *latency;
} runner_kind_result;

/* One state of confirmed orders' histories: how long they stayed in it. */
typedef struct runner_step {
  char state[24];      /* "charging" */
  const char *service; /* whom the order waits for in it: "payment"; "" where that is not known */
  const char *work;    /* and for what: "fraud check and charge" */
  int64_t total_us;
} runner_step;

/* Orders that are read back after the run. */
typedef struct runner_read_back {
  char order_ids[RUNNER_READ_BACK_MAX][72];
  size_t count;
} runner_read_back;

/* Read it only when the run has ended; while it goes on, through runner_result_live. Latencies in microseconds. */
typedef struct runner_result {
  pthread_mutex_t lock;
  uint64_t warm_up;             /* operations that ended and are counted nowhere else */
  uint64_t finished, succeeded; /* operations of all kinds */
  runner_kind_result kinds[RUNNER_KIND_COUNT];
  uint64_t stages[RUNNER_OUTCOME_STAGE_COUNT]; /* orders by the stage they got to */
  runner_histogram *all, *confirmed;           /* operations of all kinds; confirmed orders */
  runner_histogram *lag;                       /* see runner_engine_sample.lag_us */
  runner_series *series;
  int64_t warm_up_us; /* the series begins then */
  runner_failure failures[RUNNER_REASONS_MAX];
  size_t failure_count;
  uint64_t stride; /* one in so many confirmed orders is read back; doubles where they become too many */
  runner_read_back confirmed_orders, unclear_orders;
  uint64_t unclear;  /* orders whose stage is only the least they got to */
  size_t steps_read; /* confirmed orders that the steps were measured on */
  runner_step steps[RUNNER_STEPS_MAX];
  size_t step_count;
  runner_critical critical; /* read after runner_result_read_back, which says whose */
} runner_result;

/* planned: operations of the run, as far as they are known. NULL without memory. */
runner_result *runner_result_create(uint64_t planned, int64_t warm_up_us);
void runner_result_destroy(runner_result *result);

/* An engine_observer's sample; self is a runner_result. */
void runner_result_add(void *self, const runner_engine_sample *sample);

/* Adds what from has seen, whose series may become coarser; when both have ended, before reading back. */
void runner_result_merge(runner_result *into, runner_result *from);

typedef struct runner_live {
  uint64_t finished, succeeded; /* of all kinds; warm-up not counted */
  uint64_t warm_up;
  runner_histogram *latency; /* the caller's; what ended is added to it. NULL: not asked for */
} runner_live;

/* Adds to *live what this result has seen. From any thread. */
void runner_result_live(runner_result *result, runner_live *live);

/* Reads histories back through the door: of confirmed orders for the time that each step took, of unclear failures for
 * the stage they got to. Orders that cannot be read are passed over. After the run; blocks. */
void runner_result_read_back(runner_result *result, runner_door *door);

/* Orders that were placed, whatever became of them. */
uint64_t runner_result_orders(const runner_result *result);

/* Orders that got to this stage or beyond. */
uint64_t runner_result_reached(const runner_result *result, runner_outcome_stage stage);

/* The step with the largest mean; NULL where no history was read. */
const runner_step *runner_result_bottleneck(const runner_result *result);

/* Mean of a step over the confirmed orders that were read, in microseconds. */
double runner_step_mean_us(const runner_result *result, const runner_step *step);

/* The 95 % interval of a share, by Wilson's score: successes of total as *low and *high, 0 to 1. */
void runner_wilson_interval(uint64_t successes, uint64_t total, double *low, double *high);
