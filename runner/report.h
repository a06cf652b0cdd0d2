/* What a run ended with, as text for people and JSON for programs, and the files that both go to. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "rpc/status.h"
#include "runner/result.h"

/* What was asked for, and when. */
typedef struct runner_run_facts {
  const char *run_id;
  const char *mode; /* gateway or rpc */
  uint64_t orders;  /* planned */
  uint32_t concurrency;
  double delay_between_batches, request_timeout; /* seconds */
  uint64_t seed;
  int64_t restocked;       /* units; -1: not asked to */
  int64_t started_unix_ms; /* of the first order */
  int64_t elapsed_us;
  bool interrupted; /* ended before all planned orders were placed */
} runner_run_facts;

/* malloc'd, the caller's to free. NULL without memory. */
char *runner_report_text(const runner_run_facts *facts, const runner_result *result);
char *runner_report_json(const runner_run_facts *facts, const runner_result *result);

/* Writes <dir>/report-<UTC time>.json and .txt, and the same as latest.json and latest.txt; each is there whole or not
 * at all. dir is made where it is missing. path: of the .json file, for telling. */
rpc_status runner_report_write(const char *dir, int64_t started_unix_ms, const char *json, const char *text, char *path,
                               size_t path_size);

/* The percentiles that reports give. */
typedef struct runner_percentile {
  const char *name; /* "p99" */
  double share;
} runner_percentile;
extern const runner_percentile runner_percentiles[];
extern const size_t runner_percentile_count;

/* The success metrics that reports give. */
typedef struct runner_success {
  const char *name, *label; /* "order_created", "order created" */
  runner_outcome_stage stage;
} runner_success;
extern const runner_success runner_successes[];
extern const size_t runner_success_count;

/* The failure number i by count, largest first; 0 to failure_count - 1. */
const runner_failure *runner_report_failure(const runner_result *result, size_t i);
