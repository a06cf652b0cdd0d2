/* The texts of a REST exchange: what to send for a message by its route, and what an answer means. No I/O; what
 * door_gateway puts on the wire and takes from it. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "api.h"
#include "rpc/arena.h"
#include "rpc/status.h"

typedef struct runner_rest_request {
  const char *http_method; /* the route's */
  char *url;               /* malloc'd, with path and query */
  char *body;              /* malloc'd JSON; NULL: none */
} runner_rest_request;

/* base_url: "http://127.0.0.1:8001". False without memory, or where the path names a field that is empty; the request
 * is empty then. */
bool runner_rest_request_make(runner_rest_request *request, const char *base_url, const api_route *route,
                              const ProtobufCMessage *message);

void runner_rest_request_free(runner_rest_request *request);

/* The meaning of an answer: of 2xx the message in *response (in the arena); of others the status that its
 * problem+json (RFC 9457) tells, order_id as a fact; of an answer that is neither, UNKNOWN with reason "HTTP_502". */
rpc_status runner_rest_read_answer(long http_status, const char *body, size_t length,
                                   const ProtobufCMessageDescriptor *type, rpc_arena *arena,
                                   ProtobufCMessage **response);
