/* An HTTP request into the message of the method that its route leads to: path variables, query parameters, body. The
 * one place where bytes from HTTP clients are parsed (h2o has parsed the framing). Called on the event loop. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "gateway/routes.h"
#include "rpc/arena.h"
#include "rpc/status.h"

typedef struct transcode_request {
  const char *query; /* without its '?', still encoded; need not end in NUL, like the body */
  size_t query_length;
  const char *body;
  size_t body_length;
} transcode_request;

/* The message, in the arena. A name in body or query that is no field is refused, or passed over where the query has
 * "allow-unknown-fields", alone or "=true". NULL with INVALID_ARGUMENT, naming the field or "body", in *status. */
ProtobufCMessage *transcode_read(const route_match *match, const transcode_request *request, rpc_arena *arena,
                                 rpc_status *status);

/* True for application/json and application/...+json, with charset utf-8 where one is given. */
bool transcode_is_json(const char *content_type, size_t length);
