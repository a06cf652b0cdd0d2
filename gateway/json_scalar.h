/* One scalar of a message from a JSON value, a query parameter, a path segment or a map's key. Called by json_read. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "rpc/arena.h"

typedef enum json_kind {
  KIND_WORD, /* not JSON: a bare word, in which numbers and booleans are spelled out */
  KIND_STRING,
  KIND_NUMBER,
  KIND_TRUE,
  KIND_FALSE,
  KIND_NULL,
  KIND_OBJECT, /* its beginning; no scalar, like the next */
  KIND_ARRAY,
} json_kind;

/* What is to be converted. */
typedef struct json_value {
  json_kind kind;
  const char *text; /* of a word, a string without its escapes, or a number: not ended by NUL */
  size_t length;
} json_value;

/* Bytes of one value of that type in a message struct. */
size_t json_scalar_size(ProtobufCType type);

/* Writes the value to member, whose type is field->type; texts and bytes are allocated from the arena. NULL, or what
 * was wrong ("expected true or false"): a literal. */
const char *json_scalar_read(rpc_arena *arena, const ProtobufCFieldDescriptor *field, const json_value *value,
                             void *member);
