/* A simulated host: one service, its server and its clock, on a disk of its own. It can be started, and ended at any
 * instant as kill -9 or a power cut would, any number of times. What ended is not unwound: its code runs on to its next
 * return, unheard by disk and network; its memory stays until the world's process ends. */
#pragma once

#include "rpc/server.h"
#include "simulation/disk.h"
#include "simulation/journal.h"
#include "simulation/network.h"

typedef struct simulated_host simulated_host;

/* What runs there. */
typedef struct host_program {
  const char *name;
  /* Creates the service and registers it with the host's server; NULL with the reason in *status. */
  void *(*start)(simulated_host *host, const char *database, rpc_status *status);
  void (*stop)(void *service);
} host_program;

typedef enum host_end { HOST_KILLED, HOST_POWER_CUT } host_end;

typedef struct host_config {
  const host_program *program;
  rpc_clock *clock; /* the world's: its own goes the same */
  rpc_random *random;
  network *net;
  simulated_disk *disk; /* NULL: the database is in memory, and the host cannot end early */
  event_journal *journal;
  void *world; /* for the program */
} host_config;

simulated_host *host_create(const host_config *config);

/* Stops the service where it runs: orderly, nothing may be under way. */
void host_destroy(simulated_host *host);

/* False where it could not start, with the reason in *status, or ended while it did. Not while it runs. */
bool host_start(simulated_host *host, rpc_status *status);

bool host_is_up(const simulated_host *host);

/* From within its own code too. Without effect where it is down. */
void host_stop_at_once(simulated_host *host, host_end how);

/* Ends it when it reaches the point for the times-th time from now (see fault_plan.h). */
void host_end_at_point(simulated_host *host, fault_point point, int times, host_end how);

/* Ends it instead of the operation-th change to its disk from now, or, where it is down, from its start. */
void host_end_at_operation(simulated_host *host, uint32_t operation, host_end how);

/* --- its parts, of the present run --- */

const char *host_name(const simulated_host *host);
void *host_world(const simulated_host *host);
network_node *host_node(simulated_host *host);
rpc_server *host_server(simulated_host *host);
rpc_clock *host_clock(simulated_host *host);
rpc_random *host_random(simulated_host *host);
metrics_registry *host_metrics(simulated_host *host);
fault_plan *host_faults(simulated_host *host);

/* --- time, for the world that has several hosts --- */

/* When its next timer is due, on the world's clock; INT64_MAX: none. */
int64_t host_next_us(const simulated_host *host);

/* Brings its clock to the world's. */
void host_follow_clock(simulated_host *host);

/* Fires that timer. */
void host_advance(simulated_host *host);
