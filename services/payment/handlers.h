/* The payment service: store.v1.PaymentService on a database of its own. Created by main.c, and by tests and
 * simulations that run several services in one process. */
#pragma once

#include "rpc/server.h"
#include "simulation/simulation.h"
#include "storage/storage.h"

typedef struct payment_service payment_service;

typedef struct payment_service_config {
  const char *database; /* see storage_config */
  bool threaded;        /* the same */
  simulation_settings simulation;
  rpc_clock *clock; /* outlives the service, like the pointers below */
  rpc_random *random;
  metrics_registry *metrics;
  log_sink *log;           /* may be NULL */
  audit_log *audit;        /* may be NULL */
  trace_recorder *traces;  /* may be NULL */
  fault_plan *faults;      /* may be NULL */
  int64_t retention_hours; /* of idempotency keys; 0: 24 */
} payment_service_config;

/* Opens the database. NULL on failure, with the reason in *status. */
payment_service *payment_service_create(const payment_service_config *config, rpc_status *status);

/* Adds its methods and its storage's health to a server, which must be idle before the service is destroyed and not
 * scrape its metrics after. */
void payment_service_register(payment_service *service, rpc_server *server);

/* NULL is ignored. */
void payment_service_destroy(payment_service *service);
