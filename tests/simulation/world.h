/* The whole store in one process on simulated time: the three services' very code, each on a host of its own
 * (host.h), over a simulated network, from one seed. Nothing waits and nothing runs at the same time, so hours pass in
 * seconds and a seed repeats its run exactly. */
#pragma once

#include "inventory/handlers.h"
#include "order/handlers.h"
#include "payment/handlers.h"
#include "simulation/host.h"
#include "simulation/network.h"
#include "store/v1/inventory.rpc.h"
#include "store/v1/order.rpc.h"
#include "store/v1/payment.rpc.h"

typedef struct store_world store_world;

typedef struct world_config {
  uint64_t seed; /* not 0 */
  simulation_settings simulation;
  network_faults faults;
  bool has_disks;         /* false: databases in memory, and hosts that cannot end early */
  int64_t lease_ms;       /* of reservations; 0: the default */
  event_journal *journal; /* may be NULL; outlives the world */
} world_config;

/* All services run. */
store_world *world_create(const world_config *config);

/* Orderly: no call may be under way, and no host may have ended early. */
void world_destroy(store_world *world);

rpc_clock *world_clock(store_world *world);
rpc_random *world_random(store_world *world);
network *world_network(store_world *world);

/* By the service's name, "order", "payment" or "inventory". */
simulated_host *world_host(store_world *world, const char *service);
simulated_disk *world_disk(store_world *world, const char *service);

/* Clients of the services as somebody outside has them, over the same network, without its faults. */
rpc_client *world_order(store_world *world);
rpc_client *world_payment(store_world *world);
rpc_client *world_inventory(store_world *world);

/* The value of a counter or gauge of the service's present run. */
int64_t world_metric(store_world *world, const char *service, const char *family, const char *const *label_names,
                     const char *const *label_values);

/* Goes on until *done is true; false where nothing is left to happen. */
bool world_run_until(store_world *world, const bool *done);

/* Goes on for some simulated time. */
void world_run_for(store_world *world, int64_t milliseconds);
