/* Turns the records of telemetry/trace into messages. */
#include "rpc/trace_service.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/v1/traces.rpc.h"

static char *id_text(rpc_arena *arena, const uint8_t *id, size_t size) {
  static const uint8_t none[16] = {0};
  char *text = rpc_arena_alloc(arena, 2 * size + 1);
  if (text && memcmp(id, none, size) != 0) trace_format_id(text, id, size);
  return text;
}

static bool fill_attributes(const trace_record *record, rpc_arena *arena, Rpc__V1__Span *span) {
  span->attributes = rpc_arena_alloc(arena, (record->attribute_count + 1) * sizeof(Rpc__V1__Span__AttributesEntry *));
  for (size_t i = 0; span->attributes && i < record->attribute_count; i++) {
    const trace_attribute *attribute = &record->attributes[i];
    Rpc__V1__Span__AttributesEntry *entry = rpc_arena_alloc(arena, sizeof *entry);
    if (!entry) return false;
    rpc__v1__span__attributes_entry__init(entry);
    entry->key = (char *)attribute->key;
    entry->value = attribute->text ? rpc_arena_printf(arena, "%.*s", (int)attribute->number, attribute->text)
                                   : rpc_arena_printf(arena, "%" PRId64, attribute->number);
    if (!entry->value) return false;
    span->attributes[span->n_attributes++] = entry;
  }
  return span->attributes != NULL;
}

/* To whole microseconds, which is what a double has digits for. */
static double milliseconds(int64_t nanoseconds) {
  int64_t microseconds = nanoseconds / 1000;
  return (double)microseconds / 1e3;
}

/* NULL without memory. */
static Rpc__V1__Span *make_span(const trace_record *record, rpc_arena *arena) {
  Rpc__V1__Span *span = rpc_arena_alloc(arena, sizeof *span);
  if (!span) return NULL;
  rpc__v1__span__init(span);
  span->trace_id = id_text(arena, record->trace_id, sizeof record->trace_id);
  span->span_id = id_text(arena, record->span_id, sizeof record->span_id);
  span->parent_span_id = id_text(arena, record->parent_id, sizeof record->parent_id);
  span->service = (char *)record->service;
  span->name = (char *)record->name;
  span->kind = (Rpc__V1__SpanKind)record->kind;
  span->start_unix_ms = milliseconds(record->start_unix_ns);
  span->duration_ms = milliseconds(record->duration_ns);
  span->code = (Rpc__V1__Code)record->code;
  span->reason = rpc_arena_strdup(arena, record->detail);
  bool complete = span->trace_id && span->span_id && span->parent_span_id && span->reason;
  return complete && fill_attributes(record, arena, span) ? span : NULL;
}

bool trace_service_fill(trace_recorder *traces, const char *correlation_id, rpc_arena *arena,
                        Rpc__V1__GetTraceResponse *response) {
  response->correlation_id = (char *)correlation_id;
  if (!traces) return true;
  trace_record *records = malloc(TRACE_SERVICE_SPANS_MAX * sizeof *records);
  if (!records) return false;
  size_t count = trace_recorder_find(traces, correlation_id, records, TRACE_SERVICE_SPANS_MAX);
  response->spans = rpc_arena_alloc(arena, (count + 1) * sizeof(Rpc__V1__Span *));
  while (response->spans && response->n_spans < count) {
    Rpc__V1__Span *span = make_span(&records[response->n_spans], arena);
    if (!span) break;
    response->spans[response->n_spans++] = span;
  }
  free(records);
  return response->spans && response->n_spans == count;
}

static void get_trace(void *self, rpc_call *call, const Rpc__V1__GetTraceRequest *request) {
  Rpc__V1__GetTraceResponse response = RPC__V1__GET_TRACE_RESPONSE__INIT;
  if (trace_service_fill(self, request->correlation_id, rpc_call_arena(call), &response)) {
    rpc_v1_traces_get_trace_reply(call, &response);
    return;
  }
  rpc_status status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory for the trace");
  rpc_call_fail(call, &status);
}

void trace_service_register(rpc_server *server, trace_recorder *traces) {
  static const rpc_v1_traces_handlers handlers = {.get_trace = get_trace};
  rpc_v1_traces_register(server, &handlers, traces);
}
