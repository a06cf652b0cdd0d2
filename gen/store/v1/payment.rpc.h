/* Written by protoc-gen-store from store/v1/payment.proto. Do not edit: build the target gen. */
#pragma once

#include "api.h"
#include "rpc/call.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "store/v1/simulation.pb-c.h"
#include "store/v1/payment.pb-c.h"

/* Charges and refunds. Each charge passes a fraud check, the slowest step of an order. */
typedef struct store_v1_payment_service_handlers {
  /* A declined charge is an error (PAYMENT_DECLINED, FRAUD_SUSPECTED, INSUFFICIENT_FUNDS) whose details
   * carry the payment_id; the payment is kept with status "declined". */
  void (*process_payment)(void *self, rpc_call *call, const Store__V1__ProcessPaymentRequest *request);
  /* Declined ones too. */
  void (*get_payment)(void *self, rpc_call *call, const Store__V1__GetPaymentRequest *request);
  /* Newest first. */
  void (*list_payments)(void *self, rpc_call *call, const Store__V1__ListPaymentsRequest *request);
  /* Gives the whole amount back. Refunding a refunded payment answers the same. */
  void (*refund_payment)(void *self, rpc_call *call, const Store__V1__RefundPaymentRequest *request);
  /* What this service simulates, and whether that may be changed. */
  void (*get_simulation)(void *self, rpc_call *call, const Store__V1__GetSimulationRequest *request);
  /* Changes it from the next attempt on: fault injection, where the process offers it (STORE_SIM_SWITCHES). */
  void (*update_simulation)(void *self, rpc_call *call, const Store__V1__UpdateSimulationRequest *request);
} store_v1_payment_service_handlers;

/* Calls the handler of a method; false where it is NULL. An rpc_invoke_fn. */
static inline bool store_v1_payment_service_invoke(
    const void *handlers, size_t method, void *self, rpc_call *call, const ProtobufCMessage *request) {
  const store_v1_payment_service_handlers *table = handlers;
  switch (method) {
    case 0:
      if (table->process_payment == NULL) return false;
      table->process_payment(self, call, (const Store__V1__ProcessPaymentRequest *)request);
      return true;
    case 1:
      if (table->get_payment == NULL) return false;
      table->get_payment(self, call, (const Store__V1__GetPaymentRequest *)request);
      return true;
    case 2:
      if (table->list_payments == NULL) return false;
      table->list_payments(self, call, (const Store__V1__ListPaymentsRequest *)request);
      return true;
    case 3:
      if (table->refund_payment == NULL) return false;
      table->refund_payment(self, call, (const Store__V1__RefundPaymentRequest *)request);
      return true;
    case 4:
      if (table->get_simulation == NULL) return false;
      table->get_simulation(self, call, (const Store__V1__GetSimulationRequest *)request);
      return true;
    case 5:
      if (table->update_simulation == NULL) return false;
      table->update_simulation(self, call, (const Store__V1__UpdateSimulationRequest *)request);
      return true;
    default:
      return false;
  }
}

/* Adds the service to a server, before it is fed. handlers and self outlive the server; a method whose handler is
 * NULL is answered UNIMPLEMENTED. */
static inline void store_v1_payment_service_register(
    rpc_server *server, const store_v1_payment_service_handlers *handlers, void *self) {
  rpc_server_add_service(server, &api_store_v1_payment_service, store_v1_payment_service_invoke, handlers, self);
}

/* ProcessPayment */
static inline void store_v1_payment_service_process_payment_reply(
    rpc_call *call, const Store__V1__ProcessPaymentResponse *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_payment_service_process_payment_done)(
    void *arg, const rpc_status *status, const Store__V1__ProcessPaymentResponse *response);

static inline void store_v1_payment_service_process_payment_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_payment_service_process_payment_done)done)(arg, status, (const Store__V1__ProcessPaymentResponse *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_payment_service_process_payment(
    rpc_client *client, const Store__V1__ProcessPaymentRequest *request, const rpc_call_options *options,
    store_v1_payment_service_process_payment_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_payment_service_process_payment_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_payment_service.methods[0], &request->base, options, completion);
}

/* GetPayment */
static inline void store_v1_payment_service_get_payment_reply(
    rpc_call *call, const Store__V1__Payment *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_payment_service_get_payment_done)(
    void *arg, const rpc_status *status, const Store__V1__Payment *response);

static inline void store_v1_payment_service_get_payment_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_payment_service_get_payment_done)done)(arg, status, (const Store__V1__Payment *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_payment_service_get_payment(
    rpc_client *client, const Store__V1__GetPaymentRequest *request, const rpc_call_options *options,
    store_v1_payment_service_get_payment_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_payment_service_get_payment_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_payment_service.methods[1], &request->base, options, completion);
}

/* ListPayments */
static inline void store_v1_payment_service_list_payments_reply(
    rpc_call *call, const Store__V1__ListPaymentsResponse *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_payment_service_list_payments_done)(
    void *arg, const rpc_status *status, const Store__V1__ListPaymentsResponse *response);

static inline void store_v1_payment_service_list_payments_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_payment_service_list_payments_done)done)(arg, status, (const Store__V1__ListPaymentsResponse *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_payment_service_list_payments(
    rpc_client *client, const Store__V1__ListPaymentsRequest *request, const rpc_call_options *options,
    store_v1_payment_service_list_payments_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_payment_service_list_payments_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_payment_service.methods[2], &request->base, options, completion);
}

/* RefundPayment */
static inline void store_v1_payment_service_refund_payment_reply(
    rpc_call *call, const Store__V1__Payment *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_payment_service_refund_payment_done)(
    void *arg, const rpc_status *status, const Store__V1__Payment *response);

static inline void store_v1_payment_service_refund_payment_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_payment_service_refund_payment_done)done)(arg, status, (const Store__V1__Payment *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_payment_service_refund_payment(
    rpc_client *client, const Store__V1__RefundPaymentRequest *request, const rpc_call_options *options,
    store_v1_payment_service_refund_payment_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_payment_service_refund_payment_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_payment_service.methods[3], &request->base, options, completion);
}

/* GetSimulation */
static inline void store_v1_payment_service_get_simulation_reply(
    rpc_call *call, const Store__V1__Simulation *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_payment_service_get_simulation_done)(
    void *arg, const rpc_status *status, const Store__V1__Simulation *response);

static inline void store_v1_payment_service_get_simulation_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_payment_service_get_simulation_done)done)(arg, status, (const Store__V1__Simulation *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_payment_service_get_simulation(
    rpc_client *client, const Store__V1__GetSimulationRequest *request, const rpc_call_options *options,
    store_v1_payment_service_get_simulation_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_payment_service_get_simulation_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_payment_service.methods[4], &request->base, options, completion);
}

/* UpdateSimulation */
static inline void store_v1_payment_service_update_simulation_reply(
    rpc_call *call, const Store__V1__Simulation *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_payment_service_update_simulation_done)(
    void *arg, const rpc_status *status, const Store__V1__Simulation *response);

static inline void store_v1_payment_service_update_simulation_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_payment_service_update_simulation_done)done)(arg, status, (const Store__V1__Simulation *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_payment_service_update_simulation(
    rpc_client *client, const Store__V1__UpdateSimulationRequest *request, const rpc_call_options *options,
    store_v1_payment_service_update_simulation_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_payment_service_update_simulation_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_payment_service.methods[5], &request->base, options, completion);
}
