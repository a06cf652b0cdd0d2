/* What a run has seen, counted as its samples come in: the engine's observer, and what reports are written from. */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/status.h"
#include "runner/door.h"
#include "runner/engine.h"
#include "runner/histogram.h"
#include "runner/outcome.h"

enum {
  RUNNER_REASONS_MAX = 64,    /* kinds of failure told apart; further ones are counted as "OTHER" */
  RUNNER_READ_BACK_MAX = 200, /* confirmed orders whose history is read, and as many of unclear ones */
  RUNNER_STEPS_MAX = 8,
};

typedef struct runner_failure {
  char reason[48];
  rpc_code code;
  uint64_t count;
} runner_failure;

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

/* Read it only when the run has ended; while it goes on, through runner_result_live. */
typedef struct runner_result {
  pthread_mutex_t lock;
  uint64_t finished;
  uint64_t stages[RUNNER_OUTCOME_STAGE_COUNT]; /* orders by the stage they got to */
  runner_histogram *all, *confirmed;           /* latencies in microseconds */
  runner_failure failures[RUNNER_REASONS_MAX];
  size_t failure_count;
  uint64_t stride; /* one in so many confirmed orders is read back */
  runner_read_back confirmed_orders, unclear_orders;
  uint64_t unclear;  /* orders whose stage is only the least they got to */
  size_t steps_read; /* confirmed orders that the steps were measured on */
  runner_step steps[RUNNER_STEPS_MAX];
  size_t step_count;
} runner_result;

/* planned: orders of the run. NULL without memory. */
runner_result *runner_result_create(uint64_t planned);
void runner_result_destroy(runner_result *result);

/* An engine_observer's sample; self is a runner_result. */
void runner_result_add(void *self, const runner_engine_sample *sample);

typedef struct runner_live {
  uint64_t finished, confirmed;
  int64_t p50_us; /* of confirmed orders */
} runner_live;

/* From any thread. */
runner_live runner_result_live(runner_result *result);

/* Reads histories back through the door: of confirmed orders for the time that each step took, of unclear failures for
 * the stage they got to. Orders that cannot be read are passed over. After the run; blocks. */
void runner_result_read_back(runner_result *result, runner_door *door);

/* Orders that got to this stage or beyond. */
uint64_t runner_result_reached(const runner_result *result, runner_outcome_stage stage);

/* The step with the largest mean; NULL where no history was read. */
const runner_step *runner_result_bottleneck(const runner_result *result);

/* Mean of a step over the confirmed orders that were read, in microseconds. */
double runner_step_mean_us(const runner_result *result, const runner_step *step);

/* The 95 % interval of a share, by Wilson's score: successes of total as *low and *high, 0 to 1. */
void runner_wilson_interval(uint64_t successes, uint64_t total, double *low, double *high);
