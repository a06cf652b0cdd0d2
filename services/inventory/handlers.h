/* The inventory service: store.v1.InventoryService on a database of its own. Created by main.c, and by tests and
 * simulations that run several services in one process. */
#pragma once

#include "rpc/server.h"
#include "simulation/simulation.h"
#include "storage/storage.h"

typedef struct inventory_service inventory_service;

enum { INVENTORY_LEASE_MIN_MS = 1000, INVENTORY_LEASE_DEFAULT_MS = 600000, INVENTORY_LEASE_MAX_MS = 86400000 };

typedef struct inventory_service_config {
  const char *database; /* see storage_config */
  bool threaded;        /* the same */
  simulation_settings simulation;
  int64_t lease_ms; /* how long a reservation holds by itself; 0: INVENTORY_LEASE_DEFAULT_MS */
  rpc_clock *clock; /* outlives the service, like the pointers below */
  rpc_random *random;
  metrics_registry *metrics;
  log_sink *log;           /* may be NULL */
  audit_log *audit;        /* may be NULL */
  trace_recorder *traces;  /* may be NULL */
  fault_plan *faults;      /* may be NULL */
  int64_t retention_hours; /* of idempotency keys; 0: 24 */
} inventory_service_config;

/* Opens the database, seeding the catalogue where it is new. NULL on failure, with the reason in *status. */
inventory_service *inventory_service_create(const inventory_service_config *config, rpc_status *status);

/* Adds its methods and its storage's health to a server, which must be idle before the service is destroyed and not
 * scrape its metrics after. */
void inventory_service_register(inventory_service *service, rpc_server *server);

/* NULL is ignored. */
void inventory_service_destroy(inventory_service *service);
