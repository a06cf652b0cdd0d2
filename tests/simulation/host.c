/* A run is everything that a process has in memory. The host goes from run to run. */
#include "simulation/host.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct host_run {
  simulated_host *host;
  bool is_over;
  host_end ends_how; /* when a point or an operation that was set is reached */
  int64_t born_us;   /* the world's time at which its clock began */
  rpc_clock *clock;
  fault_plan faults;
  metrics_registry *metrics;
  rpc_server *server;
  void *service;
} host_run;

struct simulated_host {
  host_config config;
  network_node *node;
  host_run *run;           /* the present one, or the last */
  uint32_t next_operation; /* of host_end_at_operation, for the next run */
  host_end next_ends_how;
};

simulated_host *host_create(const host_config *config) {
  simulated_host *host = calloc(1, sizeof *host);
  if (!host) abort();
  host->config = *config;
  host->node = network_node_create(config->net, config->program->name);
  return host;
}

static void end_run(host_run *run, host_end how) {
  if (run->is_over) return;
  simulated_host *host = run->host;
  run->is_over = true;
  if (how == HOST_POWER_CUT) {
    disk_cut_power(host->config.disk);
  } else {
    disk_detach(host->config.disk);
  }
  network_node_down(host->node);
  if (host->config.journal) {
    journal_note(host->config.journal, rpc_clock_now_us(host->config.clock),
                 how == HOST_POWER_CUT ? "power cut" : "killed", host->config.program->name, "", 0);
  }
}

static void end_as_set(void *arg) {
  host_run *run = arg;
  end_run(run, run->ends_how);
}

bool host_start(simulated_host *host, rpc_status *status) {
  *status = rpc_status_ok();
  const host_config *config = &host->config;
  host_run *run = calloc(1, sizeof *run);
  if (!run) abort();
  run->host = host;
  run->born_us = rpc_clock_now_us(config->clock);
  run->clock = rpc_clock_create_virtual(rpc_clock_unix_ms(config->clock));
  run->faults = (fault_plan){.point = FAULT_POINT_COUNT, .reached = end_as_set, .arg = run};
  run->metrics = metrics_registry_create();
  host->run = run;
  run->server = rpc_server_create(&(rpc_server_config){.name = config->program->name,
                                                       .clock = run->clock,
                                                       .random = config->random,
                                                       .metrics = run->metrics,
                                                       .faults = &run->faults});
  if (host->next_operation > 0) host_end_at_operation(host, host->next_operation, host->next_ends_how);
  host->next_operation = 0;
  char database[64] = ":memory:";
  if (config->disk) {
    disk_attach(config->disk);
    snprintf(database, sizeof database, "%s.db", config->program->name);
  }
  network_node_up(host->node, run->server); /* its clients are heard from here on */
  run->service = config->program->start(host, database, status);
  if (!run->service) end_run(run, HOST_KILLED);
  return !run->is_over;
}

void host_destroy(simulated_host *host) {
  host_run *run = host->run;
  if (host_is_up(host)) {
    host->config.program->stop(run->service);
    rpc_server_destroy(run->server);
    metrics_registry_destroy(run->metrics);
    rpc_clock_destroy(run->clock);
    free(run);
  }
  network_node_destroy(host->node);
  free(host);
}

bool host_is_up(const simulated_host *host) {
  return host->run && !host->run->is_over;
}

void host_stop_at_once(simulated_host *host, host_end how) {
  if (host_is_up(host)) end_run(host->run, how);
}

void host_end_at_point(simulated_host *host, fault_point point, int times, host_end how) {
  host->run->ends_how = how;
  host->run->faults.point = point;
  atomic_store(&host->run->faults.left, times);
}

void host_end_at_operation(simulated_host *host, uint32_t operation, host_end how) {
  if (!host_is_up(host)) {
    host->next_operation = operation;
    host->next_ends_how = how;
    return;
  }
  host->run->ends_how = how;
  disk_set_trap(host->config.disk, operation, end_as_set, host->run);
}

const char *host_name(const simulated_host *host) {
  return host->config.program->name;
}

void *host_world(const simulated_host *host) {
  return host->config.world;
}

network_node *host_node(simulated_host *host) {
  return host->node;
}

rpc_server *host_server(simulated_host *host) {
  return host->run->server;
}

rpc_clock *host_clock(simulated_host *host) {
  return host->run->clock;
}

rpc_random *host_random(simulated_host *host) {
  return host->config.random;
}

metrics_registry *host_metrics(simulated_host *host) {
  return host->run->metrics;
}

fault_plan *host_faults(simulated_host *host) {
  return &host->run->faults;
}

int64_t host_next_us(const simulated_host *host) {
  if (!host_is_up(host)) return INT64_MAX;
  int64_t next_us = rpc_clock_next_us(host->run->clock);
  return next_us == INT64_MAX ? next_us : host->run->born_us + next_us;
}

void host_follow_clock(simulated_host *host) {
  if (!host_is_up(host)) return;
  rpc_clock_move(host->run->clock, rpc_clock_now_us(host->config.clock) - host->run->born_us);
}

void host_advance(simulated_host *host) {
  rpc_clock_advance(host->run->clock);
}
