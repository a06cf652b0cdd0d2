/* One scalar of a message from a JSON value, a query parameter, a path segment or a map's key. Called by json_read. */
#pragma once

#include <jansson.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "rpc/arena.h"

/* What is to be converted: a JSON value, or (json NULL) a bare word, in which numbers and booleans are spelled out. */
typedef struct json_scalar {
  const json_t *json;
  const char *text; /* not necessarily ended by NUL where it is longer than length */
  size_t length;
} json_scalar;

/* Bytes of one value of that type in a message struct. */
size_t json_scalar_size(ProtobufCType type);

/* Writes the value to member, whose type is field->type; texts and bytes are allocated from the arena. NULL, or what
 * was wrong ("expected true or false"): a literal. The text must be valid UTF-8. */
const char *json_scalar_read(rpc_arena *arena, const ProtobufCFieldDescriptor *field, const json_scalar *value,
                             void *member);
