/* See run.h. The engine runs on a thread of its own; this one shows progress and waits for signals. */
#include "runner/run.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rpc/settings.h"
#include "runner/engine.h"
#include "runner/progress.h"
#include "runner/report.h"
#include "runner/result.h"
#include "runner/verify.h"
#include "runner/workload.h"

enum { TICK_MS = 100, SPARE_CALLS = 16, INTERRUPTED_EXIT = 130 };

static const struct {
  const char *mode;
  runner_door *(*create)(const runner_door_config *config, rpc_status *status);
} doors[] = {
    {"gateway", runner_door_create_gateway},
    {"rpc", runner_door_create_rpc},
};

typedef struct run_state {
  const runner_options *options;
  rpc_clock *clock;
  rpc_random *random;
  char run_id[32];
  runner_door *door;
  runner_listing products;
  runner_workload *workload;
  runner_result *result;
  runner_engine *engine;
  runner_run_facts facts;
} run_state;

static int fail(const char *what, const rpc_status *status) {
  fprintf(stderr, "store-runner: %s: %s: %s\n", what, rpc_code_name(status->code), status->message);
  return 1;
}

static int no_memory(void) {
  fputs("store-runner: out of memory\n", stderr);
  return 1;
}

runner_door *runner_open_door(const runner_options *options, const char *mode, rpc_clock *clock, rpc_random *random) {
  bool rest = strcmp(mode, "gateway") == 0;
  runner_door_target targets[RUNNER_SERVICES];
  for (size_t i = 0; i < RUNNER_SERVICES; i++) {
    const runner_service_options *service = &options->services[i];
    targets[i] = (runner_door_target){runner_services[i], rest ? service->http_url : service->address};
  }
  runner_door_config config = {
      .targets = targets,
      .target_count = RUNNER_SERVICES,
      .timeout_ms = (uint32_t)lround(options->request_timeout * 1000),
      .max_in_flight = (uint32_t)options->concurrency + SPARE_CALLS,
      .clock = clock,
      .random = random,
  };
  rpc_status status = rpc_status_ok();
  runner_door *door = NULL;
  for (size_t i = 0; i < sizeof doors / sizeof doors[0] && door == NULL; i++) {
    if (strcmp(doors[i].mode, mode) == 0) door = doors[i].create(&config, &status);
  }
  if (door == NULL) fail("cannot open the door", &status);
  return door;
}

/* Catalogue, orders, shelves. */
static int prepare(run_state *run) {
  const runner_options *options = run->options;
  rpc_status status =
      runner_listing_read(run->door, runner_door_method("/store.v1.InventoryService/ListProducts"), &run->products);
  if (status.code != RPC_OK) return fail("cannot read the catalogue", &status);
  if (run->products.count == 0) {
    fputs("store-runner: the catalogue is empty: there is nothing to order\n", stderr);
    return 1;
  }
  run->workload = runner_workload_create(run->facts.seed, &run->products);
  if (run->workload == NULL) return no_memory();
  if (options->no_restock) return 0;
  status = runner_workload_restock(run->workload, run->facts.orders, run->door, run->run_id, &run->facts.restocked);
  return status.code == RPC_OK ? 0 : fail("cannot restock", &status);
}

static void *run_engine(void *arg) {
  runner_engine_run(arg);
  return NULL;
}

static sigset_t stop_signals(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  return signals;
}

/* SIG_BLOCK or SIG_UNBLOCK, for this thread: unblocked, they end the process. */
static void set_signals(int how) {
  sigset_t signals = stop_signals();
  pthread_sigmask(how, &signals, NULL);
}

/* Waits a tick for a signal. The first one stops the run, the second one the process. */
static void watch_signals(run_state *run) {
  sigset_t signals = stop_signals();
  if (sigtimedwait(&signals, NULL, &(struct timespec){.tv_nsec = TICK_MS * 1000000L}) < 0) return;
  if (run->facts.interrupted) _exit(INTERRUPTED_EXIT);
  run->facts.interrupted = true;
  runner_engine_stop(run->engine);
}

static int drive(run_state *run) {
  pthread_t thread;
  set_signals(SIG_BLOCK);
  run->facts.started_unix_ms = rpc_clock_unix_ms(run->clock);
  if (pthread_create(&thread, NULL, run_engine, run->engine) != 0) {
    fputs("store-runner: cannot start a thread\n", stderr);
    return 1;
  }
  bool colour = settings_text("NO_COLOR", NULL) == NULL;
  runner_progress progress = runner_progress_begin(stdout, run->facts.orders, colour);
  runner_engine_progress state;
  runner_live live;
  do {
    watch_signals(run);
    state = runner_engine_progress_get(run->engine);
    live = runner_result_live(run->result);
    runner_progress_show(&progress, &state, &live, state.ended);
  } while (!state.ended);
  pthread_join(thread, NULL);
  set_signals(SIG_UNBLOCK);
  run->facts.elapsed_us = state.elapsed_us;
  run->facts.interrupted = state.finished < run->facts.orders;
  return 0;
}

static int report(run_state *run) {
  runner_result_read_back(run->result, run->door);
  char *text = runner_report_text(&run->facts, run->result);
  char *json = runner_report_json(&run->facts, run->result);
  rpc_status status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory");
  char path[4096];
  if (text != NULL && json != NULL) {
    printf("\n%s\n", text);
    status = runner_report_write(run->options->reports_dir, run->facts.started_unix_ms, json, text, path, sizeof path);
  }
  free(text);
  free(json);
  if (status.code != RPC_OK) return fail("cannot write the report", &status);
  printf("Report: %s\n", path);
  return runner_result_reached(run->result, RUNNER_OUTCOME_CREATED) == 0 ? 1 : 0;
}

static int verify(const run_state *run) {
  bool by_rpc = strcmp(run->options->mode, "rpc") == 0;
  runner_door *door = by_rpc ? run->door : runner_open_door(run->options, "rpc", run->clock, run->random);
  if (door == NULL) return 1;
  int code = runner_verify_run(door, llround(run->options->settle * 1000));
  if (!by_rpc) runner_door_destroy(door);
  return code;
}

static int go(run_state *run) {
  run->door = runner_open_door(run->options, run->options->mode, run->clock, run->random);
  set_signals(SIG_UNBLOCK);
  if (run->door == NULL || prepare(run) != 0) return 1;
  runner_order_source source = runner_order_source_make(run->workload, run->door, run->run_id);
  runner_engine_plan plan = {
      .operations = run->facts.orders,
      .concurrency = run->facts.concurrency,
      .delay_us = llround(run->options->delay_between_batches * 1e6),
  };
  run->result = runner_result_create(run->facts.orders);
  if (run->result == NULL) return no_memory();
  run->engine = runner_engine_create(&plan, run->clock, (runner_engine_source){runner_order_source_start, &source},
                                     (runner_engine_observer){runner_result_add, run->result});
  if (run->engine == NULL) return no_memory();
  if (drive(run) != 0) return 1;
  int code = report(run);
  if (run->options->verify && verify(run) != 0) code = 1;
  return code;
}

int runner_run(const runner_options *options, rpc_clock *clock, rpc_random *random) {
  run_state run = {.options = options, .clock = clock, .random = random};
  snprintf(run.run_id, sizeof run.run_id, "run-%012" PRIx64, rpc_random_next(random) >> 16);
  run.facts = (runner_run_facts){
      .run_id = run.run_id,
      .mode = options->mode,
      .orders = (uint64_t)options->num_orders,
      .concurrency = (uint32_t)options->concurrency,
      .delay_between_batches = options->delay_between_batches,
      .request_timeout = options->request_timeout,
      .seed = options->seed != 0 ? (uint64_t)options->seed : (rpc_random_next(random) >> 32 | 1),
      .restocked = options->no_restock ? -1 : 0,
  };
  int code = go(&run);
  runner_engine_destroy(run.engine);
  runner_result_destroy(run.result);
  runner_workload_destroy(run.workload);
  runner_listing_free(&run.products);
  runner_door_destroy(run.door);
  return code;
}
