/* A server's inside, shared by server.c and server_builtin.c and nobody else. */
#pragma once

#include <stdatomic.h>

#include "rpc/admission.h"
#include "rpc/server.h"

enum { SERVICES_MAX = 16, METHODS_MAX = 256, DEPENDENCIES_MAX = 8 };

typedef struct service_entry {
  const api_service *api;
  rpc_invoke_fn invoke;
  const void *handlers;
  void *self;
} service_entry;

typedef struct method_entry {
  const api_method *api;
  const service_entry *service;
  size_t index; /* within the service */
  bool always;  /* answered while draining and past the bound: health, metrics, reflection, traces */
  bool begins;  /* new work, that may be refused for its wait */
  metrics_series *duration;
  _Atomic(metrics_series *) by_code[RPC_CODE_COUNT]; /* made when first needed */
} method_entry;

typedef struct health_dependency {
  const char *name;
  bool critical;
  rpc_health_fn check;
  void *arg;
} health_dependency;

struct rpc_server {
  rpc_server_config config;
  int64_t started_us;
  service_entry services[SERVICES_MAX];
  size_t service_count;
  method_entry *methods[METHODS_MAX]; /* sorted by name */
  size_t method_count;
  health_dependency dependencies[DEPENDENCIES_MAX];
  size_t dependency_count;
  metrics_family *requests, *durations, *errors;
  metrics_series *in_flight_gauge, *overloaded_gauge;
  rpc_admission admission;
  rpc_load_fn queue_load; /* NULL: no queue is watched */
  void *queue;
  nng_msg *refusal; /* what is answered then: copied */
  atomic_uint in_flight;
  atomic_bool draining;
};

/* Adds rpc.v1.Health, Metrics, Reflection and Traces, which every server answers. */
void server_add_builtin_services(rpc_server *server);
