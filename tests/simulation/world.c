/* Wires the three services' hosts and their clients on one virtual time. */
#include "simulation/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INVENTORY, PAYMENT, ORDER, SERVICE_COUNT };

enum { START_UNIX_S = 1700000000 };

struct store_world {
  world_config config;
  rpc_clock *clock;
  rpc_random random;
  network *net;
  disk_system *disks;
  simulated_host *hosts[SERVICE_COUNT];
  rpc_client *clients[SERVICE_COUNT];
};

/* --- what runs on the hosts --- */

static void *start_inventory(simulated_host *host, const char *database, rpc_status *status) {
  const store_world *world = host_world(host);
  inventory_service *service =
      inventory_service_create(&(inventory_service_config){.database = database,
                                                           .simulation = world->config.simulation,
                                                           .lease_ms = world->config.lease_ms,
                                                           .clock = host_clock(host),
                                                           .random = host_random(host),
                                                           .metrics = host_metrics(host),
                                                           .faults = host_faults(host)},
                               status);
  if (service) inventory_service_register(service, host_server(host));
  return service;
}

static void stop_inventory(void *service) {
  inventory_service_destroy(service);
}

static void *start_payment(simulated_host *host, const char *database, rpc_status *status) {
  const store_world *world = host_world(host);
  payment_service *service = payment_service_create(&(payment_service_config){.database = database,
                                                                              .simulation = world->config.simulation,
                                                                              .clock = host_clock(host),
                                                                              .random = host_random(host),
                                                                              .metrics = host_metrics(host),
                                                                              .faults = host_faults(host)},
                                                    status);
  if (service) payment_service_register(service, host_server(host));
  return service;
}

static void stop_payment(void *service) {
  payment_service_destroy(service);
}

static rpc_client *connect_from(simulated_host *host, simulated_host *to) {
  return rpc_client_create(&(rpc_client_config){.target = host_name(to),
                                                .transport = network_connect(host_node(host), host_node(to), true),
                                                .clock = host_clock(host),
                                                .random = host_random(host),
                                                .faults = host_faults(host),
                                                .timeout_ms = 120000,
                                                .attempt_timeout_ms = 10000});
}

static void *start_order(simulated_host *host, const char *database, rpc_status *status) {
  store_world *world = host_world(host);
  order_service *service =
      order_service_create(&(order_service_config){.database = database,
                                                   .inventory = connect_from(host, world->hosts[INVENTORY]),
                                                   .payment = connect_from(host, world->hosts[PAYMENT]),
                                                   .clock = host_clock(host),
                                                   .random = host_random(host),
                                                   .metrics = host_metrics(host),
                                                   .faults = host_faults(host)},
                           status);
  if (service) order_service_register(service, host_server(host));
  return service;
}

static void stop_order(void *service) {
  order_service_destroy(service);
}

/* In the order in which they start. */
static const host_program programs[SERVICE_COUNT] = {[INVENTORY] = {"inventory", start_inventory, stop_inventory},
                                                     [PAYMENT] = {"payment", start_payment, stop_payment},
                                                     [ORDER] = {"order", start_order, stop_order}};

/* --- the world --- */

store_world *world_create(const world_config *config) {
  store_world *world = calloc(1, sizeof *world);
  assert(world && config->seed != 0);
  world->config = *config;
  world->clock = rpc_clock_create_virtual(START_UNIX_S * 1000LL);
  rpc_random_init(&world->random, config->seed);
  world->net = network_create(world->clock, &world->random, &config->faults, config->journal);
  if (config->has_disks) world->disks = disk_system_create(&world->random);
  for (int i = 0; i < SERVICE_COUNT; i++) {
    simulated_disk *disk = config->has_disks ? disk_system_disk(world->disks, programs[i].name) : NULL;
    world->hosts[i] = host_create(&(host_config){.program = &programs[i],
                                                 .clock = world->clock,
                                                 .random = &world->random,
                                                 .net = world->net,
                                                 .disk = disk,
                                                 .journal = config->journal,
                                                 .world = world});
    rpc_status status;
    if (!host_start(world->hosts[i], &status)) {
      fprintf(stderr, "%s: %s\n", programs[i].name, status.message);
      abort();
    }
    world->clients[i] =
        rpc_client_create(&(rpc_client_config){.target = programs[i].name,
                                               .transport = network_connect(NULL, host_node(world->hosts[i]), false),
                                               .clock = world->clock,
                                               .random = &world->random,
                                               .timeout_ms = 120000});
  }
  return world;
}

void world_destroy(store_world *world) {
  for (int i = 0; i < SERVICE_COUNT; i++) rpc_client_destroy(world->clients[i]);
  for (int i = SERVICE_COUNT; i-- > 0;) host_destroy(world->hosts[i]);
  disk_system_destroy(world->disks);
  network_destroy(world->net);
  rpc_clock_destroy(world->clock);
  free(world);
}

static int index_of(const char *service) {
  int index = 0;
  while (strcmp(programs[index].name, service) != 0) index++;
  return index;
}

rpc_clock *world_clock(store_world *world) {
  return world->clock;
}

rpc_random *world_random(store_world *world) {
  return &world->random;
}

network *world_network(store_world *world) {
  return world->net;
}

simulated_host *world_host(store_world *world, const char *service) {
  return world->hosts[index_of(service)];
}

simulated_disk *world_disk(store_world *world, const char *service) {
  return disk_system_disk(world->disks, service);
}

rpc_client *world_order(store_world *world) {
  return world->clients[ORDER];
}

rpc_client *world_payment(store_world *world) {
  return world->clients[PAYMENT];
}

rpc_client *world_inventory(store_world *world) {
  return world->clients[INVENTORY];
}

int64_t world_metric(store_world *world, const char *service, const char *family, const char *const *label_names,
                     const char *const *label_values) {
  metrics_registry *metrics = host_metrics(world_host(world, service));
  metrics_family *found = metrics_define(metrics, METRICS_COUNTER, family, "", label_names);
  return metrics_value(metrics_series_get(found, label_values));
}

/* --- time --- */

/* The earliest timer of all fires, with all clocks at its time. False: there is none. */
static bool advance(store_world *world) {
  simulated_host *first = NULL;
  int64_t due_us = rpc_clock_next_us(world->clock);
  for (int i = 0; i < SERVICE_COUNT; i++) {
    int64_t next_us = host_next_us(world->hosts[i]);
    if (next_us < due_us) {
      due_us = next_us;
      first = world->hosts[i];
    }
  }
  if (due_us == INT64_MAX) return false;
  rpc_clock_move(world->clock, due_us);
  for (int i = 0; i < SERVICE_COUNT; i++) host_follow_clock(world->hosts[i]);
  if (first) {
    host_advance(first);
  } else {
    rpc_clock_advance(world->clock);
  }
  return true;
}

bool world_run_until(store_world *world, const bool *done) {
  while (!*done) {
    if (!advance(world)) return false;
  }
  return true;
}

static void ring(void *arg) {
  *(bool *)arg = true;
}

void world_run_for(store_world *world, int64_t milliseconds) {
  bool rung = false;
  rpc_timer timer = {0};
  rpc_clock_set(world->clock, &timer, rpc_clock_now_us(world->clock) + milliseconds * 1000, ring, &rung);
  world_run_until(world, &rung);
}
