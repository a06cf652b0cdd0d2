/* The order service: store.v1.OrderService on a database of its own. Created by main.c, and by tests and simulations
 * that run several services in one process. */
#pragma once

#include "rpc/client.h"
#include "rpc/server.h"
#include "simulation/simulation.h"
#include "storage/storage.h"

typedef struct order_service order_service;

typedef struct order_service_config {
  const char *database;            /* see storage_config */
  bool threaded;                   /* the same */
  rpc_client *inventory, *payment; /* the service owns them from here on, even where it cannot be created */
  simulation_settings simulation;  /* of its own step alone */
  rpc_clock *clock;                /* outlives the service, like the pointers below */
  rpc_random *random;
  metrics_registry *metrics;
  log_sink *log;           /* may be NULL */
  audit_log *audit;        /* may be NULL */
  trace_recorder *traces;  /* may be NULL */
  fault_plan *faults;      /* may be NULL */
  int64_t retention_hours; /* of idempotency keys; 0: 24 */
  int64_t history_hours;   /* of final orders' histories; 0: 30 days */
} order_service_config;

/* Opens the database and takes up the orders that a crash left unfinished. NULL on failure, with the reason in
 * *status. */
order_service *order_service_create(const order_service_config *config, rpc_status *status);

/* Adds its methods and its dependencies' health to a server, which must be idle before the service is destroyed and not
 * scrape its metrics after. */
void order_service_register(order_service *service, rpc_server *server);

/* Orders that are not final stay stored, for the next start. NULL is ignored. */
void order_service_destroy(order_service *service);
