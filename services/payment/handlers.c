/* The methods of store.v1.PaymentService. A write goes: check the request, look at its idempotency key, wait as the
 * simulation says, run as a job in the database, answer after the commit. A read is answered at once. */
#include "payment/handlers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "payment/store.h"
#include "simulation/switches.h"
#include "storage/idempotency.h"
#include "store/v1/payment.rpc.h"
#include "validation/validation.h"

enum { AMOUNT_MIN_CENTS = 1, AMOUNT_MAX_CENTS = 100000000 };

struct payment_service {
  payment_service_config config;
  storage *db;
  idempotency *keys;
  simulation *sim;
  metrics_series *charges[PAYMENT_STATUS_COUNT];
  metrics_series *charged_cents, *refunded_cents;
  metrics_series *fraud_passed, *fraud_suspected;
};

/* A write on its way through the simulation and the database; in its call's arena. */
typedef struct payment_write {
  storage_job job; /* first: run and done get it back as their write */
  payment_service *service;
  rpc_call *call;
  int64_t now_ms;         /* when it was queued */
  payment_record payment; /* charge: the new one; refund: its id, then what was found */
  charge_decline decline; /* charge: what the rules said */

  const ProtobufCMessage *response; /* what run found: the answer where there is no refusal */
  const rpc_status *refusal;        /* in the arena; NULL for none, so that calls that wait stay small */
  bool changed;                     /* refund: money went back */
} payment_write;

static rpc_status out_of_memory(void) {
  return rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory left for this call");
}

static rpc_status payment_not_found(const char *payment_id) {
  rpc_status status = rpc_status_error(RPC_NOT_FOUND, "PAYMENT_NOT_FOUND", "there is no payment '%s'", payment_id);
  strcpy(status.field, "payment_id");
  return status;
}

/* NULL without memory, like all that returns a message. */
static Store__V1__Payment *payment_message(rpc_arena *arena, const payment_record *payment) {
  Store__V1__Payment *message = rpc_arena_alloc(arena, sizeof *message);
  if (!message) return NULL;
  store__v1__payment__init(message);
  message->payment_id = rpc_arena_strdup(arena, payment->payment_id);
  message->customer_id = rpc_arena_strdup(arena, payment->customer_id);
  message->order_id = rpc_arena_strdup(arena, payment->order_id);
  message->amount = validation_money(payment->amount_cents);
  message->status = (char *)payment_status_name(payment->status);
  message->decline_reason = rpc_arena_strdup(arena, payment->decline_reason);
  message->created_at = validation_time(arena, payment->created_ms);
  message->refunded_at = validation_time(arena, payment->refunded_ms);
  bool whole = message->payment_id && message->customer_id && message->order_id && message->decline_reason;
  return whole ? message : NULL;
}

/* --- writes: what they have in common --- */

/* NULL: the call was answered. */
static payment_write *new_write(payment_service *service, rpc_call *call,
                                rpc_status (*run)(storage_job *job, storage_tx *tx),
                                void (*done)(storage_job *job, const rpc_status *status)) {
  payment_write *write = rpc_arena_alloc(rpc_call_arena(call), sizeof *write);
  if (!write) {
    rpc_status status = out_of_memory();
    rpc_call_fail(call, &status);
    return NULL;
  }
  write->job = (storage_job){
      .run = run, .done = done, .parent = rpc_call_trace(call), .correlation_id = rpc_call_correlation_id(call)};
  write->service = service;
  write->call = call;
  return write;
}

/* The simulation let the step happen; refused is only ever so for charges. */
static void step_passed(void *arg, bool refused, double roll) {
  payment_write *write = arg;
  write->decline = charge_decide(refused, roll);
  write->now_ms = rpc_clock_unix_ms(write->service->config.clock);
  storage_write(write->service->db, &write->job);
}

static void step_failed(void *arg, const rpc_status *status) {
  payment_write *write = arg;
  idempotency_finish(write->service->keys, write->call, NULL, status);
}

static void charge_new(void *arg) {
  payment_write *write = arg;
  simulation_run(write->service->sim, SIMULATION_CHARGE, write->call, step_passed, step_failed, write);
}

/* Ends a run: the answer goes into the transaction, for the next call with this key. */
static rpc_status keep_answer(payment_write *write, storage_tx *tx, const ProtobufCMessage *response) {
  write->response = response;
  write->refusal = NULL;
  if (!response) return out_of_memory();
  idempotency_save(write->service->keys, tx, write->call, response, NULL);
  return storage_tx_status(tx);
}

static rpc_status refuse(payment_write *write, const rpc_status *refusal) {
  rpc_status *copy = rpc_arena_alloc(rpc_call_arena(write->call), sizeof *copy);
  if (!copy) return out_of_memory();
  *copy = *refusal;
  write->refusal = copy;
  return rpc_status_ok();
}

/* The same with an answer that is a refusal. */
static rpc_status keep_refusal(payment_write *write, storage_tx *tx, const rpc_status *refusal) {
  rpc_status status = refuse(write, refusal);
  if (status.code != RPC_OK) return status;
  idempotency_save(write->service->keys, tx, write->call, NULL, write->refusal);
  return storage_tx_status(tx);
}

static void answer_write(payment_write *write, const rpc_status *status) {
  const rpc_status *failure = status->code == RPC_OK ? write->refusal : status;
  idempotency_finish(write->service->keys, write->call, write->response, failure);
}

static void append_audit(const payment_write *write, storage_tx *tx, const char *from, const char *detail) {
  storage_audit(tx, write->now_ms, "payment", write->payment.payment_id, from,
                payment_status_name(write->payment.status), rpc_call_correlation_id(write->call), detail);
}

/* --- ProcessPayment --- */

static Store__V1__ProcessPaymentResponse *charged_message(rpc_arena *arena, const payment_record *payment,
                                                          int64_t elapsed_us) {
  Store__V1__ProcessPaymentResponse *message = rpc_arena_alloc(arena, sizeof *message);
  if (!message) return NULL;
  store__v1__process_payment_response__init(message);
  message->payment_id = (char *)payment->payment_id; /* the write's: lives as long as the call */
  message->success = true;
  message->status = (char *)payment_status_name(payment->status);
  message->amount = validation_money(payment->amount_cents);
  message->order_id = (char *)payment->order_id;
  message->customer_id = (char *)payment->customer_id;
  message->processing_time_ms = (double)elapsed_us / 1000.0;
  return message;
}

static rpc_status run_charge(storage_job *job, storage_tx *tx) {
  payment_write *write = (payment_write *)job;
  payment_record *payment = &write->payment;
  bool declined = write->decline.reason[0] != '\0';
  payment->status = declined ? PAYMENT_DECLINED : PAYMENT_COMPLETED;
  payment->created_ms = write->now_ms;
  strcpy(payment->decline_reason, write->decline.reason);
  payment_store_insert(tx, payment, rpc_call_correlation_id(write->call));
  append_audit(write, tx, "", declined ? payment->decline_reason : payment->order_id);
  if (declined) {
    rpc_status refusal = rpc_status_error(RPC_FAILED_PRECONDITION, write->decline.reason, "%s", write->decline.message);
    rpc_status_set_fact(&refusal, "payment_id", payment->payment_id);
    return keep_refusal(write, tx, &refusal);
  }
  int64_t elapsed_us = rpc_clock_now_us(write->service->config.clock) - rpc_call_received_us(write->call);
  Store__V1__ProcessPaymentResponse *message = charged_message(rpc_call_arena(write->call), payment, elapsed_us);
  return keep_answer(write, tx, message ? &message->base : NULL);
}

static void charge_done(storage_job *job, const rpc_status *status) {
  payment_write *write = (payment_write *)job;
  payment_service *service = write->service;
  if (status->code == RPC_OK) {
    metrics_add(service->charges[write->payment.status], 1);
    metrics_add(write->decline.fraud ? service->fraud_suspected : service->fraud_passed, 1);
    if (write->payment.status == PAYMENT_COMPLETED) metrics_add(service->charged_cents, write->payment.amount_cents);
  }
  answer_write(write, status);
}

static rpc_status check_charge(const Store__V1__ProcessPaymentRequest *request, int64_t *cents) {
  rpc_status status = validation_check_text("customer_id", request->customer_id, 1, PAYMENT_CUSTOMER_MAX);
  if (status.code == RPC_OK && request->order_id[0]) status = validation_check_id("order_id", request->order_id);
  if (status.code != RPC_OK) return status;
  return validation_check_money("amount", request->amount, AMOUNT_MIN_CENTS, AMOUNT_MAX_CENTS, cents);
}

static void process_payment(void *self, rpc_call *call, const Store__V1__ProcessPaymentRequest *request) {
  payment_service *service = self;
  int64_t cents;
  rpc_status status = check_charge(request, &cents);
  if (status.code != RPC_OK) {
    rpc_call_fail(call, &status);
    return;
  }
  payment_write *write = new_write(service, call, run_charge, charge_done);
  if (!write) return;
  validation_make_id(write->payment.payment_id, "PAY-", rpc_clock_unix_ms(service->config.clock),
                     service->config.random);
  strcpy(write->payment.customer_id, request->customer_id);
  strcpy(write->payment.order_id, request->order_id);
  write->payment.amount_cents = cents;
  idempotency_begin(service->keys, call, &request->base, charge_new, write);
}

/* --- RefundPayment --- */

static rpc_status run_refund(storage_job *job, storage_tx *tx) {
  payment_write *write = (payment_write *)job;
  write->changed = false;
  char payment_id[sizeof write->payment.payment_id];
  strcpy(payment_id, write->payment.payment_id);
  if (!payment_store_find(tx, payment_id, &write->payment)) {
    rpc_status refusal = storage_tx_status(tx);
    if (refusal.code != RPC_OK) return refusal;
    refusal = payment_not_found(payment_id);
    return refuse(write, &refusal);
  }
  refund_decision decision = charge_refund(write->payment.status);
  if (decision.answer.code != RPC_OK) return keep_refusal(write, tx, &decision.answer);
  write->changed = decision.changed;
  if (decision.changed) {
    payment_store_refund(tx, payment_id, write->now_ms);
    write->payment.status = decision.to;
    write->payment.refunded_ms = write->now_ms;
    append_audit(write, tx, payment_status_name(PAYMENT_COMPLETED), write->payment.order_id);
  }
  Store__V1__Payment *message = payment_message(rpc_call_arena(write->call), &write->payment);
  return keep_answer(write, tx, message ? &message->base : NULL);
}

static void refund_done(storage_job *job, const rpc_status *status) {
  payment_write *write = (payment_write *)job;
  if (status->code == RPC_OK && write->changed) {
    metrics_add(write->service->refunded_cents, write->payment.amount_cents);
  }
  answer_write(write, status);
}

static void refund_payment(void *self, rpc_call *call, const Store__V1__RefundPaymentRequest *request) {
  payment_service *service = self;
  rpc_status status = validation_check_id("payment_id", request->payment_id);
  if (status.code != RPC_OK) {
    rpc_call_fail(call, &status);
    return;
  }
  payment_write *write = new_write(service, call, run_refund, refund_done);
  if (!write) return;
  strcpy(write->payment.payment_id, request->payment_id);
  simulation_run(service->sim, SIMULATION_REFUND, call, step_passed, step_failed, write);
}

/* --- reads --- */

/* A read on its way; in its call's arena. */
typedef struct payment_query {
  storage_job job; /* first: run and done get it back as their query */
  rpc_call *call;
  rpc_arena *arena;   /* the call's */
  const char *id;     /* of the payment asked for, or page_token */
  const char *filter; /* order_id */
  size_t max;         /* rows of a page */
  const ProtobufCMessage *response;
} payment_query;

static void query_done(storage_job *job, const rpc_status *status) {
  payment_query *query = (payment_query *)job;
  if (status->code == RPC_OK) {
    rpc_call_reply(query->call, query->response);
  } else {
    rpc_call_fail(query->call, status);
  }
}

static void answer_query(payment_service *service, rpc_call *call, const payment_query *asked, rpc_status status,
                         rpc_status (*read)(storage_job *job, storage_tx *tx)) {
  payment_query *query = rpc_arena_alloc(rpc_call_arena(call), sizeof *query);
  if (!query) status = out_of_memory();
  if (status.code != RPC_OK) {
    rpc_call_fail(call, &status);
    return;
  }
  *query = *asked;
  query->call = call;
  query->arena = rpc_call_arena(call);
  query->job = (storage_job){.run = read, .done = query_done};
  storage_read(service->db, &query->job);
}

static rpc_status read_payment(storage_job *job, storage_tx *tx) {
  payment_query *query = (payment_query *)job;
  payment_record payment;
  if (!payment_store_find(tx, query->id, &payment)) return payment_not_found(query->id);
  Store__V1__Payment *message = payment_message(query->arena, &payment);
  if (!message) return out_of_memory();
  query->response = &message->base;
  return rpc_status_ok();
}

static void get_payment(void *self, rpc_call *call, const Store__V1__GetPaymentRequest *request) {
  payment_query query = {.id = request->payment_id};
  answer_query(self, call, &query, validation_check_id("payment_id", request->payment_id), read_payment);
}

static rpc_status read_payments(storage_job *job, storage_tx *tx) {
  payment_query *query = (payment_query *)job;
  Store__V1__ListPaymentsResponse *page = rpc_arena_alloc(query->arena, sizeof *page);
  payment_record *rows = rpc_arena_alloc(query->arena, (query->max + 1) * sizeof *rows);
  Store__V1__Payment **messages = rpc_arena_alloc(query->arena, query->max * sizeof *messages);
  if (!page || !rows || !messages) return out_of_memory();
  store__v1__list_payments_response__init(page);
  size_t count = payment_store_list(tx, query->filter, query->id, rows, query->max + 1);
  page->payments = messages;
  page->n_payments = count < query->max ? count : query->max;
  for (size_t i = 0; i < page->n_payments; i++) {
    messages[i] = payment_message(query->arena, &rows[i]);
    if (!messages[i]) return out_of_memory();
  }
  if (count > query->max) page->next_page_token = messages[query->max - 1]->payment_id;
  query->response = &page->base;
  return rpc_status_ok();
}

static void list_payments(void *self, rpc_call *call, const Store__V1__ListPaymentsRequest *request) {
  payment_query query = {.id = request->page_token, .filter = request->order_id};
  int32_t size;
  rpc_status status = validation_check_page("page_size", request->page_size, &size);
  query.max = (size_t)size;
  if (status.code == RPC_OK && request->page_token[0]) status = validation_check_id("page_token", request->page_token);
  if (status.code == RPC_OK && request->order_id[0]) status = validation_check_id("order_id", request->order_id);
  answer_query(self, call, &query, status, read_payments);
}

/* --- the simulation's switches --- */

static const simulation_share share = {"payment", SIMULATION_CHARGE, SIMULATION_REFUND, .has_network = true};

static void get_simulation(void *self, rpc_call *call, const Store__V1__GetSimulationRequest *request) {
  (void)request;
  simulation_answer(((payment_service *)self)->sim, &share, call);
}

static void update_simulation(void *self, rpc_call *call, const Store__V1__UpdateSimulationRequest *request) {
  payment_service *service = self;
  simulation_update(service->sim, &share, call, request, service->config.log);
}

/* --- the service --- */

static void define_metrics(payment_service *service) {
  metrics_registry *metrics = service->config.metrics;
  metrics_family *charges = metrics_define(metrics, METRICS_COUNTER, "payment_charges_total", "Charges by outcome.",
                                           (const char *const[]){"outcome", NULL});
  const payment_status outcomes[] = {PAYMENT_COMPLETED, PAYMENT_DECLINED};
  for (size_t i = 0; i < sizeof outcomes / sizeof outcomes[0]; i++) {
    service->charges[outcomes[i]] =
        metrics_series_get(charges, (const char *const[]){payment_status_name(outcomes[i])});
  }
  service->charged_cents = metrics_series_get(
      metrics_define(metrics, METRICS_COUNTER, "payment_charged_cents_total", "Money taken, in cents.", NULL), NULL);
  service->refunded_cents = metrics_series_get(
      metrics_define(metrics, METRICS_COUNTER, "payment_refunded_cents_total", "Money given back, in cents.", NULL),
      NULL);
  metrics_family *fraud = metrics_define(metrics, METRICS_COUNTER, "payment_fraud_checks_total",
                                         "Fraud checks by result.", (const char *const[]){"result", NULL});
  service->fraud_passed = metrics_series_get(fraud, (const char *const[]){"passed"});
  service->fraud_suspected = metrics_series_get(fraud, (const char *const[]){"suspected"});
}

payment_service *payment_service_create(const payment_service_config *config, rpc_status *status) {
  *status = rpc_status_ok();
  payment_service *service = calloc(1, sizeof *service);
  if (!service) goto out_of_memory;
  service->config = *config;
  service->db = storage_open(&(storage_config){.database = config->database,
                                               .schema = "payment",
                                               .migrations = payment_store_migrations,
                                               .statements = payment_store_statements,
                                               .statement_count = payment_store_statement_count,
                                               .threaded = config->threaded,
                                               .audit = config->audit,
                                               .traces = config->traces,
                                               .metrics = config->metrics,
                                               .log = config->log,
                                               .faults = config->faults},
                             status);
  if (!service->db) goto fail;
  service->keys = idempotency_create(service->db, config->clock, config->retention_hours);
  service->sim = simulation_create(&config->simulation, config->clock, config->random, config->metrics);
  if (!service->keys || !service->sim) goto out_of_memory;
  define_metrics(service);
  return service;

out_of_memory:
  *status = out_of_memory();
fail:
  payment_service_destroy(service);
  return NULL;
}

void payment_service_register(payment_service *service, rpc_server *server) {
  static const store_v1_payment_service_handlers handlers = {
      .process_payment = process_payment,
      .get_payment = get_payment,
      .list_payments = list_payments,
      .refund_payment = refund_payment,
      .get_simulation = get_simulation,
      .update_simulation = update_simulation,
  };
  store_v1_payment_service_register(server, &handlers, service);
  rpc_server_add_dependency(server, "storage", true, storage_healthy, service->db);
  rpc_server_watch_queue(server, storage_load, service->db);
  rpc_server_always_admit(server, "/store.v1.PaymentService/RefundPayment");
}

void payment_service_destroy(payment_service *service) {
  if (!service) return;
  idempotency_destroy(service->keys);
  simulation_destroy(service->sim);
  storage_close(service->db);
  free(service);
}
