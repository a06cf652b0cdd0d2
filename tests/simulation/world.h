/* The whole store in one process on simulated time: the three services' very code, over a simulated network and inline
 * databases, from one seed. Nothing waits and nothing runs at the same time, so hours pass in seconds and a seed
 * repeats its run exactly. */
#pragma once

#include "inventory/handlers.h"
#include "order/handlers.h"
#include "payment/handlers.h"
#include "store/v1/inventory.rpc.h"
#include "store/v1/order.rpc.h"
#include "store/v1/payment.rpc.h"

typedef struct store_world store_world;

/* Shares of messages, from 0 to 1. */
typedef struct world_faults {
  double drop_request; /* the connection is lost before the request arrives */
  double drop_reply;   /* the request is carried out, and its answer lost */
  double duplicate;    /* the request arrives twice */
} world_faults;

/* data_dir: where the databases are; NULL: in memory. */
store_world *world_create(uint64_t seed, const simulation_settings *settings, const world_faults *faults,
                          const char *data_dir);
void world_destroy(store_world *world);

rpc_clock *world_clock(store_world *world);
rpc_random *world_random(store_world *world);

/* The server of the service "order", "payment" or "inventory", for those who have envelopes to hand it. */
rpc_server *world_server(store_world *world, const char *service);

/* Clients of the services as somebody outside has them, over the same network, without its faults. */
rpc_client *world_order(store_world *world);
rpc_client *world_payment(store_world *world);
rpc_client *world_inventory(store_world *world);

/* The value of a counter or gauge of the service "order", "payment" or "inventory". */
int64_t world_metric(store_world *world, const char *service, const char *family, const char *const *label_names,
                     const char *const *label_values);

/* Goes on until *done is true; false where nothing is left to happen. */
bool world_run_until(store_world *world, const bool *done);

/* Goes on for some simulated time. */
void world_run_for(store_world *world, int64_t milliseconds);

/* How many messages were dropped and duplicated so far. */
int64_t world_fault_count(const store_world *world);
