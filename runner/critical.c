/* See critical.h. Spans are copied out of the answers, since those are gone when the door's callback returns. */
#include "runner/critical.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/critical_path.h"
#include "rpc/v1/traces.pb-c.h"

static const api_route trace_route[] = {{"GET", "/traces/{correlation_id}", ""}};

/* One for each process to ask: a door finds the target of a call by the method's address. */
#define TRACE_METHOD                                                                                 \
  {                                                                                                  \
    .name = "/rpc.v1.Traces/GetTrace", .input = &rpc__v1__get_trace_request__descriptor,             \
    .output = &rpc__v1__get_trace_response__descriptor, .idempotent = true, .no_side_effects = true, \
    .routes = trace_route, .route_count = 1                                                          \
  }
static const api_method trace_methods[] = {TRACE_METHOD, TRACE_METHOD, TRACE_METHOD};

#define TRACE_SOURCE(of, index) \
  { .full_name = "rpc.v1.Traces", .name = of, .methods = &trace_methods[index], .method_count = 1 }
const api_service runner_trace_sources[] = {TRACE_SOURCE("order", 0), TRACE_SOURCE("payment", 1),
                                            TRACE_SOURCE("inventory", 2)};
const size_t runner_trace_source_count = sizeof runner_trace_sources / sizeof runner_trace_sources[0];

/* The answers about one trace. */
typedef struct trace_answers {
  Rpc__V1__GetTraceResponse *answers[sizeof trace_methods / sizeof trace_methods[0]];
  size_t count;
} trace_answers;

static void take_answer(void *arg, const ProtobufCMessage *response) {
  trace_answers *trace = arg;
  size_t size = protobuf_c_message_get_packed_size(response);
  uint8_t *bytes = malloc(size + 1);
  if (bytes == NULL) return;
  protobuf_c_message_pack(response, bytes);
  Rpc__V1__GetTraceResponse *copy = rpc__v1__get_trace_response__unpack(NULL, size, bytes);
  free(bytes);
  if (copy != NULL) trace->answers[trace->count++] = copy;
}

static bool is_there(Rpc__V1__Span *const *spans, size_t count, const char *span_id) {
  for (size_t i = 0; i < count; i++) {
    if (strcmp(spans[i]->span_id, span_id) == 0) return true;
  }
  return false;
}

static runner_part *part_of(runner_critical *critical, const Rpc__V1__Span *span) {
  for (size_t i = 0; i < critical->part_count; i++) {
    runner_part *part = &critical->parts[i];
    if (strcmp(part->service, span->service) == 0 && strcmp(part->name, span->name) == 0) return part;
  }
  if (critical->part_count == RUNNER_PARTS_MAX) {
    runner_part *last = &critical->parts[RUNNER_PARTS_MAX - 1];
    snprintf(last->service, sizeof last->service, "%s", "");
    snprintf(last->name, sizeof last->name, "other");
    return last;
  }
  runner_part *part = &critical->parts[critical->part_count++];
  snprintf(part->service, sizeof part->service, "%s", span->service);
  snprintf(part->name, sizeof part->name, "%s", span->name);
  return part;
}

/* Each span once, whichever process told of it. */
static void add_trace(runner_critical *critical, const trace_answers *trace) {
  size_t most = 0, count = 0;
  for (size_t i = 0; i < trace->count; i++) most += trace->answers[i]->n_spans;
  Rpc__V1__Span **spans = malloc((most + 1) * sizeof(Rpc__V1__Span *));
  if (spans == NULL || most == 0) {
    free(spans);
    return;
  }
  for (size_t i = 0; i < trace->count; i++) {
    for (size_t j = 0; j < trace->answers[i]->n_spans; j++) {
      Rpc__V1__Span *span = trace->answers[i]->spans[j];
      if (!is_there(spans, count, span->span_id)) spans[count++] = span;
    }
  }
  critical_path_fill(spans, count);
  for (size_t i = 0; i < count; i++) {
    if (spans[i]->critical_ms <= 0) continue;
    part_of(critical, spans[i])->total_ms += spans[i]->critical_ms;
    critical->whole_ms += spans[i]->critical_ms;
  }
  critical->traces++;
  free(spans);
}

void runner_critical_want(runner_critical *critical, const char *correlation_id) {
  if (critical->id_count == RUNNER_TRACES_MAX || correlation_id[0] == '\0') return;
  snprintf(critical->correlation_ids[critical->id_count++], sizeof critical->correlation_ids[0], "%s", correlation_id);
}

static int largest_first(const void *a, const void *b) {
  double left = ((const runner_part *)a)->total_ms, right = ((const runner_part *)b)->total_ms;
  return (left < right) - (left > right);
}

void runner_critical_read(runner_critical *critical, runner_door *door) {
  for (size_t i = 0; i < critical->id_count; i++) {
    trace_answers trace = {.count = 0};
    Rpc__V1__GetTraceRequest request = RPC__V1__GET_TRACE_REQUEST__INIT;
    request.correlation_id = critical->correlation_ids[i];
    for (size_t j = 0; j < runner_trace_source_count; j++) {
      runner_door_call_and_wait(door, &trace_methods[j], &request.base, NULL, take_answer, &trace);
    }
    add_trace(critical, &trace);
    for (size_t j = 0; j < trace.count; j++) rpc__v1__get_trace_response__free_unpacked(trace.answers[j], NULL);
  }
  qsort(critical->parts, critical->part_count, sizeof critical->parts[0], largest_first);
}
