/* Delays and faults, rolled per call that reaches a step. Called by the handlers of inventory and payment before each
 * effect.
 *
 * What profile `demo` comes to, on paper. An order makes three calls: reserve, charge, confirm.
 *   Faults. An attempt meets a timeout (5 %) or a temporary error (2 %): f = 0.07. The client tries four times, so a
 *   call stays unresolved with f^4 = 0.0024 %: retries recover all but one call in 40,000.
 *   Success. Of the calls that reach the step, 9 % of reservations and 28.5 % of charges are refused, for good:
 *   0.91 * 0.715 * (1 - f^4)^3 = 65.06 %.
 *   Mean of confirmed orders. Steps: (60+140)/2 + (1050+2150)/2 + (20+60)/2 = 100 + 1600 + 40 = 1740 ms. A charge is a
 *   fraud check of 1 to 2 s and an authorisation of 50 to 150 ms, drawn as one. Failed attempts per call:
 *   f / (1 - f) = 0.0753, each costing (5 * 300 + 2 * 3.5) / 7 = 215 ms and a backoff of about 13 ms (full jitter up to
 *   25 ms, then 50): 228 ms. Three calls: 3 * 0.0753 * 228 = 51 ms. In all 1791 ms, and the few ms of real work. */
#include "simulation/simulation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "rpc/settings.h"
#include "simulation/live_settings.h"

typedef enum outcome { OUTCOME_DONE, OUTCOME_REFUSED, OUTCOME_TIMEOUT, OUTCOME_ERROR, OUTCOME_COUNT } outcome;

static const char *const step_names[SIMULATION_STEP_COUNT] = {"reserve", "confirm", "release",
                                                              "charge",  "refund",  "place"};
/* Of the spans that the waits show as. */
static const char *const span_names[SIMULATION_STEP_COUNT] = {"check stock", "confirm stock", "release stock",
                                                              "fraud check", "refund",        "take order in"};
static const char *const outcome_names[OUTCOME_COUNT] = {"done", "refused", "timeout", "error"};

/* A temporary error comes at once: after these milliseconds. */
enum { ERROR_MIN_MS = 2, ERROR_MAX_MS = 5 };

const char *const simulation_profile_names[] = {[SIMULATION_NONE] = "none", [SIMULATION_DEMO] = "demo", NULL};

static const simulation_settings profiles[] = {
    [SIMULATION_NONE] = {.profile = SIMULATION_NONE, .time_scale = 1},
    [SIMULATION_DEMO] = {.profile = SIMULATION_DEMO,
                         .is_switchable = true,
                         .steps = {[SIMULATION_RESERVE] = {60, 140, .09},
                                   [SIMULATION_CONFIRM] = {20, 60, 0},
                                   [SIMULATION_RELEASE] = {20, 60, 0},
                                   [SIMULATION_CHARGE] = {1050, 2150, .285},
                                   [SIMULATION_REFUND] = {50, 150, 0}},
                         .timeout_rate = .05,
                         .min_timeout_ms = 200,
                         .max_timeout_ms = 400,
                         .error_rate = .02,
                         .time_scale = 1},
};

struct simulation {
  live_settings settings;
  atomic_bool quiet; /* nothing to wait for and nothing to fail: no draws, no timers, and no look at the settings */
  rpc_clock *clock;
  rpc_random *random;
  metrics_series *outcomes[SIMULATION_STEP_COUNT][OUTCOME_COUNT]; /* NULL without metrics */
};

/* One call between simulation_run and what follows; in the call's arena. */
typedef struct simulated_wait {
  simulation *simulation;
  rpc_call *call;
  trace_span span;
  outcome outcome;
  double roll;
  simulation_next_fn next;
  void (*failed)(void *arg, const rpc_status *status);
  void *arg;
} simulated_wait;

simulation_settings simulation_settings_of(simulation_profile profile) {
  return profiles[profile];
}

const char *simulation_step_name(simulation_step step) {
  return step_names[step];
}

simulation_settings simulation_settings_from_environment(void) {
  static const char *const switches[] = {"off", "on", NULL};
  simulation_settings settings = profiles[settings_choice("STORE_PROFILE", SIMULATION_DEMO, simulation_profile_names)];
  settings.is_switchable = settings_choice("STORE_SIM_SWITCHES", settings.is_switchable, switches) == 1;
  settings.time_scale = settings_decimal("STORE_SIM_TIME_SCALE", settings.time_scale, 0, SIMULATION_TIME_SCALE_MAX);
  settings.timeout_rate = settings_decimal("STORE_SIM_TIMEOUT_RATE", settings.timeout_rate, 0, 1);
  settings.error_rate = settings_decimal("STORE_SIM_ERROR_RATE", settings.error_rate, 0, 1);
  for (int i = 0; i < SIMULATION_STEP_COUNT; i++) {
    char service[32], name[64];
    snprintf(service, sizeof(service), "sim_%s", step_names[i]);
    settings.steps[i].failure_rate =
        settings_decimal(settings_name(name, service, "FAILURE_RATE"), settings.steps[i].failure_rate, 0, 1);
    int64_t min = settings_integer(settings_name(name, service, "MIN_DELAY_MS"), settings.steps[i].min_delay_ms, 0,
                                   SIMULATION_DELAY_MAX_MS);
    int64_t max = min > settings.steps[i].max_delay_ms ? min : settings.steps[i].max_delay_ms;
    settings.steps[i].min_delay_ms = min;
    settings.steps[i].max_delay_ms =
        settings_integer(settings_name(name, service, "MAX_DELAY_MS"), max, min, SIMULATION_DELAY_MAX_MS);
  }
  return settings;
}

static bool settings_are_quiet(const simulation_settings *settings) {
  bool quiet = settings->timeout_rate <= 0 && settings->error_rate <= 0;
  for (int i = 0; i < SIMULATION_STEP_COUNT; i++) {
    quiet = quiet && settings->steps[i].failure_rate <= 0 && settings->steps[i].max_delay_ms <= 0;
  }
  return quiet;
}

simulation *simulation_create(const simulation_settings *settings, rpc_clock *clock, rpc_random *random,
                              metrics_registry *metrics) {
  simulation *sim = calloc(1, sizeof(*sim));
  if (sim == NULL) return NULL;
  live_settings_init(&sim->settings, settings);
  atomic_init(&sim->quiet, settings_are_quiet(settings));
  sim->clock = clock;
  sim->random = random;
  if (metrics == NULL || (settings_are_quiet(settings) && !settings->is_switchable)) return sim;
  metrics_family *family = metrics_define(metrics, METRICS_COUNTER, "simulation_outcomes_total",
                                          "What the simulation made of the attempts that reached a step.",
                                          (const char *const[]){"step", "outcome", NULL});
  for (int step = 0; step < SIMULATION_STEP_COUNT; step++) {
    for (int i = 0; i < OUTCOME_COUNT; i++) {
      sim->outcomes[step][i] = metrics_series_get(family, (const char *const[]){step_names[step], outcome_names[i]});
    }
  }
  return sim;
}

void simulation_destroy(simulation *sim) {
  if (sim == NULL) return;
  live_settings_destroy(&sim->settings);
  free(sim);
}

simulation_settings simulation_read(simulation *sim) {
  simulation_settings settings;
  live_settings_read(&sim->settings, &settings);
  return settings;
}

rpc_status simulation_change(simulation *sim, rpc_status (*change)(simulation_settings *settings, const void *arg),
                             const void *arg) {
  pthread_mutex_lock(&sim->settings.lock);
  simulation_settings settings = simulation_read(sim);
  rpc_status status = change(&settings, arg);
  if (status.code == RPC_OK) {
    live_settings_write(&sim->settings, &settings);
    atomic_store(&sim->quiet, settings_are_quiet(&settings));
  }
  pthread_mutex_unlock(&sim->settings.lock);
  return status;
}

/* Rolls what becomes of an attempt at a step, and how long it takes. */
static outcome roll_outcome(simulation *sim, simulation_step step, int64_t *delay_us) {
  simulation_settings settings = simulation_read(sim);
  double fault = rpc_random_unit(sim->random);
  int64_t min_ms = settings.steps[step].min_delay_ms;
  int64_t max_ms = settings.steps[step].max_delay_ms;
  outcome result = OUTCOME_DONE;
  if (fault < settings.timeout_rate) {
    result = OUTCOME_TIMEOUT;
    min_ms = settings.min_timeout_ms;
    max_ms = settings.max_timeout_ms;
  } else if (fault < settings.timeout_rate + settings.error_rate) {
    result = OUTCOME_ERROR;
    min_ms = ERROR_MIN_MS;
    max_ms = ERROR_MAX_MS;
  } else if (rpc_random_unit(sim->random) < settings.steps[step].failure_rate) {
    result = OUTCOME_REFUSED;
  }
  int64_t drawn_us = rpc_random_between(sim->random, min_ms * 1000, max_ms * 1000);
  *delay_us = llround((double)drawn_us * settings.time_scale);
  return result;
}

/* The wait is over. A caller that has gone meanwhile gets no effect any more. */
static void wait_ended(void *arg) {
  simulated_wait *wait = arg;
  rpc_status status;
  if (wait->outcome == OUTCOME_TIMEOUT) {
    status = rpc_status_error(RPC_UNAVAILABLE, "NETWORK_TIMEOUT", "the network timed out (simulated)");
  } else if (wait->outcome == OUTCOME_ERROR) {
    status = rpc_status_error(RPC_UNAVAILABLE, "TEMPORARY_ERROR", "a temporary service error (simulated)");
  } else if (rpc_clock_now_us(wait->simulation->clock) >= rpc_call_deadline_us(wait->call)) {
    status = rpc_status_error(RPC_DEADLINE_EXCEEDED, "", "the caller's time ran out before the step was done");
  } else {
    rpc_call_span_end(wait->call, &wait->span, RPC_OK, NULL);
    wait->next(wait->arg, wait->outcome == OUTCOME_REFUSED, wait->roll);
    return;
  }
  rpc_call_span_end(wait->call, &wait->span, (int)status.code, status.reason);
  wait->failed(wait->arg, &status);
}

void simulation_run(simulation *sim, simulation_step step, rpc_call *call, simulation_next_fn next,
                    void (*failed)(void *arg, const rpc_status *status), void *arg) {
  if (atomic_load_explicit(&sim->quiet, memory_order_relaxed)) {
    next(arg, false, 0);
    return;
  }
  simulated_wait *wait = rpc_arena_alloc(rpc_call_arena(call), sizeof(*wait));
  if (wait == NULL) {
    rpc_status status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory left for this call");
    failed(arg, &status);
    return;
  }
  int64_t delay_us = 0;
  outcome result = roll_outcome(sim, step, &delay_us);
  trace_span span = rpc_call_span_start(call, span_names[step]);
  *wait = (simulated_wait){sim, call, span, result, rpc_random_unit(sim->random), next, failed, arg};
  if (sim->outcomes[step][result] != NULL) metrics_add(sim->outcomes[step][result], 1);
  if (delay_us == 0) {
    wait_ended(wait);
    return;
  }
  rpc_clock_set(sim->clock, rpc_call_timer(call), rpc_clock_now_us(sim->clock) + delay_us, wait_ended, wait);
}
