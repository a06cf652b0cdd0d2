/* JSON into a message, driven by its descriptor: the JSON mapping of protobuf 3, names as in the .proto or in
 * lowerCamelCase. Text that is not JSON (RFC 8259, UTF-8), unknown names (unless told otherwise), a name given twice,
 * two members of one oneof and values out of range are refused, with the field's path ("items[0].quantity"). Called by
 * transcode and by the runner's command line. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>

#include "rpc/arena.h"
#include "rpc/status.h"

enum { JSON_DEPTH_MAX = 64 }; /* messages within messages */

typedef struct json_reader {
  rpc_arena *arena;                                     /* where the message and all it points to is allocated */
  const ProtobufCMessageDescriptor *const *map_entries; /* messages that stand for the entries of a map */
  size_t map_entry_count;
  bool allow_unknown_fields; /* they are passed over */
  rpc_status status;         /* INVALID_ARGUMENT once a function has returned false */
} json_reader;

/* A reader that knows the API's maps. */
json_reader json_reader_make(rpc_arena *arena);

/* A message with every field at its default. NULL when the arena is exhausted. */
ProtobufCMessage *json_read_new(json_reader *reader, const ProtobufCMessageDescriptor *descriptor);

/* Reads an object's members into the message or, where name is not NULL, a value into its field of that name. The text
 * need not end in NUL. Where it is not JSON, that is the error, with the line and column, whatever else is wrong. */
bool json_read(json_reader *reader, ProtobufCMessage *message, const char *name, const char *text, size_t length);

/* Reads a text that stands for itself (a path segment, a query parameter) into the field that a path of names leads to
 * ("filter.status"). Messages on the way are made; a repeated field grows by one. text is UTF-8. */
bool json_read_text(json_reader *reader, ProtobufCMessage *message, const char *path, const char *text, size_t length);

/* The field of that name, either way of writing it; NULL where there is none. */
const ProtobufCFieldDescriptor *json_find_field(const ProtobufCMessageDescriptor *descriptor, const char *name,
                                                size_t length);
