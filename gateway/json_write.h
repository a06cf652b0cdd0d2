/* JSON text into a growing, bounded buffer: single values for those who compose a document, and whole messages straight
 * from their descriptors. Called on the completion threads of RPC and on the event loop; a writer has one holder at a
 * time. Separators are the writer's own affair: write a key and its value, or element after element. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct json_writer {
  char *bytes; /* malloc'd; NULL while nothing is written */
  size_t length;
  size_t capacity;
  size_t limit;
  bool failed; /* no memory, past the limit, or a message that JSON cannot say: what was written is incomplete */
  const ProtobufCMessageDescriptor *const *map_entries; /* messages that stand for the entries of a map */
  size_t map_entry_count;
} json_writer;

/* A writer of up to limit bytes that knows the API's maps. */
json_writer json_writer_make(size_t limit);

/* Frees what was written. */
void json_writer_free(json_writer *writer);

/* '{' or '[', and its end '}' or ']'. */
void json_write_open(json_writer *writer, char bracket);
void json_write_close(json_writer *writer, char bracket);

void json_write_key(json_writer *writer, const char *key);

/* NULL is written as "". Bytes that are not UTF-8 become U+FFFD. */
void json_write_text(json_writer *writer, const char *text);

void json_write_integer(json_writer *writer, int64_t value);
void json_write_bool(json_writer *writer, bool value);

/* The shortest text that reads back as the same value; "NaN", "Infinity" and "-Infinity" as strings. */
void json_write_double(json_writer *writer, double value);

/* Text that is JSON already. */
void json_write_raw(json_writer *writer, const char *json, size_t length);

/* Bytes as they are, JSON or not: for documents of another kind. */
void json_write_bytes(json_writer *writer, const char *bytes, size_t length);

/* An object with the fields' names as in the .proto and with defaults written out; sub-messages, oneof members and
 * optional fields that are not set are left out. 64-bit integers are strings, as in the JSON mapping of protobuf. */
void json_write_message(json_writer *writer, const ProtobufCMessage *message);
