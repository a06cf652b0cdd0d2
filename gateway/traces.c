/* Asks every process at once; whoever completes the last puts the answers together. Until then an answer is kept as
 * bytes, since a response is gone when its completion returns. */
#include "gateway/traces.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/routes.h"
#include "rpc/critical_path.h"
#include "rpc/trace_service.h"
#include "rpc/v1/traces.rpc.h"

enum { TIMEOUT_US = 2000000, ARENA_MAX = 16 * 1024 * 1024 };

/* What one process answered; bytes is NULL where it did not. */
typedef struct trace_part {
  struct trace_report *report;
  const gateway_replica *replica;
  uint8_t *bytes;
  size_t size;
} trace_part;

typedef struct trace_report {
  trace_recorder *own;
  traces_done_fn done;
  void *arg;
  char correlation_id[RPC_METADATA_VALUE_MAX + 1];
  atomic_size_t left;
  size_t count;
  trace_part parts[GATEWAY_REPLICAS_MAX];
} trace_report;

static int by_start(const void *a, const void *b) {
  double left = (*(Rpc__V1__Span *const *)a)->start_unix_ms, right = (*(Rpc__V1__Span *const *)b)->start_unix_ms;
  return (left > right) - (left < right);
}

/* Appends the spans of one answer. False without memory. */
static bool append_spans(Rpc__V1__GetTraceResponse *whole, const Rpc__V1__GetTraceResponse *more, rpc_arena *arena) {
  size_t count = whole->n_spans + more->n_spans;
  Rpc__V1__Span **spans = rpc_arena_alloc(arena, (count + 1) * sizeof(Rpc__V1__Span *));
  if (!spans) return false;
  for (size_t i = 0; i < count; i++) {
    spans[i] = i < whole->n_spans ? whole->spans[i] : more->spans[i - whole->n_spans];
  }
  whole->spans = spans;
  whole->n_spans = count;
  return true;
}

/* The spans of all; services that did not answer are named. */
static bool merge(const trace_report *report, rpc_arena *arena, Rpc__V1__GetTraceResponse *whole) {
  if (!trace_service_fill(report->own, report->correlation_id, arena, whole)) return false;
  whole->unavailable = rpc_arena_alloc(arena, (report->count + 1) * sizeof(char *));
  if (!whole->unavailable) return false;
  for (size_t i = 0; i < report->count; i++) {
    const trace_part *part = &report->parts[i];
    Rpc__V1__GetTraceResponse *answer =
        part->bytes ? rpc__v1__get_trace_response__unpack(&arena->allocator, part->size, part->bytes) : NULL;
    if (!answer) {
      whole->unavailable[whole->n_unavailable++] = (char *)part->replica->service;
    } else if (!append_spans(whole, answer, arena)) {
      return false;
    }
  }
  if (whole->n_spans > 1) qsort(whole->spans, whole->n_spans, sizeof(Rpc__V1__Span *), by_start);
  critical_path_fill(whole->spans, whole->n_spans);
  return true;
}

static void part_done(trace_report *report) {
  if (atomic_fetch_sub(&report->left, 1) > 1) return;
  rpc_arena arena;
  rpc_arena_init(&arena, ARENA_MAX);
  Rpc__V1__GetTraceResponse whole = RPC__V1__GET_TRACE_RESPONSE__INIT;
  report->done(report->arg, merge(report, &arena, &whole) ? &whole : NULL);
  for (size_t i = 0; i < report->count; i++) free(report->parts[i].bytes);
  rpc_arena_free(&arena);
  free(report);
}

static void on_trace(void *arg, const rpc_status *status, const Rpc__V1__GetTraceResponse *response) {
  (void)status;
  trace_part *mine = arg;
  if (response) {
    mine->size = rpc__v1__get_trace_response__get_packed_size(response);
    mine->bytes = malloc(mine->size + 1);
    if (mine->bytes) rpc__v1__get_trace_response__pack(response, mine->bytes);
  }
  part_done(mine->report);
}

void traces_collect(gateway *server, const char *correlation_id, const rpc_call_options *options, traces_done_fn done,
                    void *arg) {
  trace_report *report = calloc(1, sizeof *report);
  if (!report || strlen(correlation_id) >= sizeof report->correlation_id) {
    free(report);
    done(arg, NULL);
    return;
  }
  report->own = server->config.traces;
  report->done = done;
  report->arg = arg;
  strcpy(report->correlation_id, correlation_id);
  size_t count = report->count = server->config.replica_count;
  atomic_init(&report->left, count + 1); /* the one is this function's: with no services it is the last */
  for (size_t i = 0; i < count; i++) report->parts[i] = (trace_part){.report = report, .replica = &server->replicas[i]};
  for (size_t i = 0; i < count; i++) {
    Rpc__V1__GetTraceRequest request = RPC__V1__GET_TRACE_REQUEST__INIT;
    request.correlation_id = report->correlation_id;
    rpc_v1_traces_get_trace(server->replicas[i].client, &request, options, on_trace, &report->parts[i]);
  }
  part_done(report); /* it may be gone after this */
}

static void answer(void *arg, const Rpc__V1__GetTraceResponse *whole) {
  exchange *self = arg;
  if (!whole) {
    rpc_status status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory for the trace");
    exchange_fail(self, &status, 0);
  } else if (whole->n_spans == 0) {
    bool sure = whole->n_unavailable == 0;
    rpc_status status =
        rpc_status_error(sure ? RPC_NOT_FOUND : RPC_UNAVAILABLE, "TRACE_NOT_FOUND", "no spans of '%s' are kept %s",
                         whole->correlation_id, sure ? "any more" : "by the services that answered");
    exchange_fail(self, &status, 0);
  } else {
    json_write_message(&self->body, &whole->base);
    exchange_reply(self, 200, "application/json");
  }
  exchange_post(self);
}

void traces_page(exchange *self) {
  h2o_iovec_t path = exchange_path(self);
  size_t prefix = sizeof "/traces/" - 1;
  const char *id = routes_decode(&self->arena, path.base + prefix, path.len - prefix, false);
  if (id && *id) {
    rpc_call_options options = exchange_call_options(self);
    options.deadline_us = self->started_us + TIMEOUT_US;
    traces_collect(self->listener->server, id, &options, answer, self);
    return;
  }
  rpc_status status = rpc_status_invalid("correlation_id", "not a well-formed correlation id");
  exchange_fail(self, &status, 0);
  exchange_send(self);
}
