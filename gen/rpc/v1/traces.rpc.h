/* Written by protoc-gen-store from rpc/v1/traces.proto. Do not edit: build the target gen. */
#pragma once

#include "api.h"
#include "rpc/call.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "rpc/v1/traces.pb-c.h"

/* Every server answers it, from the last few thousand spans that it keeps in memory, sampled or not. */
typedef struct rpc_v1_traces_handlers {
  void (*get_trace)(void *self, rpc_call *call, const Rpc__V1__GetTraceRequest *request);
} rpc_v1_traces_handlers;

/* Calls the handler of a method; false where it is NULL. An rpc_invoke_fn. */
static inline bool rpc_v1_traces_invoke(
    const void *handlers, size_t method, void *self, rpc_call *call, const ProtobufCMessage *request) {
  const rpc_v1_traces_handlers *table = handlers;
  switch (method) {
    case 0:
      if (table->get_trace == NULL) return false;
      table->get_trace(self, call, (const Rpc__V1__GetTraceRequest *)request);
      return true;
    default:
      return false;
  }
}

/* Adds the service to a server, before it is fed. handlers and self outlive the server; a method whose handler is
 * NULL is answered UNIMPLEMENTED. */
static inline void rpc_v1_traces_register(
    rpc_server *server, const rpc_v1_traces_handlers *handlers, void *self) {
  rpc_server_add_service(server, &api_rpc_v1_traces, rpc_v1_traces_invoke, handlers, self);
}

/* GetTrace */
static inline void rpc_v1_traces_get_trace_reply(
    rpc_call *call, const Rpc__V1__GetTraceResponse *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*rpc_v1_traces_get_trace_done)(
    void *arg, const rpc_status *status, const Rpc__V1__GetTraceResponse *response);

static inline void rpc_v1_traces_get_trace_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((rpc_v1_traces_get_trace_done)done)(arg, status, (const Rpc__V1__GetTraceResponse *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void rpc_v1_traces_get_trace(
    rpc_client *client, const Rpc__V1__GetTraceRequest *request, const rpc_call_options *options,
    rpc_v1_traces_get_trace_done done, void *arg) {
  rpc_completion completion = {
      .thunk = rpc_v1_traces_get_trace_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_rpc_v1_traces.methods[0], &request->base, options, completion);
}
