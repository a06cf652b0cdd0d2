/* Written by protoc-gen-store from rpc/v1/health.proto. Do not edit: build the target gen. */
#pragma once

#include "api.h"
#include "rpc/call.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "rpc/v1/health.pb-c.h"

/* Every server answers it. */
typedef struct rpc_v1_health_handlers {
  void (*check)(void *self, rpc_call *call, const Rpc__V1__HealthCheckRequest *request);
} rpc_v1_health_handlers;

/* Calls the handler of a method; false where it is NULL. An rpc_invoke_fn. */
static inline bool rpc_v1_health_invoke(
    const void *handlers, size_t method, void *self, rpc_call *call, const ProtobufCMessage *request) {
  const rpc_v1_health_handlers *table = handlers;
  switch (method) {
    case 0:
      if (table->check == NULL) return false;
      table->check(self, call, (const Rpc__V1__HealthCheckRequest *)request);
      return true;
    default:
      return false;
  }
}

/* Adds the service to a server, before it is fed. handlers and self outlive the server; a method whose handler is
 * NULL is answered UNIMPLEMENTED. */
static inline void rpc_v1_health_register(
    rpc_server *server, const rpc_v1_health_handlers *handlers, void *self) {
  rpc_server_add_service(server, &api_rpc_v1_health, rpc_v1_health_invoke, handlers, self);
}

/* Check */
static inline void rpc_v1_health_check_reply(
    rpc_call *call, const Rpc__V1__HealthCheckResponse *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*rpc_v1_health_check_done)(
    void *arg, const rpc_status *status, const Rpc__V1__HealthCheckResponse *response);

static inline void rpc_v1_health_check_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((rpc_v1_health_check_done)done)(arg, status, (const Rpc__V1__HealthCheckResponse *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void rpc_v1_health_check(
    rpc_client *client, const Rpc__V1__HealthCheckRequest *request, const rpc_call_options *options,
    rpc_v1_health_check_done done, void *arg) {
  rpc_completion completion = {
      .thunk = rpc_v1_health_check_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_rpc_v1_health.methods[0], &request->base, options, completion);
}
