/* A request's fields onto a copy of the settings, which takes the old one's place where all of them are in range. */
#include "simulation/switches.h"

#include <stdio.h>
#include <string.h>

#include "validation/validation.h"

/* What the services' rules know a refusal of. */
static const bool is_refusable[SIMULATION_STEP_COUNT] = {
    [SIMULATION_RESERVE] = true, [SIMULATION_CHARGE] = true, [SIMULATION_PLACE] = true};

enum { LINE_MAX_BYTES = 512 };

/* What simulation_change passes on. */
typedef struct change {
  const simulation_share *share;
  const Store__V1__UpdateSimulationRequest *request;
} change;

simulation_settings simulation_share_profile(const simulation_share *share, simulation_profile profile) {
  simulation_settings settings = simulation_settings_of(profile);
  if (!share->has_network) settings.timeout_rate = settings.error_rate = 0;
  return settings;
}

/* --- reading --- */

static bool is_changed(const simulation_share *share, const simulation_settings *settings) {
  simulation_settings from = simulation_share_profile(share, settings->profile);
  bool same = settings->time_scale == from.time_scale && settings->timeout_rate == from.timeout_rate &&
              settings->error_rate == from.error_rate;
  for (simulation_step step = share->first; step <= share->last; step++) {
    same = same && settings->steps[step].failure_rate == from.steps[step].failure_rate &&
           settings->steps[step].min_delay_ms == from.steps[step].min_delay_ms &&
           settings->steps[step].max_delay_ms == from.steps[step].max_delay_ms;
  }
  return !same;
}

void simulation_answer(simulation *sim, const simulation_share *share, rpc_call *call) {
  simulation_settings settings = simulation_read(sim);
  Store__V1__Simulation message = STORE__V1__SIMULATION__INIT;
  Store__V1__SimulationStep steps[SIMULATION_STEP_COUNT], *pointers[SIMULATION_STEP_COUNT];
  message.service = (char *)share->service;
  message.profile = (char *)simulation_profile_names[settings.profile];
  message.is_changed = is_changed(share, &settings);
  message.is_switchable = settings.is_switchable;
  message.time_scale = settings.time_scale;
  message.timeout_rate = settings.timeout_rate;
  message.error_rate = settings.error_rate;
  message.steps = pointers;
  for (simulation_step step = share->first; step <= share->last; step++) {
    Store__V1__SimulationStep *at = pointers[message.n_steps] = &steps[message.n_steps];
    message.n_steps++;
    store__v1__simulation_step__init(at);
    at->step = (char *)simulation_step_name(step);
    at->failure_rate = settings.steps[step].failure_rate;
    at->min_delay_ms = (int32_t)settings.steps[step].min_delay_ms;
    at->max_delay_ms = (int32_t)settings.steps[step].max_delay_ms;
    at->is_refusable = is_refusable[step];
  }
  rpc_call_reply(call, &message.base);
}

/* --- changing --- */

/* NaN is in no range. */
static rpc_status set_number(const char *field, double value, double max, double *setting) {
  if (!(value >= 0 && value <= max)) return rpc_status_invalid(field, "must be from 0 to %g, not %g", max, value);
  *setting = value;
  return rpc_status_ok();
}

static rpc_status set_profile(const simulation_share *share, const char *name, simulation_settings *settings) {
  if (name[0] == '\0') return rpc_status_ok();
  for (int i = 0; simulation_profile_names[i]; i++) {
    if (strcmp(simulation_profile_names[i], name) != 0) continue;
    bool is_switchable = settings->is_switchable;
    *settings = simulation_share_profile(share, (simulation_profile)i);
    settings->is_switchable = is_switchable;
    return rpc_status_ok();
  }
  return rpc_status_invalid("profile", "must be demo or none, or empty");
}

/* Of this service's; SIMULATION_STEP_COUNT where none has that name. */
static simulation_step find_step(const simulation_share *share, const char *name) {
  for (simulation_step step = share->first; step <= share->last; step++) {
    if (strcmp(simulation_step_name(step), name) == 0) return step;
  }
  return SIMULATION_STEP_COUNT;
}

static rpc_status set_step(const simulation_share *share, const Store__V1__SimulationStepChange *wanted, size_t index,
                           simulation_settings *settings) {
  char field[96];
  rpc_status status = rpc_status_ok();
  simulation_step step = find_step(share, wanted->step);
  if (step == SIMULATION_STEP_COUNT) {
    return rpc_status_invalid(validation_field_at(field, "steps", index, "step"), "'%.32s' is no step of this service",
                              wanted->step);
  }
  if (wanted->optional_failure_rate_case && !is_refusable[step]) {
    status = rpc_status_invalid(validation_field_at(field, "steps", index, "failure_rate"), "a %s cannot be refused",
                                wanted->step);
  } else if (wanted->optional_failure_rate_case) {
    status = set_number(validation_field_at(field, "steps", index, "failure_rate"), wanted->failure_rate, 1,
                        &settings->steps[step].failure_rate);
  }
  if (status.code == RPC_OK && wanted->optional_min_delay_ms_case) {
    settings->steps[step].min_delay_ms = wanted->min_delay_ms;
    status = validation_check_range(validation_field_at(field, "steps", index, "min_delay_ms"), wanted->min_delay_ms, 0,
                                    SIMULATION_DELAY_MAX_MS);
  }
  if (status.code == RPC_OK && wanted->optional_max_delay_ms_case) {
    settings->steps[step].max_delay_ms = wanted->max_delay_ms;
  }
  if (status.code != RPC_OK) return status;
  return validation_check_range(validation_field_at(field, "steps", index, "max_delay_ms"),
                                settings->steps[step].max_delay_ms, settings->steps[step].min_delay_ms,
                                SIMULATION_DELAY_MAX_MS);
}

static rpc_status apply(simulation_settings *settings, const void *arg) {
  const change *wanted = arg;
  const Store__V1__UpdateSimulationRequest *request = wanted->request;
  if (!settings->is_switchable) {
    return rpc_status_error(RPC_PERMISSION_DENIED, "SIMULATION_FIXED",
                            "this process takes no changes of what it simulates: see STORE_SIM_SWITCHES");
  }
  rpc_status status = set_profile(wanted->share, request->profile, settings);
  if (status.code == RPC_OK && request->optional_time_scale_case) {
    status = set_number("time_scale", request->time_scale, SIMULATION_TIME_SCALE_MAX, &settings->time_scale);
  }
  if (status.code == RPC_OK && request->optional_timeout_rate_case) {
    status = set_number("timeout_rate", request->timeout_rate, 1, &settings->timeout_rate);
  }
  if (status.code == RPC_OK && request->optional_error_rate_case) {
    status = set_number("error_rate", request->error_rate, 1, &settings->error_rate);
  }
  for (size_t i = 0; status.code == RPC_OK && i < request->n_steps; i++) {
    status = set_step(wanted->share, request->steps[i], i, settings);
  }
  return status;
}

/* "demo; time scale 1, timeouts 0.05, errors 0.02; charge 0.285 1050-2150 ms; …" */
static void describe(const simulation_share *share, const simulation_settings *settings, char text[LINE_MAX_BYTES]) {
  int length = snprintf(text, LINE_MAX_BYTES, "%s; time scale %g, timeouts %g, errors %g",
                        simulation_profile_names[settings->profile], settings->time_scale, settings->timeout_rate,
                        settings->error_rate);
  for (simulation_step step = share->first; step <= share->last && length < LINE_MAX_BYTES; step++) {
    length += snprintf(text + length, (size_t)(LINE_MAX_BYTES - length), "; %s %g %d-%d ms", simulation_step_name(step),
                       settings->steps[step].failure_rate, (int)settings->steps[step].min_delay_ms,
                       (int)settings->steps[step].max_delay_ms);
  }
}

void simulation_update(simulation *sim, const simulation_share *share, rpc_call *call,
                       const Store__V1__UpdateSimulationRequest *request, log_sink *log) {
  rpc_status status = simulation_change(sim, apply, &(change){share, request});
  if (status.code != RPC_OK) {
    rpc_call_fail(call, &status);
    return;
  }
  simulation_settings settings = simulation_read(sim);
  char text[LINE_MAX_BYTES];
  describe(share, &settings, text);
  log_at(log, LOG_WARN, "the simulation was changed", LOG_TEXT("simulation", text),
         LOG_TEXT("correlation_id", rpc_call_correlation_id(call)));
  simulation_answer(sim, share, call);
}
