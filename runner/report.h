/* What a run ended with, as text and HTML for people and JSON, CSV and JUnit XML for programs, and the files that they
 * go to. Each report is a function of one struct. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "rpc/status.h"
#include "runner/plugins.h"
#include "runner/result.h"
#include "runner/source.h"
#include "runner/threshold.h"

/* What was asked for, when, and what the runner itself was like. */
typedef struct runner_run_facts {
  const char *run_id;
  const char *scenario, *description; /* NULL or "": none */
  const char *mode;                   /* gateway or rpc */
  const char *http;                   /* of gateway: 1.1 or 2 */
  runner_model model;
  uint64_t orders;      /* operations planned; 0: as many as the time allows */
  uint32_t concurrency; /* see runner_engine_plan */
  uint32_t threads;
  double delay_between_batches, think_time, request_timeout; /* seconds */
  double duration, warm_up;                                  /* seconds; 0: none */
  runner_arrivals arrivals;                                  /* of RUNNER_RATE, without the warm-up */
  bool poisson;
  runner_mix mix;
  const char *data; /* NULL or "": random orders */
  uint64_t seed;
  int64_t restocked;       /* units; -1: not asked to */
  int64_t started_unix_ms; /* of the first operation */
  int64_t elapsed_us;      /* without the warm-up */
  uint64_t missed;         /* operations that were due but never started */
  double cpu_s;            /* that the runner itself used, warm-up included */
  double cpu_share;        /* of what it may use: a core for each thread, as far as there are cores */
  bool interrupted;        /* ended before all that was planned was done */
} runner_run_facts;

/* One rate that a search tried. */
typedef struct runner_probe {
  double rate, achieved; /* per second: wanted, ended */
  bool passed;
  int64_t p50_us, p99_us;
  char failing[96]; /* the first threshold that did not hold, and its value */
} runner_probe;

typedef struct runner_report {
  runner_run_facts facts;
  const runner_result *result;
  const runner_verdict *verdicts; /* of the thresholds */
  size_t verdict_count;
  const runner_section *sections; /* of plugins */
  size_t section_count;
  const runner_probe *probes; /* of a search, whose best passing rate the rest of the report is of */
  size_t probe_count;
} runner_report;

/* malloc'd, the caller's to free. NULL without memory. */
char *runner_report_text(const runner_report *report);
char *runner_report_json(const runner_report *report); /* as runner/report.schema.json says */
char *runner_report_html(const runner_report *report); /* one file, which refers to nothing outside it */
char *runner_report_csv(const runner_report *report);  /* the time series */
char *runner_report_junit(const runner_report *report);

typedef struct runner_report_file {
  const char *extension, *text;
} runner_report_file;

/* Writes <dir>/report-<UTC time>.<extension> for each, and the same as latest.<extension>; each is there whole or not
 * at all. dir is made where it is missing. path: of the first file, for telling. */
rpc_status runner_report_write(const char *dir, int64_t started_unix_ms, const runner_report_file *files, size_t count,
                               char *path, size_t path_size);

/* Writes one file, whole or not at all. */
rpc_status runner_report_write_file(const char *path, const char *text);

/* Why the numbers may be the runner's own doing rather than the store's; false: they are not. */
bool runner_report_warning(const runner_report *report, char *text, size_t size);

/* What was asked for, in one line: "100 orders, 10 at once, 0.1 s between batches". */
void runner_report_plan(const runner_run_facts *facts, char *text, size_t size);

/* The model's name as in --model. */
extern const char *const runner_model_names[RUNNER_MODEL_COUNT];

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

/* How many parts of the critical path, from the largest, are worth a line: at most ten, none of them below 0.1 %. */
size_t runner_report_parts(const runner_critical *critical);
