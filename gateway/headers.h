/* The request headers that the gateway acts on, checked and copied. */
#pragma once

#include <h2o.h>
#include <stdbool.h>
#include <stdint.h>

#include "rpc/arena.h"
#include "rpc/random.h"
#include "rpc/status.h"
#include "telemetry/trace.h"

enum { HEADERS_CORRELATION_ID_MAX = 64, HEADERS_TIMEOUT_MAX_MS = 600000, HEADERS_BYTES_MAX = 32 * 1024 };

typedef struct request_headers {
  char correlation_id[HEADERS_CORRELATION_ID_MAX + 1]; /* the client's, or one made here: never empty */
  const char *idempotency_key;                         /* these in the arena; NULL where absent */
  const char *authorization;
  const char *content_type;
  uint32_t timeout_ms;  /* 0 where absent */
  trace_context parent; /* all zero where absent or not a valid traceparent (W3C: then it is ignored) */
} request_headers;

/* False with INVALID_ARGUMENT, naming the header, in *status, and in *http_status 431 where they are too large (past
 * some 400 KiB h2o ends the connection by itself), else what it was; correlation_id is filled even so. */
bool headers_read(const h2o_req_t *req, rpc_arena *arena, rpc_random *random, request_headers *headers,
                  int *http_status, rpc_status *status);

/* "1500" (milliseconds), "500ms" or "2s", from 1 ms to HEADERS_TIMEOUT_MAX_MS. */
bool headers_parse_timeout(const char *text, uint32_t *timeout_ms);
