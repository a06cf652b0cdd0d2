/* Spans as OTLP/HTTP JSON: the body of a POST to a collector's /v1/traces (ExportTraceServiceRequest in protobuf's JSON
 * mapping, with ids in hexadecimal as OTLP asks). Written for the exporter. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "telemetry/trace.h"

/* Who the spans are of, as resource attributes. */
typedef struct trace_resource {
  const char *service;  /* service.name */
  const char *instance; /* service.instance.id: tells replicas apart */
} trace_resource;

/* What was written: one for many batches, since memory for each would cost more than writing it. Zeroed before first
 * use. */
typedef struct trace_otlp_text {
  char *bytes; /* not ended by NUL */
  size_t length;
  size_t capacity;
} trace_otlp_text;

/* Writes the records into text, in place of what is there. False without memory. */
bool trace_otlp_write(trace_otlp_text *text, const trace_resource *resource, const trace_record *records, size_t count);

void trace_otlp_free(trace_otlp_text *text);
