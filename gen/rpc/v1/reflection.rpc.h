/* Written by protoc-gen-store from rpc/v1/reflection.proto. Do not edit: build the target gen. */
#pragma once

#include "api.h"
#include "rpc/call.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "rpc/v1/reflection.pb-c.h"

/* Every server answers it. */
typedef struct rpc_v1_reflection_handlers {
  void (*get_file_descriptor_set)(void *self, rpc_call *call, const Rpc__V1__GetFileDescriptorSetRequest *request);
} rpc_v1_reflection_handlers;

/* Calls the handler of a method; false where it is NULL. An rpc_invoke_fn. */
static inline bool rpc_v1_reflection_invoke(
    const void *handlers, size_t method, void *self, rpc_call *call, const ProtobufCMessage *request) {
  const rpc_v1_reflection_handlers *table = handlers;
  switch (method) {
    case 0:
      if (table->get_file_descriptor_set == NULL) return false;
      table->get_file_descriptor_set(self, call, (const Rpc__V1__GetFileDescriptorSetRequest *)request);
      return true;
    default:
      return false;
  }
}

/* Adds the service to a server, before it is fed. handlers and self outlive the server; a method whose handler is
 * NULL is answered UNIMPLEMENTED. */
static inline void rpc_v1_reflection_register(
    rpc_server *server, const rpc_v1_reflection_handlers *handlers, void *self) {
  rpc_server_add_service(server, &api_rpc_v1_reflection, rpc_v1_reflection_invoke, handlers, self);
}

/* GetFileDescriptorSet */
static inline void rpc_v1_reflection_get_file_descriptor_set_reply(
    rpc_call *call, const Rpc__V1__GetFileDescriptorSetResponse *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*rpc_v1_reflection_get_file_descriptor_set_done)(
    void *arg, const rpc_status *status, const Rpc__V1__GetFileDescriptorSetResponse *response);

static inline void rpc_v1_reflection_get_file_descriptor_set_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((rpc_v1_reflection_get_file_descriptor_set_done)done)(arg, status, (const Rpc__V1__GetFileDescriptorSetResponse *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void rpc_v1_reflection_get_file_descriptor_set(
    rpc_client *client, const Rpc__V1__GetFileDescriptorSetRequest *request, const rpc_call_options *options,
    rpc_v1_reflection_get_file_descriptor_set_done done, void *arg) {
  rpc_completion completion = {
      .thunk = rpc_v1_reflection_get_file_descriptor_set_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_rpc_v1_reflection.methods[0], &request->base, options, completion);
}
