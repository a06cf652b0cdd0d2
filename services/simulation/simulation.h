/* What makes the demo realistic: one table of delays and failure rates, rolled from a seeded generator.
 * A handler names the step it is about to do; the simulation waits as that step would, may fail the call as a network
 * would, and otherwise says whether the step is to be refused. Profile `none` does nothing and costs nothing. The
 * settings may be changed while calls read them (switches.h). */
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
  SIMULATION_PLACE, /* an order is taken in; in no profile slow or refused */
  SIMULATION_STEP_COUNT
} simulation_step;

enum { SIMULATION_DELAY_MAX_MS = 600000, SIMULATION_TIME_SCALE_MAX = 100 };

/* Rates from 0 to 1, delays in milliseconds at time scale 1. */
typedef struct simulation_settings {
  simulation_profile profile; /* that they began as */
  bool is_switchable;         /* may be changed while the process runs */
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

/* "charge" */
const char *simulation_step_name(simulation_step step);

/* "none" and "demo", by simulation_profile; ended by NULL. */
extern const char *const simulation_profile_names[];

/* STORE_PROFILE (demo, none), then what single variables override: STORE_SIM_TIME_SCALE (0 to 100),
 * STORE_SIM_<STEP>_FAILURE_RATE, STORE_SIM_TIMEOUT_RATE, STORE_SIM_ERROR_RATE, STORE_SIM_<STEP>_MIN_DELAY_MS and
 * _MAX_DELAY_MS. STORE_SIM_SWITCHES (on, off): is_switchable; on in profile demo, off in none, since what is to be
 * relied on should not offer to break. Main thread; see rpc/settings.h. */
simulation_settings simulation_settings_from_environment(void);

/* random, clock and metrics outlive it; metrics may be NULL. NULL without memory. */
simulation *simulation_create(const simulation_settings *settings, rpc_clock *clock, rpc_random *random,
                              metrics_registry *metrics);
void simulation_destroy(simulation *sim);

/* The settings of this moment. From any thread. */
simulation_settings simulation_read(simulation *sim);

/* Lets `change` work on the settings, one change at a time, and takes over what it leaves where it returns RPC_OK:
 * calls that begin from then on go by it. From any thread. */
rpc_status simulation_change(simulation *sim, rpc_status (*change)(simulation_settings *settings, const void *arg),
                             const void *arg);

/* Runs after the wait, on the clock's thread or, where there is no wait, within simulation_run. refused: the step is to
 * be answered as failed by its own rules (a conflict, a declined charge). roll: uniform in [0, 1), for which of them.
 */
typedef void (*simulation_next_fn)(void *arg, bool refused, double roll);

/* Before the effect of a step: waits, then either fails with UNAVAILABLE (reason NETWORK_TIMEOUT or TEMPORARY_ERROR,
 * through failed) or goes on with next; exactly one of them, once. Uses the call's own timer. */
void simulation_run(simulation *sim, simulation_step step, rpc_call *call, simulation_next_fn next,
                    void (*failed)(void *arg, const rpc_status *status), void *arg);
