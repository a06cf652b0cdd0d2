/* See run.h. */
#include "runner/run.h"
#include "rpc/settings.h"

#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/round.h"
#include "runner/search.h"
#include "runner/verify.h"

enum { SPARE_CALLS = 16 };

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
  runner_stage stage;
  runner_listing products;
  runner_data *data;
  runner_workload *workload;
  runner_plugins *plugins;
  runner_threshold thresholds[RUNNER_LIST_MAX];
  size_t threshold_count;
  runner_run_facts facts;
} run_state;

static int fail(const char *what, const rpc_status *status) {
  fprintf(stderr, "store-runner: %s: %s: %s\n", what, rpc_code_name(status->code), status->message);
  return RUNNER_EXIT_FAILED;
}

static int no_memory(void) {
  fputs("store-runner: out of memory\n", stderr);
  return RUNNER_EXIT_FAILED;
}

static const char *given(const char *text) {
  return text[0] == '\0' ? NULL : text;
}

static runner_door *open_door(const runner_options *options, const char *mode, const runner_door_target *targets,
                              size_t target_count, uint32_t in_flight, rpc_clock *clock, rpc_random *random) {
  char *token = settings_secret("STORE_TOKEN");
  runner_door_config config = {
      .targets = targets,
      .target_count = target_count,
      .timeout_ms = (uint32_t)lround(options->request_timeout * 1000),
      .max_in_flight = in_flight + SPARE_CALLS,
      .http2 = strcmp(options->http, "2") == 0,
      .ca_file = given(options->ca_file),
      .cert_file = given(options->cert_file),
      .key_file = given(options->key_file),
      .token = token,
      .insecure = options->insecure,
      .clock = clock,
      .random = random,
  };
  rpc_status status = rpc_status_ok();
  runner_door *door = NULL;
  for (size_t i = 0; i < sizeof doors / sizeof doors[0] && door == NULL; i++) {
    if (strcmp(doors[i].mode, mode) == 0) door = doors[i].create(&config, &status);
  }
  free(token);
  if (door == NULL) fail("cannot open the door", &status);
  return door;
}

static bool is_rest(const char *mode) {
  return strcmp(mode, "gateway") == 0;
}

runner_door *runner_open_door(const runner_options *options, const char *mode, uint32_t in_flight, rpc_clock *clock,
                              rpc_random *random) {
  runner_door_target targets[RUNNER_SERVICES];
  for (size_t i = 0; i < RUNNER_SERVICES; i++) {
    const runner_service_options *service = &options->services[i];
    targets[i] = (runner_door_target){runner_services[i], is_rest(mode) ? service->http_url : service->address};
  }
  return open_door(options, mode, targets, RUNNER_SERVICES, in_flight, clock, random);
}

/* Over a door of their own: the gateway asks every process by itself, over RPC each service is asked. */
static void read_traces(const run_state *run, runner_result *result) {
  const runner_options *options = run->options;
  bool rest = is_rest(options->mode);
  runner_door_target targets[RUNNER_SERVICES];
  for (size_t i = 0; i < RUNNER_SERVICES; i++) {
    const runner_service_options *service = &options->services[i];
    targets[i] = (runner_door_target){&runner_trace_sources[i], rest ? service->http_url : service->address};
  }
  if (result->critical.id_count == 0) return;
  size_t count = rest ? 1 : RUNNER_SERVICES;
  runner_door *door = open_door(options, options->mode, targets, count, SPARE_CALLS, run->clock, run->random);
  if (door != NULL) runner_critical_read(&result->critical, door);
  runner_door_destroy(door);
}

static void unblock_signals(void) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_UNBLOCK, &signals, NULL);
}

/* What can be wrong before anything is touched. */
static int read_settings(run_state *run) {
  char error[512];
  const runner_list *thresholds = &run->options->thresholds;
  for (int64_t i = 0; i < thresholds->count; i++) {
    if (runner_threshold_parse(&run->thresholds[i], thresholds->items[i], error, sizeof error)) continue;
    fprintf(stderr, "store-runner: %s\n", error);
    return RUNNER_EXIT_USAGE;
  }
  run->threshold_count = (size_t)thresholds->count;
  run->plugins = runner_plugins_load(&run->options->plugins, error, sizeof error);
  if (run->plugins == NULL) {
    fprintf(stderr, "store-runner: %s\n", error);
    return RUNNER_EXIT_USAGE;
  }
  if (run->options->data[0] == '\0') return 0;
  rpc_status status;
  run->data = runner_data_read(run->options->data, &status);
  return run->data != NULL ? 0 : fail("cannot use the data", &status);
}

/* Doors, catalogue, orders. */
static int prepare(run_state *run) {
  runner_stage *stage = &run->stage;
  *stage = (runner_stage){.options = run->options, .clock = run->clock, .plugins = run->plugins};
  for (; stage->threads < run->facts.threads; stage->threads++) {
    stage->doors[stage->threads] =
        runner_open_door(run->options, run->options->mode, run->facts.concurrency, run->clock, run->random);
    if (stage->doors[stage->threads] == NULL) return RUNNER_EXIT_FAILED;
  }
  unblock_signals();
  rpc_status status = runner_listing_read(
      stage->doors[0], runner_door_method("/store.v1.InventoryService/ListProducts"), &run->products);
  if (status.code != RPC_OK) return fail("cannot read the catalogue", &status);
  if (run->products.count == 0) {
    fputs("store-runner: the catalogue is empty: there is nothing to order\n", stderr);
    return RUNNER_EXIT_FAILED;
  }
  run->workload = runner_workload_create(run->facts.seed, &run->products, run->data);
  stage->workload = run->workload;
  return run->workload == NULL ? no_memory() : 0;
}

/* Writes the report files; prints what they are, and the text. */
static int publish(const runner_options *options, const runner_report *report) {
  char *const texts[] = {runner_report_json(report), runner_report_text(report), runner_report_html(report),
                         runner_report_csv(report), runner_report_junit(report)};
  enum { JSON, TEXT, HTML, CSV, JUNIT, COUNT };
  const runner_report_file files[] = {{"json", texts[JSON]}, {"txt", texts[TEXT]}, {"html", texts[HTML]}};
  const size_t count = sizeof files / sizeof files[0];
  char path[4096] = "";
  rpc_status status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory");
  bool complete = true;
  for (size_t i = 0; i < COUNT; i++) complete = complete && texts[i] != NULL;
  if (complete) {
    printf("\n%s\n", texts[TEXT]);
    status = runner_report_write(options->reports_dir, report->facts.started_unix_ms, files, count, path, sizeof path);
  }
  if (status.code == RPC_OK && options->csv[0] != '\0') status = runner_report_write_file(options->csv, texts[CSV]);
  if (status.code == RPC_OK && options->junit[0] != '\0') {
    status = runner_report_write_file(options->junit, texts[JUNIT]);
  }
  for (size_t i = 0; i < COUNT; i++) free(texts[i]);
  if (status.code != RPC_OK) return fail("cannot write the report", &status);
  printf("Report: %s (.txt, .html)\n", path);
  return 0;
}

/* Reports what there is to report of a result; the exit code says what is wrong with it, worst first. */
static int conclude(run_state *run, runner_result *result, const runner_run_facts *facts, const runner_search *search) {
  runner_verdict verdicts[RUNNER_LIST_MAX];
  runner_report report = {
      .facts = *facts, .result = result, .verdicts = verdicts, .verdict_count = run->threshold_count};
  if (search != NULL) {
    report.probes = search->probes;
    report.probe_count = search->count;
  }
  runner_measured measured = {facts->elapsed_us, facts->missed};
  runner_result_read_back(result, run->stage.doors[0]);
  read_traces(run, result);
  runner_plugins_end(run->plugins, result, facts->elapsed_us);
  report.sections = runner_plugins_sections(run->plugins, &report.section_count);
  int code = 0;
  for (size_t i = 0; i < run->threshold_count; i++) {
    verdicts[i] = runner_threshold_check(&run->thresholds[i], result, &measured);
    if (!verdicts[i].passed) code = RUNNER_EXIT_THRESHOLD;
  }
  if (publish(run->options, &report) != 0) return RUNNER_EXIT_FAILED;
  for (size_t i = 0; i < run->threshold_count; i++) {
    if (verdicts[i].passed) continue;
    fprintf(stderr, "store-runner: threshold failed: %s (%s)\n", verdicts[i].threshold, verdicts[i].shown);
  }
  bool orders_asked = facts->mix.weights[RUNNER_PLACE_ORDER] > 0;
  bool none_created = orders_asked && runner_result_reached(result, RUNNER_OUTCOME_CREATED) == 0;
  bool nothing_done = result->succeeded == 0 && (!orders_asked || none_created);
  return nothing_done ? RUNNER_EXIT_FAILED : code;
}

static int verify(const run_state *run) {
  bool by_rpc = strcmp(run->options->mode, "rpc") == 0;
  runner_door *door =
      by_rpc ? run->stage.doors[0] : runner_open_door(run->options, "rpc", SPARE_CALLS, run->clock, run->random);
  if (door == NULL) return RUNNER_EXIT_FAILED;
  int code = runner_verify_run(door, llround(run->options->settle * 1000));
  if (!by_rpc) runner_door_destroy(door);
  return code;
}

static int run_search(run_state *run) {
  runner_search search = {0};
  if (run->threshold_count == 0) {
    fputs("store-runner: a search takes at least one --threshold\n", stderr);
    return RUNNER_EXIT_USAGE;
  }
  runner_search_run(&search, &run->stage, run->thresholds, run->threshold_count, &run->facts);
  int code = RUNNER_EXIT_FAILED;
  if (search.best != NULL) code = conclude(run, search.best, &search.best_facts, &search);
  runner_search_free(&search);
  return code;
}

static int run_round(run_state *run) {
  const runner_plugin_run about = {.run_id = run->run_id,
                                   .scenario = run->options->scenario,
                                   .mode = run->options->mode,
                                   .operations = run->facts.orders};
  runner_plugins_start(run->plugins, &about);
  runner_result *result = runner_round(&run->stage, run->run_id, &run->facts);
  if (result == NULL) return RUNNER_EXIT_FAILED;
  int code = conclude(run, result, &run->facts, NULL);
  runner_result_destroy(result);
  return code;
}

static int go(run_state *run) {
  int code = read_settings(run);
  if (code == 0) code = prepare(run);
  if (code != 0) return code;
  code = run->options->search_to > 0 ? run_search(run) : run_round(run);
  if (run->options->verify && code != RUNNER_EXIT_USAGE && verify(run) != 0) code = RUNNER_EXIT_FAILED;
  return code;
}

static runner_run_facts facts_of(const runner_options *options, const char *run_id, rpc_random *random) {
  uint32_t concurrency = (uint32_t)options->concurrency, threads = (uint32_t)options->threads;
  return (runner_run_facts){
      .run_id = run_id,
      .scenario = options->scenario,
      .description = options->description,
      .mode = options->mode,
      .http = options->http,
      .model = options->engine,
      .orders = (uint64_t)options->num_orders,
      .concurrency = concurrency,
      .threads = threads < concurrency ? threads : concurrency,
      .delay_between_batches = options->delay_between_batches,
      .think_time = options->think_time,
      .request_timeout = options->request_timeout,
      .duration = options->duration,
      .warm_up = options->warm_up,
      .arrivals = options->phases,
      .poisson = strcmp(options->arrival, "poisson") == 0,
      .mix = options->mix,
      .data = options->data,
      .seed = options->seed != 0 ? (uint64_t)options->seed : (rpc_random_next(random) >> 32 | 1),
      .restocked = options->no_restock ? -1 : 0,
  };
}

int runner_run(const runner_options *options, rpc_clock *clock, rpc_random *random) {
  run_state run = {.options = options, .clock = clock, .random = random};
  snprintf(run.run_id, sizeof run.run_id, "run-%012" PRIx64, rpc_random_next(random) >> 16);
  run.facts = facts_of(options, run.run_id, random);
  int code = go(&run);
  unblock_signals();
  runner_workload_destroy(run.workload);
  runner_data_destroy(run.data);
  runner_listing_free(&run.products);
  for (uint32_t i = 0; i < run.stage.threads; i++) runner_door_destroy(run.stage.doors[i]);
  runner_plugins_destroy(run.plugins);
  return code;
}
