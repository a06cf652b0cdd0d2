/* Spans and their context (W3C Trace Context, OpenTelemetry's terms). Finished spans are kept in a recorder: a ring in
 * memory from which a trace can be read back by its correlation id. Those that are sampled also go to an exporter. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  TRACE_PARENT_SIZE = 56, /* "00-<32 hex>-<16 hex>-<2 hex>" and its end */
  TRACE_TEXT_SIZE = 64,   /* a correlation id or detail as kept, with its end */
  TRACE_ATTRIBUTES_MAX = 8,
};

/* All zero: no trace. */
typedef struct trace_context {
  uint8_t trace_id[16];
  uint8_t span_id[8];
  bool sampled;
} trace_context;

typedef struct trace_recorder trace_recorder;

typedef enum trace_kind { TRACE_INTERNAL = 1, TRACE_SERVER = 2, TRACE_CLIENT = 3 } trace_kind; /* OTLP's numbers */

/* A fact about a span, by a key of OpenTelemetry's semantic conventions. A number where text is NULL. */
typedef struct trace_attribute {
  const char *key;
  const char *text; /* number bytes of it: need not be ended */
  int64_t number;
} trace_attribute;

/* A span under way: a plain value owned by whoever opened it. The strings it points to (name, keys, texts) live as long
 * as the process: literals, or tables made at start-up. */
typedef struct trace_span {
  trace_context context;
  uint8_t parent_id[8]; /* all zero: a root */
  trace_kind kind;
  const char *name;
  int64_t start_unix_ns;
  int64_t start_monotonic_ns;
  trace_attribute attributes[TRACE_ATTRIBUTES_MAX];
  size_t attribute_count;
} trace_span;

/* Parses a traceparent header (W3C Trace Context §3.2); false where it is not a valid one (version ff, wrong length,
 * upper case, zero ids) or NULL: start a new trace then. Of versions above 00 what version 00 knows is read. */
bool trace_context_parse(const char *traceparent, trace_context *context);

/* Written as version 00. */
void trace_context_format(const trace_context *context, char traceparent[TRACE_PARENT_SIZE]);

/* service: "order", the resource's service.name; copied. capacity (>= 1): spans kept, about 450 bytes each;
 * the oldest make room. NULL without memory. */
trace_recorder *trace_recorder_create(const char *service, size_t capacity);

/* NULL is ignored. */
void trace_recorder_destroy(trace_recorder *recorder);

/* Of the traces that begin here (their first span has no parent) this share is sampled, from 0 to 1; all unless called.
 * Decided by the trace id, as OpenTelemetry's TraceIdRatioBased. Before the first span. */
void trace_recorder_sample(trace_recorder *recorder, double ratio);

/* Told of each sampled span as it ends, on the thread that ends it: must not block. Before the first span. */
struct trace_record;
typedef void (*trace_export_fn)(void *arg, const struct trace_record *record);
void trace_recorder_export(trace_recorder *recorder, trace_export_fn export_span, void *arg);

/* Opens a span: a child of parent, or of a new trace where parent is NULL or all zero. A child is sampled as its parent
 * is, a new trace by the recorder's ratio. recorder may be NULL: the context is still made, so that it travels. From
 * any thread. */
trace_span trace_span_start(trace_recorder *recorder, const char *name, trace_kind kind, const trace_context *parent);

/* Past TRACE_ATTRIBUTES_MAX they are left out. */
void trace_span_set_text(trace_span *span, const char *key, const char *text);
void trace_span_set_slice(trace_span *span, const char *key, const char *text, size_t length);
void trace_span_set_number(trace_span *span, const char *key, int64_t number);

/* Ends a span and records it, sampled or not. code: canonical status code (0: OK). correlation_id and detail (such as a
 * reason) may be NULL; copied, cut at 63 bytes (between UTF-8 characters). recorder may be NULL: nothing is done. From
 * any thread. */
void trace_span_end(trace_recorder *recorder, const trace_span *span, int code, const char *correlation_id,
                    const char *detail);

/* A finished span as it is kept. */
typedef struct trace_record {
  uint8_t trace_id[16];
  uint8_t span_id[8];
  uint8_t parent_id[8]; /* all zero: a root */
  trace_kind kind;
  int code;            /* canonical status code */
  const char *name;    /* the span's */
  const char *service; /* the recorder's, and gone with it */
  int64_t start_unix_ns;
  int64_t duration_ns;                  /* >= 0, by the monotonic clock */
  char correlation_id[TRACE_TEXT_SIZE]; /* "": none */
  char detail[TRACE_TEXT_SIZE];         /* "": none */
  trace_attribute attributes[TRACE_ATTRIBUTES_MAX];
  size_t attribute_count;
} trace_record;

/* True where the span's outcome is its service's own failure: of a server only what is not the caller's doing
 * (OpenTelemetry's conventions for gRPC), of any other span every code but 0. */
bool trace_record_is_error(const trace_record *record);

/* Lower-case hexadecimal: 2 * size characters, without an end. */
void trace_format_id(char *text, const uint8_t *id, size_t size);

/* The spans that ended with this correlation id and are still kept: copied to out, by their start, oldest first; how
 * many. Where there are more than max, those that ended last. None for "" or NULL. From any
 * thread. */
size_t trace_recorder_find(trace_recorder *recorder, const char *correlation_id, trace_record *out, size_t max);
