/* One call from its envelope to its answer: find the method, refuse what must be refused, unpack, hand to the handler;
 * later pack the answer, count it, and let the call go. */
#include "rpc/server.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rpc/envelope.h"
#include "rpc/message_check.h"
#include "rpc/server_private.h"
#include "rpc/transport.h"

enum {
  DEFAULT_IN_FLIGHT = 16384,
  DEFAULT_TIMEOUT_MS = 30000,
  DEFAULT_MESSAGE_SIZE = 1024 * 1024,
  ARENA_FACTOR = 16, /* what a request may unpack to, in times of the message size */
  CORRELATION_ID_SIZE = 65,
};

struct rpc_call {
  rpc_server *server;
  method_entry *method; /* NULL until found */
  rpc_arena arena;
  Rpc__V1__Request *envelope;
  rpc_respond_fn respond;
  void *respond_arg;
  int64_t received_us, deadline_us;
  bool counted; /* in in_flight */
  rpc_timer timer;
  trace_span span;
  char correlation_id[CORRELATION_ID_SIZE];
};

/* --- the server --- */

static void collect_gauges(void *arg) {
  rpc_server *server = arg;
  metrics_set(server->in_flight_gauge, atomic_load(&server->in_flight));
  metrics_set(server->overloaded_gauge, rpc_admission_is_overloaded(&server->admission));
}

rpc_server *rpc_server_create(const rpc_server_config *config) {
  rpc_server *server = calloc(1, sizeof *server);
  if (!server) return NULL;
  server->config = *config;
  if (!server->config.max_in_flight) server->config.max_in_flight = DEFAULT_IN_FLIGHT;
  if (!server->config.default_timeout_ms) server->config.default_timeout_ms = DEFAULT_TIMEOUT_MS;
  if (!server->config.max_message_size) server->config.max_message_size = DEFAULT_MESSAGE_SIZE;
  server->started_us = rpc_clock_now_us(config->clock);
  rpc_admission_init(&server->admission, (int64_t)config->queue_target_ms * 1000);
  rpc_status refusal = rpc_status_error(RPC_RESOURCE_EXHAUSTED, RPC_REASON_OVERLOADED,
                                        "%s is overloaded: what is queued waits too long already", config->name);
  server->refusal = envelope_pack_response(&refusal, NULL);
  if (!server->refusal) {
    free(server);
    return NULL;
  }
  server->requests =
      metrics_define(config->metrics, METRICS_COUNTER, "rpc_server_requests_total",
                     "Calls answered, by method and status code.", (const char *const[]){"method", "code", NULL});
  server->durations =
      metrics_define(config->metrics, METRICS_HISTOGRAM, "rpc_server_request_duration_seconds",
                     "Time from a call's arrival to its answer.", (const char *const[]){"method", NULL});
  server->errors = metrics_define(config->metrics, METRICS_COUNTER, "rpc_server_errors_total",
                                  "Calls answered with an error, by method and reason (the code where it gave none).",
                                  (const char *const[]){"method", "reason", NULL});
  metrics_family *in_flight =
      metrics_define(config->metrics, METRICS_GAUGE, "rpc_server_in_flight_requests", "Calls not yet answered.", NULL);
  server->in_flight_gauge = metrics_series_get(in_flight, NULL);
  metrics_family *overloaded =
      metrics_define(config->metrics, METRICS_GAUGE, "rpc_server_overloaded",
                     "1 while writes are refused because what is queued waits too long.", NULL);
  server->overloaded_gauge = metrics_series_get(overloaded, NULL);
  metrics_on_scrape(config->metrics, collect_gauges, server);
  server_add_builtin_services(server);
  return server;
}

void rpc_server_destroy(rpc_server *server) {
  if (!server) return;
  assert(atomic_load(&server->in_flight) == 0);
  for (size_t i = 0; i < server->method_count; i++) free(server->methods[i]);
  nng_msg_free(server->refusal);
  free(server);
}

static int by_name(const void *a, const void *b) {
  return strcmp((*(method_entry *const *)a)->api->name, (*(method_entry *const *)b)->api->name);
}

void rpc_server_add_service(rpc_server *server, const api_service *service, rpc_invoke_fn invoke, const void *handlers,
                            void *self) {
  assert(server->service_count < SERVICES_MAX && server->method_count + service->method_count <= METHODS_MAX);
  service_entry *entry = &server->services[server->service_count++];
  *entry = (service_entry){service, invoke, handlers, self};
  for (size_t i = 0; i < service->method_count; i++) {
    method_entry *method = calloc(1, sizeof *method);
    if (!method) abort(); /* at start-up */
    method->api = &service->methods[i];
    method->service = entry;
    method->index = i;
    method->always = service->name[0] == '\0';
    method->begins = !method->always && !method->api->no_side_effects;
    method->duration = metrics_series_get(server->durations, (const char *const[]){method->api->name});
    server->methods[server->method_count++] = method;
  }
  qsort(server->methods, server->method_count, sizeof(method_entry *), by_name);
}

void rpc_server_add_dependency(rpc_server *server, const char *name, bool critical, rpc_health_fn check, void *arg) {
  assert(server->dependency_count < DEPENDENCIES_MAX);
  server->dependencies[server->dependency_count++] = (health_dependency){name, critical, check, arg};
}

static method_entry *find_method(const rpc_server *server, const char *name) {
  size_t low = 0, high = server->method_count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    int order = strcmp(name, server->methods[middle]->api->name);
    if (order == 0) return server->methods[middle];
    if (order < 0) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return NULL;
}

void rpc_server_watch_queue(rpc_server *server, rpc_load_fn load, void *arg) {
  server->queue_load = load;
  server->queue = arg;
}

void rpc_server_always_admit(rpc_server *server, const char *full_name) {
  method_entry *method = find_method(server, full_name);
  assert(method);
  method->begins = false;
}

size_t rpc_server_max_message_size(const rpc_server *server) {
  return server->config.max_message_size;
}

uint32_t rpc_server_max_in_flight(const rpc_server *server) {
  return server->config.max_in_flight;
}

bool rpc_server_drain(rpc_server *server, uint32_t timeout_ms) {
  atomic_store(&server->draining, true);
  const struct timespec pause = {.tv_nsec = 5 * 1000000};
  int64_t until_us = rpc_clock_now_us(server->config.clock) + (int64_t)timeout_ms * 1000;
  while (atomic_load(&server->in_flight) > 0) {
    if (rpc_clock_now_us(server->config.clock) >= until_us) return false;
    nanosleep(&pause, NULL);
  }
  return true;
}

/* --- the call, as its handler sees it --- */

const api_method *rpc_call_api(const rpc_call *call) {
  return call->method->api;
}

const char *rpc_call_metadata(const rpc_call *call, const char *key) {
  const Rpc__V1__Request *request = call->envelope;
  for (size_t i = 0; i < request->n_metadata; i++) {
    if (strcmp(request->metadata[i]->key, key) == 0) return request->metadata[i]->value;
  }
  return NULL;
}

const char *rpc_call_correlation_id(const rpc_call *call) {
  return call->correlation_id;
}

const trace_context *rpc_call_trace(const rpc_call *call) {
  return &call->span.context;
}

trace_span rpc_call_span_start(const rpc_call *call, const char *name) {
  return trace_span_start(call->server->config.traces, name, TRACE_INTERNAL, &call->span.context);
}

void rpc_call_span_end(const rpc_call *call, const trace_span *span, int code, const char *detail) {
  trace_span_end(call->server->config.traces, span, code, call->correlation_id, detail);
}

int64_t rpc_call_deadline_us(const rpc_call *call) {
  return call->deadline_us;
}

int64_t rpc_call_received_us(const rpc_call *call) {
  return call->received_us;
}

rpc_arena *rpc_call_arena(rpc_call *call) {
  return &call->arena;
}

rpc_clock *rpc_call_clock(const rpc_call *call) {
  return call->server->config.clock;
}

rpc_timer *rpc_call_timer(rpc_call *call) {
  return &call->timer;
}

/* --- the answer --- */

static const char *reason_of(const rpc_status *status) {
  return status->reason[0] ? status->reason : rpc_code_name(status->code);
}

/* method: NULL where it is not known. */
static void count_outcome(rpc_server *server, method_entry *method, const rpc_status *status) {
  const char *name = method ? method->api->name : "unknown";
  if (status->code != RPC_OK) {
    metrics_add(metrics_series_get(server->errors, (const char *const[]){name, reason_of(status)}), 1);
  }
  metrics_series *series = method ? atomic_load_explicit(&method->by_code[status->code], memory_order_acquire) : NULL;
  if (!series) {
    series = metrics_series_get(server->requests, (const char *const[]){name, rpc_code_name(status->code)});
    if (method) atomic_store_explicit(&method->by_code[status->code], series, memory_order_release);
  }
  metrics_add(series, 1);
}

static void count_answer(rpc_call *call, const rpc_status *status) {
  rpc_server *server = call->server;
  method_entry *method = call->method;
  count_outcome(server, method, status);
  if (!method) return;
  int64_t took_us = rpc_clock_now_us(server->config.clock) - call->received_us;
  if (method->always) {
    metrics_observe_us(method->duration, took_us); /* its span is not kept */
  } else {
    metrics_observe_traced_us(method->duration, took_us, &call->span.context);
  }
}

/* What every server answers is asked by monitoring, every few seconds: no traces of that. */
static void end_span(rpc_call *call, const rpc_status *status) {
  if (!call->method || call->method->always) return;
  const service_entry *service = call->method->service;
  trace_span *span = &call->span;
  trace_span_set_text(span, "rpc.system", RPC_TRACE_SYSTEM);
  trace_span_set_text(span, "rpc.service", service->api->full_name);
  trace_span_set_text(span, "rpc.method", strrchr(span->name, '/') + 1);
  trace_span_set_number(span, "rpc.grpc.status_code", (int64_t)status->code);
  trace_span_end(call->server->config.traces, span, (int)status->code, call->correlation_id,
                 status->code == RPC_OK ? NULL : reason_of(status));
}

static void finish(rpc_call *call, const rpc_status *status, const ProtobufCMessage *response) {
  rpc_server *server = call->server;
  nng_msg *message = envelope_pack_response(status, response);
  if (!message) abort(); /* without memory for an answer the caller is better told by a lost connection */
  count_answer(call, status);
  end_span(call, status);
  rpc_respond_fn respond = call->respond;
  void *respond_arg = call->respond_arg;
  bool counted = call->counted;
  if (counted && call->method->begins) rpc_admission_ended(&server->admission);
  fault_plan *faults = call->method && !call->method->always ? server->config.faults : NULL;
  rpc_arena_free(&call->arena);
  free(call);
  fault_plan_reach(faults, FAULT_BEFORE_REPLY);
  respond(respond_arg, message);
  fault_plan_reach(faults, FAULT_AFTER_REPLY);
  if (counted) atomic_fetch_sub(&server->in_flight, 1);
}

void rpc_call_reply(rpc_call *call, const ProtobufCMessage *response) {
  assert(response->descriptor == call->method->api->output);
  rpc_status ok = rpc_status_ok();
  finish(call, &ok, response);
}

void rpc_call_fail(rpc_call *call, const rpc_status *status) {
  assert(status->code != RPC_OK);
  finish(call, status, NULL);
}

/* --- arrival --- */

static bool is_printable(const char *text, size_t max) {
  size_t length = 0;
  for (; text[length]; length++) {
    if (length == max || text[length] < '!' || text[length] > '~') return false;
  }
  return length > 0;
}

static rpc_status check_metadata(const Rpc__V1__Request *request) {
  if (request->n_metadata > RPC_METADATA_MAX) {
    return rpc_status_invalid("metadata", "%zu entries, %d are allowed", request->n_metadata, RPC_METADATA_MAX);
  }
  for (size_t i = 0; i < request->n_metadata; i++) {
    size_t length = strlen(request->metadata[i]->value);
    if (length > RPC_METADATA_VALUE_MAX) {
      return rpc_status_invalid("metadata", "a value has %zu bytes, %d are allowed", length, RPC_METADATA_VALUE_MAX);
    }
  }
  return rpc_status_ok();
}

static rpc_status take_correlation_id(rpc_call *call) {
  const char *given = rpc_call_metadata(call, RPC_METADATA_CORRELATION_ID);
  if (!given || !*given) {
    rpc_random_id(call->server->config.random, call->correlation_id);
    return rpc_status_ok();
  }
  if (!is_printable(given, CORRELATION_ID_SIZE - 1)) {
    return rpc_status_invalid("metadata." RPC_METADATA_CORRELATION_ID, "not 1 to %d printable ASCII characters",
                              CORRELATION_ID_SIZE - 1);
  }
  strcpy(call->correlation_id, given); /* fits, see above */
  return rpc_status_ok();
}

static void start_span(rpc_call *call) {
  trace_context parent = {0};
  const char *traceparent = rpc_call_metadata(call, RPC_METADATA_TRACEPARENT);
  if (traceparent && !trace_context_parse(traceparent, &parent)) memset(&parent, 0, sizeof parent);
  call->span = trace_span_start(call->server->config.traces, call->method->api->name + 1, TRACE_SERVER, &parent);
}

/* Counts the call in where there is room for it. */
static rpc_status admit(rpc_call *call) {
  rpc_server *server = call->server;
  if (!call->method->always && atomic_load(&server->draining)) {
    return rpc_status_error(RPC_UNAVAILABLE, RPC_REASON_DRAINING, "%s is stopping", server->config.name);
  }
  unsigned before = atomic_fetch_add(&server->in_flight, 1);
  if (!call->method->always && before >= server->config.max_in_flight) {
    atomic_fetch_sub(&server->in_flight, 1);
    return rpc_status_error(RPC_RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", "%s has %u calls in flight already",
                            server->config.name, before);
  }
  call->counted = true;
  return rpc_status_ok();
}

static rpc_status read_envelope(rpc_call *call, nng_msg *message) {
  rpc_server *server = call->server;
  const void *bytes = nng_msg_body(message);
  size_t size = nng_msg_len(message);
  if (size > server->config.max_message_size) {
    return rpc_status_error(RPC_RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE", "the request has %zu bytes, %zu are allowed",
                            size, server->config.max_message_size);
  }
  rpc_status status = rpc_status_ok();
  if (memchr(bytes, '\0', size)) status = message_check_bytes(&rpc__v1__request__descriptor, bytes, size);
  if (status.code != RPC_OK) return status;
  call->envelope = envelope_unpack_request(message, &call->arena);
  if (!call->envelope) {
    return rpc_status_error(RPC_INVALID_ARGUMENT, "MALFORMED_ENVELOPE", "the message is not an rpc.v1.Request");
  }
  status = message_check_text(&call->envelope->base);
  if (status.code == RPC_OK) status = check_metadata(call->envelope);
  if (status.code == RPC_OK) status = take_correlation_id(call);
  if (status.code != RPC_OK) return status;
  call->method = find_method(server, call->envelope->method);
  if (!call->method) {
    return rpc_status_error(RPC_UNIMPLEMENTED, "UNKNOWN_METHOD", "method: %s has no method '%.100s'",
                            server->config.name, call->envelope->method);
  }
  uint32_t timeout_ms = call->envelope->timeout_ms ? call->envelope->timeout_ms : server->config.default_timeout_ms;
  if (timeout_ms > ENVELOPE_TIMEOUT_MAX_MS) timeout_ms = ENVELOPE_TIMEOUT_MAX_MS;
  call->deadline_us = call->received_us + (int64_t)timeout_ms * 1000;
  start_span(call);
  if (server->config.authorize) {
    const char *authorization = rpc_call_metadata(call, RPC_METADATA_AUTHORIZATION);
    status = server->config.authorize(server->config.authorize_arg, call->method->api, authorization);
    if (status.code != RPC_OK) return status;
  }
  return admit(call);
}

/* Refuses what would wait too long, where refusing costs next to nothing: no memory, no span, no duration. */
static bool refuse_early(rpc_server *server, nng_msg *request, int64_t now_us, rpc_respond_fn respond, void *arg) {
  rpc_load load = server->queue_load ? server->queue_load(server->queue) : (rpc_load){0};
  if (!rpc_admission_notes(&server->admission, now_us, load) || atomic_load(&server->draining)) return false;
  size_t length;
  char name[128];
  const char *named = envelope_peek_method(request, &length);
  if (!named) return false;
  memcpy(name, named, length);
  name[length] = '\0';
  method_entry *method = find_method(server, name);
  if (!method || !method->begins || rpc_admission_admits(&server->admission, now_us, load)) return false;
  nng_msg *response;
  if (nng_msg_dup(&response, server->refusal) != 0) abort(); /* see finish */
  rpc_status status = {.code = RPC_RESOURCE_EXHAUSTED, .reason = RPC_REASON_OVERLOADED};
  count_outcome(server, method, &status);
  nng_msg_free(request);
  respond(arg, response);
  return true;
}

void rpc_server_handle(rpc_server *server, nng_msg *request, rpc_respond_fn respond, void *arg) {
  int64_t now_us = rpc_clock_now_us(server->config.clock);
  if (refuse_early(server, request, now_us, respond, arg)) return;
  rpc_call *call = malloc(sizeof *call); /* calloc would not use what malloc keeps at hand for each thread */
  if (!call) abort();
  *call = (rpc_call){.server = server, .respond = respond, .respond_arg = arg, .received_us = now_us};
  rpc_arena_init(&call->arena, server->config.max_message_size * ARENA_FACTOR);

  rpc_status status = read_envelope(call, request);
  ProtobufCMessage *payload = NULL;
  if (status.code == RPC_OK) {
    payload = envelope_unpack_payload(call->method->api->input, call->envelope->payload, &call->arena, &status);
  }
  nng_msg_free(request);
  if (status.code != RPC_OK) {
    rpc_call_fail(call, &status);
    return;
  }
  const service_entry *service = call->method->service;
  if (!service->invoke(service->handlers, call->method->index, service->self, call, payload)) {
    status = rpc_status_error(RPC_UNIMPLEMENTED, "UNIMPLEMENTED", "%s is not implemented", call->method->api->name);
    rpc_call_fail(call, &status);
  }
}
