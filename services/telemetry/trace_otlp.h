/* Spans as OTLP/HTTP JSON: the body of a POST to a collector's /v1/traces (ExportTraceServiceRequest in protobuf's JSON
 * mapping, with ids in hexadecimal as OTLP asks). Written for the exporter. */
#pragma once

#include <stddef.h>

#include "telemetry/trace.h"

/* Who the spans are of, as resource attributes. */
typedef struct trace_resource {
  const char *service;  /* service.name */
  const char *instance; /* service.instance.id: tells replicas apart */
} trace_resource;

/* malloc'd, the caller's to free; *length excludes the final NUL. NULL without memory. */
char *trace_otlp_write(const trace_resource *resource, const trace_record *records, size_t count, size_t *length);
