/* Sends sampled spans to a collector (Jaeger, the OpenTelemetry Collector, …) as OTLP/HTTP JSON, in batches, from a
 * thread of its own. A call never waits for it: where the collector is slow or down spans are dropped, and counted in
 * telemetry_spans_total{result="exported" | "dropped_queue_full" | "dropped_by_collector"}. Made by process/tracing. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "telemetry/metrics.h"
#include "telemetry/trace.h"

typedef struct trace_exporter trace_exporter;

/* Zeros stand for the defaults. Strings are copied. */
typedef struct trace_exporter_config {
  const char *url;     /* the whole of it: "http://127.0.0.1:4318/v1/traces"; http or https */
  const char *headers; /* "key=value,key=value", sent with each post; NULL: none */
  const char *service; /* service.name */
  metrics_registry *metrics;
  size_t queue_spans;   /* that wait at most, and as many again are being sent; 2048 */
  size_t batch_spans;   /* in one post at most; 512 */
  uint32_t interval_ms; /* between posts while there is less than a batch; 1000 */
  uint32_t timeout_ms;  /* of one post; 10000 */
  uint32_t attempts;    /* of a batch, before it is dropped; 5 */
  uint32_t backoff_ms;  /* before the second attempt; doubles; 500 */
  uint32_t shutdown_ms; /* for what is queued, at destroy; 2000 */
} trace_exporter_config;

/* Starts the thread. NULL without memory, threads, or a usable URL. Before other threads are started. */
trace_exporter *trace_exporter_create(const trace_exporter_config *config);

/* A trace_export_fn: queues a span, or drops it where the queue is full. From any thread. */
void trace_exporter_offer(void *exporter, const trace_record *record);

/* Sends what is queued, for shutdown_ms at most, and ends. Nobody may offer any more. NULL is ignored. */
void trace_exporter_destroy(trace_exporter *exporter);
