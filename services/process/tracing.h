/* A process's tracing from its environment: the recorder, and the exporter where a collector is named. For
 * service_host.c and the gateway's main.c, before threads are started.
 *
 * Settings: STORE_TRACE_SPANS_KEPT (1 to 10000000; default 16384) in memory, 400 bytes each;
 * STORE_TRACE_SAMPLE_RATIO (0 to 1; default 1) of the traces that begin here, others follow their parent;
 * OTEL_EXPORTER_OTLP_ENDPOINT (such as http://127.0.0.1:4318, to which /v1/traces is added) or
 * OTEL_EXPORTER_OTLP_TRACES_ENDPOINT (taken as it is): unset, nothing is exported; OTEL_EXPORTER_OTLP_HEADERS
 * (key=value,…), OTEL_EXPORTER_OTLP_TIMEOUT (ms, 10000), OTEL_SERVICE_NAME (default: the process's name). */
#pragma once

#include "telemetry/metrics.h"
#include "telemetry/trace.h"
#include "telemetry/trace_export.h"

typedef struct tracing {
  trace_recorder *recorder;
  trace_exporter *exporter; /* NULL where nothing is exported */
} tracing;

/* service is copied; metrics outlives the tracing. False without memory. A setting that cannot be used ends the process
 * with exit code 2. */
bool tracing_open(tracing *self, const char *service, metrics_registry *metrics);

/* Sends what waits to be exported, 2 s at most, and exports no more: when no span is ended any more, and before what
 * their names and attributes point to is freed. */
void tracing_flush(tracing *self);

/* Flushes and frees. Zeroed: ignored. */
void tracing_close(tracing *self);
