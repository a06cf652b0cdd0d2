/* See round.h. The engines run on threads of their own; this one shows progress and waits for signals. */
#include "runner/round.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "rpc/settings.h"
#include "runner/progress.h"

enum { TICK_MS = 100, INTERRUPTED_EXIT = 130, UNKNOWN_MAX = 2000000, USER_RATE_MAX = 200, OVERTIME_MAX_US = 5000000 };

/* The schedule with the warm-up, which goes at the first rate. */
static runner_arrivals arrivals_of(const runner_run_facts *facts) {
  runner_arrivals all = {.count = 0};
  double first = facts->arrivals.phases[0].from;
  if (facts->warm_up > 0) all.phases[all.count++] = (runner_phase){llround(facts->warm_up * 1e6), first, first};
  for (size_t i = 0; i < facts->arrivals.count; i++) all.phases[all.count++] = facts->arrivals.phases[i];
  return all;
}

static runner_engine_plan plan_of(const runner_run_facts *facts) {
  runner_engine_plan plan = {
      .model = facts->model,
      .operations = facts->orders,
      .concurrency = facts->concurrency,
      .delay_us = llround(facts->delay_between_batches * 1e6),
      .think_us = llround(facts->think_time * 1e6),
      .warm_up_us = llround(facts->warm_up * 1e6),
      .duration_us = llround(facts->duration * 1e6),
      .arrivals = arrivals_of(facts),
      .poisson = facts->poisson,
      .overtime_us = llround(facts->request_timeout * 1e6),
      .seed = facts->seed,
  };
  if (plan.overtime_us > OVERTIME_MAX_US) plan.overtime_us = OVERTIME_MAX_US;
  return plan;
}

/* Operations that a round can come to, at most where that is known. */
static double operations_expected(const runner_run_facts *facts) {
  double seconds = facts->duration + facts->warm_up, most = UNKNOWN_MAX;
  double warm_up = facts->model == RUNNER_RATE && facts->arrivals.count > 0
                       ? facts->warm_up * facts->arrivals.phases[0].from
                       : facts->warm_up * facts->concurrency;
  if (facts->orders > 0) return (double)facts->orders + warm_up;
  if (facts->model == RUNNER_RATE) return runner_arrivals_total(&facts->arrivals) + warm_up + 1;
  double rate_of_user = facts->think_time > 1.0 / USER_RATE_MAX ? 1 / facts->think_time : USER_RATE_MAX;
  return fmin(most, seconds * facts->concurrency * rate_of_user);
}

static bool restock(const runner_stage *stage, const char *run_id, runner_run_facts *facts) {
  if (stage->options->no_restock) return true;
  double weights = 0;
  for (size_t i = 0; i < RUNNER_KIND_COUNT; i++) weights += facts->mix.weights[i];
  double taking = facts->mix.weights[RUNNER_PLACE_ORDER] + facts->mix.weights[RUNNER_RESERVE_RELEASE];
  uint64_t orders = (uint64_t)ceil(operations_expected(facts) * taking / weights);
  int64_t restocked = 0;
  rpc_status status = runner_workload_restock(stage->workload, orders, stage->doors[0], run_id, &restocked);
  facts->restocked += restocked;
  if (status.code == RPC_OK) return true;
  fprintf(stderr, "store-runner: cannot restock: %s: %s\n", rpc_code_name(status.code), status.message);
  return false;
}

static double cpu_seconds(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* SIG_BLOCK or SIG_UNBLOCK, for this thread: unblocked, they end the process. */
static sigset_t set_signals(int how) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(how, &signals, NULL);
  return signals;
}

/* Waits a tick for a signal. The first one stops the run, the second one the process. */
static void watch_signals(const sigset_t *signals, runner_crew *crew, bool *interrupted) {
  if (sigtimedwait(signals, NULL, &(struct timespec){.tv_nsec = TICK_MS * 1000000L}) < 0) return;
  if (*interrupted) _exit(INTERRUPTED_EXIT);
  *interrupted = true;
  runner_crew_stop(crew);
}

static int64_t expected_us(const runner_run_facts *facts) {
  int64_t warm_up_us = llround(facts->warm_up * 1e6);
  if (facts->model == RUNNER_RATE) return runner_arrivals_duration_us(&facts->arrivals) + warm_up_us;
  return facts->duration > 0 ? llround(facts->duration * 1e6) + warm_up_us : 0;
}

/* Until the crew is done. False without memory. */
static bool watch(const runner_stage *stage, runner_crew *crew, const sigset_t *signals, runner_run_facts *facts) {
  runner_live live = {.latency = runner_histogram_create()};
  if (live.latency == NULL) return false;
  bool colour = settings_text("NO_COLOR", NULL) == NULL;
  runner_progress progress = runner_progress_begin(stdout, facts->orders, expected_us(facts), colour);
  runner_engine_progress state;
  do {
    watch_signals(signals, crew, &facts->interrupted);
    runner_histogram_destroy(live.latency);
    live = (runner_live){.latency = runner_histogram_create()};
    state = runner_crew_progress(crew);
    if (live.latency == NULL) continue;
    runner_crew_live(crew, &live);
    runner_plugins_tick(stage->plugins, &state);
    runner_progress_show(&progress, &state, &live, state.ended);
  } while (!state.ended);
  runner_histogram_destroy(live.latency);
  return true;
}

/* What is known when it has ended. */
static void close_facts(runner_crew *crew, runner_run_facts *facts, double cpu_before) {
  runner_engine_progress state = runner_crew_progress(crew);
  double seconds = (double)state.elapsed_us / 1e6;
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  double usable = facts->threads;
  if (strcmp(facts->mode, "rpc") == 0 || usable > (double)cores) usable = (double)cores;
  facts->cpu_s = cpu_seconds() - cpu_before;
  facts->cpu_share = seconds > 0 && usable > 0 ? facts->cpu_s / seconds / usable : 0;
  facts->missed = state.missed;
  int64_t warm_up_us = llround(facts->warm_up * 1e6);
  facts->elapsed_us = state.elapsed_us > warm_up_us ? state.elapsed_us - warm_up_us : 0;
}

runner_result *runner_round(const runner_stage *stage, const char *run_id, runner_run_facts *facts) {
  if (!restock(stage, run_id, facts)) return NULL;
  runner_crew_config config = {
      .plan = plan_of(facts),
      .workload = stage->workload,
      .mix = &facts->mix,
      .run_id = run_id,
      .clock = stage->clock,
      .plugins = stage->plugins,
      .doors = stage->doors,
      .threads = stage->threads,
  };
  rpc_status status;
  runner_crew *crew = runner_crew_create(&config, &status);
  if (crew == NULL) {
    fprintf(stderr, "store-runner: cannot begin: %s: %s\n", rpc_code_name(status.code), status.message);
    return NULL;
  }
  double cpu_before = cpu_seconds();
  facts->started_unix_ms = rpc_clock_unix_ms(stage->clock);
  /* Before there are threads, which would take a signal that comes while this one draws, and die of it. */
  sigset_t signals = set_signals(SIG_BLOCK);
  bool started = runner_crew_start(crew);
  if (!started) {
    fputs("store-runner: cannot start a thread\n", stderr);
    runner_crew_stop(crew);
  }
  bool watched = started && watch(stage, crew, &signals, facts);
  runner_result *result = runner_crew_end(crew);
  set_signals(SIG_UNBLOCK);
  close_facts(crew, facts, cpu_before);
  runner_crew_destroy(crew);
  if (watched) return result;
  runner_result_destroy(result);
  return NULL;
}
