/* Metadata that travels beside a request or response: a few pairs of strings, keys in lower case. */
#pragma once

#include <stddef.h>

#define RPC_METADATA_CORRELATION_ID "x-correlation-id"
#define RPC_METADATA_TRACEPARENT "traceparent" /* W3C Trace Context */
#define RPC_METADATA_IDEMPOTENCY_KEY "idempotency-key"
#define RPC_METADATA_AUTHORIZATION "authorization" /* "Bearer TOKEN", RFC 6750 */

/* rpc.system of spans: the envelope over NNG, with gRPC's status codes. */
#define RPC_TRACE_SYSTEM "nng"

enum {
  RPC_METADATA_MAX = 16,         /* entries in one envelope */
  RPC_METADATA_VALUE_MAX = 1024, /* bytes of one value */
};

typedef struct rpc_metadata {
  const char *key;
  const char *value;
} rpc_metadata;
