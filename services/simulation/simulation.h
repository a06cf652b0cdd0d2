/* What makes the demo realistic: one table of delays and failure rates, rolled from a seeded generator.
 * A handler names the step it is about to do; the simulation waits as that step would, may fail the call as a network
 * would, and otherwise says whether the step is to be refused. Profile `none` does nothing and costs nothing. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "rpc/call.h"
#include "rpc/random.h"
#include "telemetry/metrics.h"

typedef enum simulation_profile { SIMULATION_NONE, SIMULATION_DEMO } simulation_profile;

typedef enum simulation_step {
  SIMULATION_RESERVE,
  SIMULATION_CONFIRM,
  SIMULATION_RELEASE,
  SIMULATION_CHARGE, /* fraud check included */
  SIMULATION_REFUND,
  SIMULATION_STEP_COUNT
} simulation_step;

/* Rates from 0 to 1, delays in milliseconds at time scale 1. */
typedef struct simulation_settings {
  struct {
    int64_t min_delay_ms, max_delay_ms;
    double failure_rate; /* share of calls that reach the step and are refused */
  } steps[SIMULATION_STEP_COUNT];
  double timeout_rate; /* share of calls that time out on the network */
  int64_t min_timeout_ms, max_timeout_ms;
  double error_rate; /* share of calls that meet a temporary service error */
  double time_scale; /* multiplies every delay */
} simulation_settings;

typedef struct simulation simulation;

/* The profile's table. */
simulation_settings simulation_settings_of(simulation_profile profile);

/* STORE_PROFILE (demo, none), then what single variables override: STORE_SIM_TIME_SCALE (0 to 100),
 * STORE_SIM_<STEP>_FAILURE_RATE, STORE_SIM_TIMEOUT_RATE, STORE_SIM_ERROR_RATE, STORE_SIM_<STEP>_MIN_DELAY_MS and
 * _MAX_DELAY_MS. Main thread; see rpc/settings.h. */
simulation_settings simulation_settings_from_environment(void);

/* random, clock and metrics outlive it; metrics may be NULL. NULL without memory. */
simulation *simulation_create(const simulation_settings *settings, rpc_clock *clock, rpc_random *random,
                              metrics_registry *metrics);
void simulation_destroy(simulation *sim);

/* Runs after the wait, on the clock's thread or, where there is no wait, within simulation_run. refused: the step is to
 * be answered as failed by its own rules (a conflict, a declined charge). roll: uniform in [0, 1), for which of them.
 */
typedef void (*simulation_next_fn)(void *arg, bool refused, double roll);

/* Before the effect of a step: waits, then either fails with UNAVAILABLE (reason NETWORK_TIMEOUT or TEMPORARY_ERROR,
 * through failed) or goes on with next; exactly one of them, once. Uses the call's own timer. */
void simulation_run(simulation *sim, simulation_step step, rpc_call *call, simulation_next_fn next,
                    void (*failed)(void *arg, const rpc_status *status), void *arg);
