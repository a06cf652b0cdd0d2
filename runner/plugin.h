/* The interface between store-runner and its plugins: shared objects that watch a run and add sections to its report.
 * Stands alone: a plugin includes this file and links with nothing.
 *
 *   cc -std=c17 -shared -fPIC -I DIR_OF_THE_SOURCES -o mine.so mine.c   ->   store-runner --plugin ./mine.so
 *
 * A plugin exports one function, runner_plugin_entry. Its functions are never called at the same time as each other,
 * though from different threads; request_done must not block, since it holds up the run. Texts that it is given are
 * gone when it returns. Durations are in microseconds. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Grows when a member changes or goes; new members at the end of a struct do not change it. */
#define RUNNER_PLUGIN_ABI 1u

typedef struct runner_plugin_run {
  const char *run_id;
  const char *scenario; /* "" where there is none */
  const char *mode;     /* gateway or rpc */
  uint64_t operations;  /* planned; 0: not known */
} runner_plugin_run;

typedef struct runner_plugin_request {
  uint64_t index;
  const char *operation; /* place_order, read_order, read_stock or reserve_release */
  int64_t start_us;      /* when it was due, since the run began */
  int64_t latency_us;    /* from then to its end */
  bool success;
  const char *code;     /* the canonical code's name: OK, UNAVAILABLE, … */
  const char *reason;   /* of a failure: OUT_OF_STOCK, …; else "" */
  const char *order_id; /* "" where there is none */
} runner_plugin_request;

typedef struct runner_plugin_tick {
  int64_t elapsed_us; /* since the run began */
  uint64_t started, finished;
  uint32_t in_flight;
} runner_plugin_tick;

/* One state of confirmed orders: for how long, and whom they wait for in it. */
typedef struct runner_plugin_step {
  const char *state, *service, *work;
  double mean_us;
} runner_plugin_step;

typedef struct runner_plugin_end {
  int64_t elapsed_us; /* without the warm-up */
  uint64_t finished, succeeded;
  const runner_plugin_step *steps;
  size_t step_count;
} runner_plugin_end;

/* How a plugin adds to the report: each call is a line of the section under this title. */
typedef struct runner_plugin_report {
  void (*line)(const struct runner_plugin_report *report, const char *title, const char *text);
} runner_plugin_report;

/* Functions may be NULL where the plugin has no use for the event. */
typedef struct runner_plugin {
  uint32_t abi; /* RUNNER_PLUGIN_ABI */
  const char *name;
  void *(*run_start)(const runner_plugin_run *run); /* what it returns is passed to the others as self */
  void (*request_done)(void *self, const runner_plugin_request *request); /* the warm-up's are left out */
  void (*tick)(void *self, const runner_plugin_tick *tick);               /* about ten times a second */
  void (*run_end)(void *self, const runner_plugin_end *end, const runner_plugin_report *report); /* frees self */
} runner_plugin;

/* The function that a plugin exports. What it returns lives as long as the plugin is loaded. */
const runner_plugin *runner_plugin_entry(void);

#ifdef __cplusplus
}
#endif
