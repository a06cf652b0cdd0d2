/* Spans and their context (W3C Trace Context, OpenTelemetry's terms). Finished spans are kept in a recorder: a ring in
 * memory from which a trace can be read back by its correlation id. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  TRACE_PARENT_SIZE = 56, /* "00-<32 hex>-<16 hex>-<2 hex>" and its end */
  TRACE_TEXT_SIZE = 64,   /* a correlation id or detail as kept, with its end */
};

/* All zero: no trace. */
typedef struct trace_context {
  uint8_t trace_id[16];
  uint8_t span_id[8];
  bool sampled;
} trace_context;

typedef struct trace_recorder trace_recorder;

typedef enum trace_kind { TRACE_INTERNAL = 1, TRACE_SERVER = 2, TRACE_CLIENT = 3 } trace_kind; /* OTLP's numbers */

/* A span under way: a plain value owned by whoever opened it. The strings it points to must outlive it:
 * names are literals or live as long as the process. */
typedef struct trace_span {
  trace_context context;
  uint8_t parent_id[8]; /* all zero: a root */
  trace_kind kind;
  const char *name;
  int64_t start_unix_ns;
  int64_t start_monotonic_ns;
} trace_span;

/* Parses a traceparent header (W3C Trace Context §3.2); false where it is not a valid one (version ff, wrong length,
 * upper case, zero ids) or NULL: start a new trace then. Of versions above 00 what version 00 knows is read. */
bool trace_context_parse(const char *traceparent, trace_context *context);

/* Written as version 00. */
void trace_context_format(const trace_context *context, char traceparent[TRACE_PARENT_SIZE]);

/* service: "order", the resource's service.name; copied. capacity (>= 1): spans kept, about 200 bytes each;
 * the oldest make room. NULL without memory. */
trace_recorder *trace_recorder_create(const char *service, size_t capacity);

/* NULL is ignored. */
void trace_recorder_destroy(trace_recorder *recorder);

/* Opens a span: a child of parent, or of a new trace where parent is NULL or all zero. A child is sampled as its parent
 * is, a new trace always. recorder may be NULL: the context is still made, so that it travels. From any thread. */
trace_span trace_span_start(trace_recorder *recorder, const char *name, trace_kind kind, const trace_context *parent);

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
} trace_record;

/* The spans that ended with this correlation id and are still kept: copied to out, by their start, oldest first; how
 * many. Where there are more than max, those that ended last. None for "" or NULL. From any
 * thread. */
size_t trace_recorder_find(trace_recorder *recorder, const char *correlation_id, trace_record *out, size_t max);
