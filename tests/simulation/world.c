/* Wires the three services, their servers and their clients on one virtual clock. */
#include "simulation/world.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulation/network.h"

enum { INVENTORY, PAYMENT, ORDER, SERVICE_COUNT };
static const char *const names[SERVICE_COUNT] = {"inventory", "payment", "order"};

enum { START_UNIX_S = 1700000000 };

struct store_world {
  rpc_clock *clock;
  rpc_random random;
  world_faults faults;
  network *net;
  metrics_registry *metrics[SERVICE_COUNT];
  rpc_server *servers[SERVICE_COUNT];
  rpc_client *clients[SERVICE_COUNT];
  char databases[SERVICE_COUNT][4096];
  inventory_service *inventory;
  payment_service *payment;
  order_service *order;
};

static rpc_client *connect_to(store_world *world, int service, bool faulty) {
  return rpc_client_create(
      &(rpc_client_config){.target = names[service],
                           .transport = network_connect(world->net, world->servers[service], faulty),
                           .clock = world->clock,
                           .random = &world->random,
                           .timeout_ms = 120000,
                           .attempt_timeout_ms = faulty ? 10000 : 0});
}

static void check(const rpc_status *status) {
  if (status->code == RPC_OK) return;
  fprintf(stderr, "world: %s\n", status->message);
  abort();
}

static void create_services(store_world *world, const simulation_settings *settings) {
  rpc_status status;
  world->inventory = inventory_service_create(&(inventory_service_config){.database = world->databases[INVENTORY],
                                                                          .simulation = *settings,
                                                                          .clock = world->clock,
                                                                          .random = &world->random,
                                                                          .metrics = world->metrics[INVENTORY]},
                                              &status);
  check(&status);
  inventory_service_register(world->inventory, world->servers[INVENTORY]);
  world->payment = payment_service_create(&(payment_service_config){.database = world->databases[PAYMENT],
                                                                    .simulation = *settings,
                                                                    .clock = world->clock,
                                                                    .random = &world->random,
                                                                    .metrics = world->metrics[PAYMENT]},
                                          &status);
  check(&status);
  payment_service_register(world->payment, world->servers[PAYMENT]);
  world->order = order_service_create(&(order_service_config){.database = world->databases[ORDER],
                                                              .inventory = connect_to(world, INVENTORY, true),
                                                              .payment = connect_to(world, PAYMENT, true),
                                                              .clock = world->clock,
                                                              .random = &world->random,
                                                              .metrics = world->metrics[ORDER]},
                                      &status);
  check(&status);
  order_service_register(world->order, world->servers[ORDER]);
}

store_world *world_create(uint64_t seed, const simulation_settings *settings, const world_faults *faults,
                          const char *data_dir) {
  store_world *world = calloc(1, sizeof *world);
  assert(world && seed != 0);
  world->clock = rpc_clock_create_virtual(START_UNIX_S * 1000LL);
  rpc_random_init(&world->random, seed);
  if (faults) world->faults = *faults;
  world->net = network_create(world->clock, &world->random, &world->faults);
  for (int i = 0; i < SERVICE_COUNT; i++) {
    if (data_dir) {
      snprintf(world->databases[i], sizeof world->databases[i], "%s/%s.db", data_dir, names[i]);
    } else {
      strcpy(world->databases[i], ":memory:");
    }
    world->metrics[i] = metrics_registry_create();
    world->servers[i] = rpc_server_create(&(rpc_server_config){
        .name = names[i], .clock = world->clock, .random = &world->random, .metrics = world->metrics[i]});
  }
  create_services(world, settings);
  for (int i = 0; i < SERVICE_COUNT; i++) world->clients[i] = connect_to(world, i, false);
  return world;
}

void world_destroy(store_world *world) {
  for (int i = 0; i < SERVICE_COUNT; i++) rpc_client_destroy(world->clients[i]);
  order_service_destroy(world->order);
  payment_service_destroy(world->payment);
  inventory_service_destroy(world->inventory);
  for (int i = 0; i < SERVICE_COUNT; i++) {
    rpc_server_destroy(world->servers[i]);
    metrics_registry_destroy(world->metrics[i]);
  }
  network_destroy(world->net);
  rpc_clock_destroy(world->clock);
  free(world);
}

rpc_clock *world_clock(store_world *world) {
  return world->clock;
}

rpc_random *world_random(store_world *world) {
  return &world->random;
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

static int index_of(const char *service) {
  int index = 0;
  while (strcmp(names[index], service) != 0) index++;
  return index;
}

rpc_server *world_server(store_world *world, const char *service) {
  return world->servers[index_of(service)];
}

int64_t world_metric(store_world *world, const char *service, const char *family, const char *const *label_names,
                     const char *const *label_values) {
  metrics_family *found = metrics_define(world->metrics[index_of(service)], METRICS_COUNTER, family, "", label_names);
  return metrics_value(metrics_series_get(found, label_values));
}

bool world_run_until(store_world *world, const bool *done) {
  while (!*done) {
    if (!rpc_clock_advance(world->clock)) return false;
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

int64_t world_fault_count(const store_world *world) {
  return network_fault_count(world->net);
}
