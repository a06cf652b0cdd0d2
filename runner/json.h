/* Messages to JSON and back, as the store's REST API writes them: snake_case names, numbers for money, RFC 3339 times.
 * The client's side of what the gateway does, and written apart from it so that one checks the other. */
#pragma once

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>

#include "rpc/arena.h"

/* An object with the message's fields, those left out that hold their default. NULL without memory. */
json_t *runner_json_of_message(const ProtobufCMessage *message);

/* A message in the arena; members that it has no field for, or of another type than the field, are passed over. NULL
 * where json is no object, or past the arena's limit. */
ProtobufCMessage *runner_json_to_message(const json_t *json, const ProtobufCMessageDescriptor *type, rpc_arena *arena);
