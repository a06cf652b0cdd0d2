/* Live switches: the answers to GetSimulation and UpdateSimulation, which every service has for the steps that are its
 * own. Called by the services' handlers. */
#pragma once

#include "simulation/simulation.h"
#include "store/v1/simulation.pb-c.h"
#include "telemetry/log.h"

/* What of the simulation is one service's. */
typedef struct simulation_share {
  const char *service;
  simulation_step first, last;
  bool has_network; /* meets timeouts and temporary errors in profile demo */
} simulation_share;

/* The profile as this service has it. */
simulation_settings simulation_share_profile(const simulation_share *share, simulation_profile profile);

/* Answers the call with the settings, from now on. */
void simulation_answer(simulation *sim, const simulation_share *share, rpc_call *call);

/* Changes them all or none, writes the change to the log with the call's correlation id, and answers the call:
 * PERMISSION_DENIED (SIMULATION_FIXED) where they may not be changed, INVALID_ARGUMENT with the field for a value out
 * of its range. log may be NULL. */
void simulation_update(simulation *sim, const simulation_share *share, rpc_call *call,
                       const Store__V1__UpdateSimulationRequest *request, log_sink *log);
