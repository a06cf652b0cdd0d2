/* One call from its packing to its completion: attempts over a transport, each with a timer beside it, and a wait
 * between attempts. A call has one owner at a time; only while an attempt is under way are there three parties, the
 * thread that begins it, the exchange and the timer, and the one that is last goes on with the call. */
#include "rpc/client.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/envelope.h"
#include "rpc/throttle.h"

enum {
  DEFAULT_TIMEOUT_MS = 30000,
  DEFAULT_ATTEMPTS = 4,
  DEFAULT_BACKOFF_MS = 25,
  BACKOFF_MAX_MS = 1000,
  RESPONSE_ARENA_LIMIT = 256 * 1024 * 1024,
  REQUEST_MAX = 1024 * 1024,
};

/* The retry budget (gRFC A6, retry throttling) in thousandths of a token: a failed attempt takes one token, a good one
 * gives a tenth back, and there are retries only while more than half are left. */
enum { BUDGET_MAX = 1000 * 1000, BUDGET_PER_FAILURE = 1000, BUDGET_PER_SUCCESS = 100 };

/* A server that is stopping has begun nothing: such an attempt counts neither against max_attempts nor the budget. */
enum { DRAINED_ATTEMPTS_MAX = 64 };

/* A method's metrics, looked up once. */
typedef struct method_series {
  struct method_series *next;
  const api_method *method;
  metrics_series *duration;
  _Atomic(metrics_series *) by_code[RPC_CODE_COUNT]; /* made when first needed */
} method_series;

struct rpc_client {
  rpc_client_config config;
  char *authorization; /* "Bearer TOKEN"; NULL: none */
  trace_recorder *ids; /* draws those of spans, which travel in any case: config.traces or, where there is none, one of
                          the client's own, without which each id would be a system call */
  metrics_family *requests, *durations;
  metrics_series *retries, *retries_refused;
  atomic_int budget;
  rpc_throttle throttle;
  atomic_bool closing;
  method_series *_Atomic methods; /* a list, of each method called once */
  atomic_size_t holders;          /* calls in flight, and the client's owner; the last one says so: */
  pthread_mutex_t lock;
  pthread_cond_t left;
  bool is_idle; /* under lock */
};

typedef struct client_call {
  rpc_exchange exchange; /* first: the exchange's done finds the call by it */
  rpc_client *client;
  const api_method *method;
  rpc_completion completion;
  rpc_arena arena;
  rpc_metadata metadata[RPC_METADATA_MAX];
  size_t metadata_count;
  uint8_t *payload; /* in the arena */
  size_t payload_size;
  bool has_key;
  int64_t started_us, deadline_us;
  uint32_t attempts;
  uint32_t drained; /* those of them that met a stopping server */
  trace_span span, backoff_span;
  char traceparent[TRACE_PARENT_SIZE];
  char correlation_id[64];

  rpc_timer timer;
  pthread_mutex_t starting;  /* held while an attempt is begun: its timer waits for that */
  atomic_int parties;        /* of the attempt under way: its beginner, its exchange, its timer */
  atomic_bool timed_out;     /* the timer ended the attempt */
  nng_msg *response;         /* what the attempt gave, NULL where it failed */
  rpc_status attempt_status; /* how it failed */
} client_call;

static void start_attempt(client_call *call);

/* False without memory. */
static bool make_parts(rpc_client *client, const rpc_client_config *config) {
  client->config = *config;
  client->ids = config->traces ? config->traces : trace_recorder_create("", 1);
  if (!client->ids || !config->token) return client->ids;
  int length = asprintf(&client->authorization, "Bearer %s", config->token);
  if (length < 0) client->authorization = NULL;
  return length >= 0;
}

static void free_parts(rpc_client *client) {
  if (!client->config.traces) trace_recorder_destroy(client->ids);
  free(client->authorization);
  free(client);
}

rpc_client *rpc_client_create(const rpc_client_config *config) {
  rpc_client *client = calloc(1, sizeof *client);
  if (!client || !make_parts(client, config)) {
    if (client) free_parts(client);
    config->transport->close(config->transport);
    config->transport->destroy(config->transport);
    return NULL;
  }
  if (!client->config.timeout_ms) client->config.timeout_ms = DEFAULT_TIMEOUT_MS;
  if (!client->config.max_attempts) client->config.max_attempts = DEFAULT_ATTEMPTS;
  if (!client->config.backoff_ms) client->config.backoff_ms = DEFAULT_BACKOFF_MS;
  atomic_init(&client->budget, BUDGET_MAX);
  pthread_mutex_init(&client->lock, NULL);
  pthread_cond_init(&client->left, NULL);
  atomic_init(&client->holders, 1);
  if (config->metrics) {
    client->requests =
        metrics_define(config->metrics, METRICS_COUNTER, "rpc_client_requests_total",
                       "Calls ended, by method and status code.", (const char *const[]){"method", "code", NULL});
    client->durations =
        metrics_define(config->metrics, METRICS_HISTOGRAM, "rpc_client_request_duration_seconds",
                       "Time from a call's begin to its end, retries included.", (const char *const[]){"method", NULL});
    metrics_family *retries = metrics_define(config->metrics, METRICS_COUNTER, "rpc_client_retries_total",
                                             "Attempts made again, and those the retry budget refused.",
                                             (const char *const[]){"target", "result", NULL});
    client->retries = metrics_series_get(retries, (const char *const[]){config->target, "made"});
    client->retries_refused = metrics_series_get(retries, (const char *const[]){config->target, "refused"});
  }
  return client;
}

bool rpc_client_admits(rpc_client *client, const api_method *method, rpc_status *status) {
  if (method && method->no_side_effects) return true; /* servers do not refuse reads */
  if (rpc_throttle_passes(&client->throttle, rpc_clock_now_us(client->config.clock))) return true;
  *status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, RPC_REASON_THROTTLED, "%s is overloaded and was not asked",
                             client->config.target);
  return false;
}

static void count_in(rpc_client *client) {
  atomic_fetch_add(&client->holders, 1);
}

static void count_out(rpc_client *client) {
  if (atomic_fetch_sub(&client->holders, 1) > 1) return;
  pthread_mutex_lock(&client->lock);
  client->is_idle = true;
  pthread_cond_broadcast(&client->left);
  pthread_mutex_unlock(&client->lock);
}

void rpc_client_destroy(rpc_client *client) {
  if (!client) return;
  rpc_transport *transport = client->config.transport;
  atomic_store(&client->closing, true);
  transport->close(transport);
  count_out(client);
  pthread_mutex_lock(&client->lock);
  while (!client->is_idle) pthread_cond_wait(&client->left, &client->lock);
  pthread_mutex_unlock(&client->lock);
  transport->destroy(transport);
  pthread_cond_destroy(&client->left);
  pthread_mutex_destroy(&client->lock);
  method_series *next;
  for (method_series *entry = atomic_load(&client->methods); entry; entry = next) {
    next = entry->next;
    free(entry);
  }
  free_parts(client);
}

bool rpc_client_connected(const rpc_client *client) {
  return client->config.transport->connected(client->config.transport);
}

int64_t rpc_client_send_wait_us(const rpc_client *client) {
  const rpc_transport *transport = client->config.transport;
  return transport->send_wait_us ? transport->send_wait_us(transport) : 0;
}

static int64_t now_us(const client_call *call) {
  return rpc_clock_now_us(call->client->config.clock);
}

/* What every server answers is asked by monitoring, every few seconds: no traces of that. */
static bool is_traced(const client_call *call) {
  static const char builtin[] = "/rpc.v1.";
  return strncmp(call->method->name, builtin, sizeof builtin - 1) != 0;
}

static const char *error_type(const rpc_status *status) {
  if (status->code == RPC_OK) return NULL;
  return status->reason[0] ? status->reason : rpc_code_name(status->code);
}

static void end_span(client_call *call, const rpc_status *status) {
  if (!is_traced(call)) return;
  const char *service = call->method->name + 1, *slash = strchr(service, '/');
  trace_span *span = &call->span;
  trace_span_set_text(span, "rpc.system", RPC_TRACE_SYSTEM);
  trace_span_set_slice(span, "rpc.service", service, (size_t)(slash - service));
  trace_span_set_text(span, "rpc.method", slash + 1);
  trace_span_set_text(span, "peer.service", call->client->config.target);
  trace_span_set_number(span, "rpc.grpc.status_code", (int64_t)status->code);
  trace_span_set_number(span, "rpc.attempts", call->attempts);
  trace_span_end(call->client->config.traces, span, (int)status->code, call->correlation_id, error_type(status));
}

/* A span for the wait before another attempt, with what it is that makes one necessary: a waterfall then shows the
 * attempts, which are spans at their server, and what lies between. */
static void begin_backoff_span(client_call *call, const rpc_status *status) {
  call->backoff_span = trace_span_start(call->client->ids, "backoff", TRACE_INTERNAL, &call->span.context);
  trace_span_set_number(&call->backoff_span, "rpc.attempt", call->attempts);
  trace_span_set_number(&call->backoff_span, "rpc.grpc.status_code", (int64_t)status->code);
}

static void end_backoff_span(client_call *call) {
  if (!is_traced(call)) return;
  const rpc_status *status = &call->attempt_status; /* of the attempt before */
  trace_span_end(call->client->config.traces, &call->backoff_span, (int)status->code, call->correlation_id,
                 error_type(status));
}

/* NULL without memory for it. */
static method_series *series_of(rpc_client *client, const api_method *method) {
  method_series *first = atomic_load_explicit(&client->methods, memory_order_acquire);
  for (method_series *entry = first; entry; entry = entry->next) {
    if (entry->method == method) return entry;
  }
  method_series *entry = calloc(1, sizeof *entry);
  if (!entry) return NULL;
  entry->method = method;
  entry->duration = metrics_series_get(client->durations, (const char *const[]){method->name});
  entry->next = first; /* two threads may add one each: both count in the same series */
  while (!atomic_compare_exchange_weak(&client->methods, &entry->next, entry)) continue;
  return entry;
}

static void record(client_call *call, const rpc_status *status) {
  rpc_client *client = call->client;
  end_span(call, status);
  if (!client->requests) return;
  const api_method *method = call->method;
  method_series *series = series_of(client, method);
  if (!series) return;
  metrics_series *count = atomic_load_explicit(&series->by_code[status->code], memory_order_acquire);
  if (!count) {
    count = metrics_series_get(client->requests, (const char *const[]){method->name, rpc_code_name(status->code)});
    atomic_store_explicit(&series->by_code[status->code], count, memory_order_release);
  }
  metrics_add(count, 1);
  if (is_traced(call)) {
    metrics_observe_traced_us(series->duration, now_us(call) - call->started_us, &call->span.context);
  } else {
    metrics_observe_us(series->duration, now_us(call) - call->started_us);
  }
}

static void complete(client_call *call, const rpc_status *status, const ProtobufCMessage *response) {
  rpc_client *client = call->client;
  record(call, status);
  call->completion.thunk(call->completion.done, call->completion.arg, status, response);
  rpc_arena_free(&call->arena);
  pthread_mutex_destroy(&call->starting);
  free(call);
  count_out(client);
}

/* --- outcome of an attempt --- */

static bool budget_allows(rpc_client *client) {
  return atomic_load_explicit(&client->budget, memory_order_relaxed) > BUDGET_MAX / 2;
}

static void budget_count(rpc_client *client, bool good) {
  int change = good ? BUDGET_PER_SUCCESS : -BUDGET_PER_FAILURE;
  int before = atomic_load_explicit(&client->budget, memory_order_relaxed);
  int after;
  do {
    after = before + change;
    if (after < 0) after = 0;
    if (after > BUDGET_MAX) after = BUDGET_MAX;
    if (after == before) return;
  } while (!atomic_compare_exchange_weak_explicit(&client->budget, &before, after, memory_order_relaxed,
                                                  memory_order_relaxed));
}

/* What the attempt under way came to; the response message where it is RPC_OK. */
static rpc_status read_outcome(client_call *call, ProtobufCMessage **message) {
  if (!call->response) {
    bool by_timer = atomic_load(&call->timed_out) && call->attempt_status.code == RPC_CANCELLED;
    if (!by_timer) return call->attempt_status;
    if (now_us(call) < call->deadline_us) {
      return rpc_status_error(RPC_UNAVAILABLE, "ATTEMPT_TIMEOUT", "%s did not answer in time",
                              call->client->config.target);
    }
    return rpc_status_error(RPC_DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "%s did not answer before the deadline",
                            call->client->config.target);
  }
  Rpc__V1__Response *response = envelope_unpack_response(call->response, &call->arena);
  if (!response) return rpc_status_error(RPC_INTERNAL, "MALFORMED_ENVELOPE", "the response is not an envelope");
  rpc_status status = envelope_status(response);
  if (status.code != RPC_OK) return status;
  *message = envelope_unpack_payload(call->method->output, response->payload, &call->arena, &status);
  if (!*message) status.code = RPC_INTERNAL;
  return status;
}

static bool was_refused(const rpc_status *status) {
  return status->code == RPC_RESOURCE_EXHAUSTED && strcmp(status->reason, RPC_REASON_OVERLOADED) == 0;
}

static bool was_drained(const rpc_status *status) {
  return status->code == RPC_UNAVAILABLE && strcmp(status->reason, RPC_REASON_DRAINING) == 0;
}

static bool may_retry(const client_call *call, const rpc_status *status) {
  if (status->code != RPC_UNAVAILABLE || atomic_load(&call->client->closing)) return false;
  if (was_drained(status)) return call->attempts < DRAINED_ATTEMPTS_MAX;
  if (call->attempts >= call->client->config.max_attempts + call->drained) return false;
  bool never_begun = strcmp(status->reason, RPC_REASON_NOT_CONNECTED) == 0;
  return call->method->idempotent || call->has_key || never_begun;
}

static int64_t backoff_us(const client_call *call) {
  const rpc_client_config *config = &call->client->config;
  int64_t most_ms = (int64_t)config->backoff_ms << (call->attempts - 1 < 10 ? call->attempts - 1 : 10);
  if (most_ms > BACKOFF_MAX_MS) most_ms = BACKOFF_MAX_MS;
  return rpc_random_between(config->random, 0, most_ms * 1000);
}

static void on_backoff_over(void *arg) {
  end_backoff_span(arg);
  start_attempt(arg);
}

/* Ends the attempt under way; the caller is the call's only owner. */
static void conclude(client_call *call) {
  rpc_client *client = call->client;
  ProtobufCMessage *message = NULL;
  rpc_status status = read_outcome(call, &message);
  if (call->response) nng_msg_free(call->response);
  call->response = NULL;
  if (was_refused(&status)) rpc_throttle_refused(&client->throttle, now_us(call));
  bool drained = was_drained(&status);
  if (drained) {
    call->drained++;
  } else {
    budget_count(client, status.code != RPC_UNAVAILABLE);
  }
  if (may_retry(call, &status)) {
    int64_t again_us = now_us(call) + backoff_us(call);
    bool allowed = drained || budget_allows(client);
    metrics_series *counter = allowed ? client->retries : client->retries_refused;
    if (counter) metrics_add(counter, 1);
    if (allowed && again_us < call->deadline_us) {
      call->attempt_status = status;
      begin_backoff_span(call, &status);
      rpc_clock_set(client->config.clock, &call->timer, again_us, on_backoff_over, call);
      return;
    }
  }
  complete(call, &status, message);
}

/* --- an attempt --- */

static bool leave(client_call *call, int parties) {
  return atomic_fetch_sub(&call->parties, parties) == parties;
}

static void on_exchange_done(rpc_exchange *exchange, nng_msg *response, const rpc_status *status) {
  client_call *call = (client_call *)exchange;
  if (response) fault_plan_reach(call->client->config.faults, FAULT_AFTER_RECEIVE);
  call->response = response;
  call->attempt_status = *status;
  int parties = rpc_clock_cancel(call->client->config.clock, &call->timer) ? 2 : 1;
  if (leave(call, parties)) conclude(call);
}

static void on_attempt_timeout(void *arg) {
  client_call *call = arg;
  pthread_mutex_lock(&call->starting);
  bool started = call->exchange.slot != NULL;
  pthread_mutex_unlock(&call->starting);
  if (started) {
    atomic_store(&call->timed_out, true);
    call->client->config.transport->cancel(call->client->config.transport, &call->exchange);
  }
  if (leave(call, 1)) conclude(call);
}

static void on_attempt_over(void *arg) {
  conclude(arg);
}

static nng_msg *pack_attempt(client_call *call, int64_t now) {
  int64_t left_ms = (call->deadline_us - now + 999) / 1000;
  if (left_ms > ENVELOPE_TIMEOUT_MAX_MS) left_ms = ENVELOPE_TIMEOUT_MAX_MS;
  return envelope_pack_request(call->method->name, (uint32_t)left_ms, call->metadata, call->metadata_count,
                               call->payload, call->payload_size);
}

static bool begin_exchange(client_call *call, int64_t now) {
  if (now >= call->deadline_us) {
    call->attempt_status =
        rpc_status_error(RPC_DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED", "the deadline has passed before the call");
    return false;
  }
  nng_msg *request = pack_attempt(call, now);
  if (!request) {
    call->attempt_status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "", "no memory for the request");
    return false;
  }
  fault_plan_reach(call->client->config.faults, FAULT_BEFORE_SEND);
  rpc_transport *transport = call->client->config.transport;
  return transport->start(transport, &call->exchange, request, &call->attempt_status);
}

static void start_attempt(client_call *call) {
  const rpc_client_config *config = &call->client->config;
  int64_t now = now_us(call);
  int64_t until = call->deadline_us;
  int64_t attempt_us = (int64_t)config->attempt_timeout_ms * 1000;
  if (attempt_us && now + attempt_us < until) until = now + attempt_us;
  call->attempts++;
  call->exchange.slot = NULL;
  atomic_store(&call->timed_out, false);
  atomic_store(&call->parties, 3);

  pthread_mutex_lock(&call->starting);
  rpc_clock_set(config->clock, &call->timer, until, on_attempt_timeout, call);
  bool begun = begin_exchange(call, now);
  pthread_mutex_unlock(&call->starting);
  int parties = 1;
  if (!begun) parties += rpc_clock_cancel(config->clock, &call->timer) ? 2 : 1;
  /* All is over already. It is concluded on the clock's thread: rpc_client_call must not complete its own call. */
  if (leave(call, parties)) rpc_clock_set(config->clock, &call->timer, 0, on_attempt_over, call);
}

/* --- begin of a call --- */

/* Key and value live as long as the call. */
static void add_metadata(client_call *call, const char *key, const char *value) {
  if (!key || !value || !*value || call->metadata_count == RPC_METADATA_MAX) return;
  call->metadata[call->metadata_count++] = (rpc_metadata){key, value};
}

static const char *keep(client_call *call, const char *text) {
  return text && *text ? rpc_arena_strdup(&call->arena, text) : NULL;
}

static void add_token(client_call *call) {
  for (size_t i = 0; i < call->metadata_count; i++) {
    if (strcmp(call->metadata[i].key, RPC_METADATA_AUTHORIZATION) == 0) return;
  }
  add_metadata(call, RPC_METADATA_AUTHORIZATION, call->client->authorization);
}

static void fill_metadata(client_call *call, const rpc_call_options *options) {
  call->has_key = options->idempotency_key && *options->idempotency_key;
  trace_context_format(&call->span.context, call->traceparent);
  if (options->correlation_id) {
    strncpy(call->correlation_id, options->correlation_id, sizeof call->correlation_id - 1);
  }
  add_metadata(call, RPC_METADATA_TRACEPARENT, call->traceparent);
  add_metadata(call, RPC_METADATA_CORRELATION_ID, keep(call, options->correlation_id));
  add_metadata(call, RPC_METADATA_IDEMPOTENCY_KEY, keep(call, options->idempotency_key));
  for (size_t i = 0; i < options->metadata_count; i++) {
    add_metadata(call, keep(call, options->metadata[i].key), keep(call, options->metadata[i].value));
  }
  add_token(call);
}

/* False, with the reason as the attempt's status, where the request cannot be sent. */
static bool fill_payload(client_call *call, const ProtobufCMessage *request) {
  call->payload_size = protobuf_c_message_get_packed_size(request);
  if (call->payload_size > REQUEST_MAX) {
    call->attempt_status =
        rpc_status_error(RPC_RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE", "the request has %zu bytes, %d are allowed",
                         call->payload_size, REQUEST_MAX);
    return false;
  }
  call->payload = rpc_arena_alloc(&call->arena, call->payload_size + 1);
  if (!call->payload) {
    call->attempt_status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "", "no memory for the request");
    return false;
  }
  protobuf_c_message_pack(request, call->payload);
  return true;
}

void rpc_client_call(rpc_client *client, const api_method *method, const ProtobufCMessage *request,
                     const rpc_call_options *options, rpc_completion completion) {
  static const rpc_call_options defaults = {0};
  if (!options) options = &defaults;
  client_call *call = malloc(sizeof *call); /* faster here than calloc, as for the server's calls */
  if (!call) abort();                       /* a call that can neither be made nor refused has no honest outcome */
  *call =
      (client_call){.exchange.done = on_exchange_done, .client = client, .method = method, .completion = completion};
  call->started_us = now_us(call);
  call->deadline_us =
      options->deadline_us ? options->deadline_us : call->started_us + (int64_t)client->config.timeout_ms * 1000;
  rpc_arena_init(&call->arena, RESPONSE_ARENA_LIMIT);
  pthread_mutex_init(&call->starting, NULL);
  call->span = trace_span_start(client->ids, method->name + 1, TRACE_CLIENT, options->parent);
  count_in(client);
  fill_metadata(call, options);
  bool is_admitted = options->is_admitted || rpc_client_admits(client, method, &call->attempt_status);
  if (is_admitted && fill_payload(call, request)) {
    start_attempt(call);
  } else {
    rpc_clock_set(client->config.clock, &call->timer, 0, on_attempt_over, call);
  }
}
