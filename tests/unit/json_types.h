/* A message with a field of every type that protobuf has, each singular and repeated, a oneof, optional fields, maps
 * and itself, for the tests of JSON: the API has not all of them. Made by hand as protobuf-c's compiler would. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "google/protobuf/duration.pb-c.h"
#include "google/protobuf/timestamp.pb-c.h"
#include "rpc/v1/status.pb-c.h"

/* name, C type, protobuf-c type, its descriptor */
#define TYPES_SCALARS(X)                            \
  X(an_int32, int32_t, INT32, NULL)                 \
  X(a_sint32, int32_t, SINT32, NULL)                \
  X(a_sfixed32, int32_t, SFIXED32, NULL)            \
  X(an_int64, int64_t, INT64, NULL)                 \
  X(a_sint64, int64_t, SINT64, NULL)                \
  X(a_sfixed64, int64_t, SFIXED64, NULL)            \
  X(a_uint32, uint32_t, UINT32, NULL)               \
  X(a_fixed32, uint32_t, FIXED32, NULL)             \
  X(a_uint64, uint64_t, UINT64, NULL)               \
  X(a_fixed64, uint64_t, FIXED64, NULL)             \
  X(a_float, float, FLOAT, NULL)                    \
  X(a_double, double, DOUBLE, NULL)                 \
  X(a_bool, protobuf_c_boolean, BOOL, NULL)         \
  X(an_enum, int, ENUM, &rpc__v1__code__descriptor) \
  X(a_string, char *, STRING, NULL)                 \
  X(some_bytes, ProtobufCBinaryData, BYTES, NULL)

typedef struct types types;

typedef struct types_entry_int {
  ProtobufCMessage base;
  int32_t key;
  char *value;
} types_entry_int;

typedef struct types_entry_bool {
  ProtobufCMessage base;
  protobuf_c_boolean key;
  types *value;
} types_entry_bool;

struct types {
  ProtobufCMessage base;
#define X(name, c_type, type, descriptor) \
  c_type name;                            \
  size_t n_many_##name;                   \
  c_type *many_##name;
  TYPES_SCALARS(X)
#undef X
  types *child;
  size_t n_children;
  types **children;
  size_t n_by_number;
  types_entry_int **by_number;
  size_t n_by_flag;
  types_entry_bool **by_flag;
  Google__Protobuf__Timestamp *at;
  Google__Protobuf__Duration *lasted;
  protobuf_c_boolean has_maybe;
  int32_t maybe;
  uint32_t choice_case;
  union {
    int32_t choice_number;
    char *choice_text;
  };
};

static const ProtobufCMessageDescriptor types_descriptor, types_entry_int_descriptor, types_entry_bool_descriptor;

#define FIELD(id, holder, name, member, label, type, quantifier, descriptor, flags) \
  {#name,                                                                           \
   id,                                                                              \
   PROTOBUF_C_LABEL_##label,                                                        \
   PROTOBUF_C_TYPE_##type,                                                          \
   quantifier,                                                                      \
   offsetof(holder, member),                                                        \
   descriptor,                                                                      \
   NULL,                                                                            \
   flags,                                                                           \
   0,                                                                               \
   NULL,                                                                            \
   NULL},

enum {
#define X(name, c_type, type, descriptor) TYPES_ID_##name, TYPES_ID_MANY_##name,
  TYPES_SCALARS(X)
#undef X
      TYPES_ID_OTHERS
};

static const ProtobufCFieldDescriptor types_fields[] = {
#define X(name, c_type, type, descriptor)                                                                          \
  FIELD(TYPES_ID_##name + 1, types, name, name, NONE, type, 0, descriptor, 0)                                      \
  FIELD(TYPES_ID_MANY_##name + 1, types, many_##name, many_##name, REPEATED, type, offsetof(types, n_many_##name), \
        descriptor, 0)
    TYPES_SCALARS(X)
#undef X
        FIELD(101, types, child, child, OPTIONAL, MESSAGE, 0, &types_descriptor, 0)
            FIELD(102, types, children, children, REPEATED, MESSAGE, offsetof(types, n_children), &types_descriptor, 0)
                FIELD(103, types, by_number, by_number, REPEATED, MESSAGE, offsetof(types, n_by_number),
                      &types_entry_int_descriptor, 0) FIELD(104, types, by_flag, by_flag, REPEATED, MESSAGE,
                                                            offsetof(types, n_by_flag), &types_entry_bool_descriptor, 0)
                    FIELD(105, types, at, at, OPTIONAL, MESSAGE, 0, &google__protobuf__timestamp__descriptor, 0) FIELD(
                        106, types, lasted, lasted, OPTIONAL, MESSAGE, 0, &google__protobuf__duration__descriptor, 0)
                        FIELD(107, types, maybe, maybe, OPTIONAL, INT32, offsetof(types, has_maybe), NULL, 0)
                            FIELD(108, types, choice_number, choice_number, NONE, INT32, offsetof(types, choice_case),
                                  NULL, PROTOBUF_C_FIELD_FLAG_ONEOF)
                                FIELD(109, types, choice_text, choice_text, NONE, STRING, offsetof(types, choice_case),
                                      NULL, PROTOBUF_C_FIELD_FLAG_ONEOF)};

static const ProtobufCFieldDescriptor types_entry_int_fields[] = {
    FIELD(1, types_entry_int, key, key, NONE, INT32, 0, NULL, 0)
        FIELD(2, types_entry_int, value, value, NONE, STRING, 0, NULL, 0)};

static const ProtobufCFieldDescriptor types_entry_bool_fields[] = {
    FIELD(1, types_entry_bool, key, key, NONE, BOOL, 0, NULL, 0)
        FIELD(2, types_entry_bool, value, value, OPTIONAL, MESSAGE, 0, &types_descriptor, 0)};

static void types_init(ProtobufCMessage *message) {
  memset(message, 0, sizeof(types));
  message->descriptor = &types_descriptor;
  ((types *)message)->a_string = (char *)protobuf_c_empty_string;
}

static void types_entry_int_init(ProtobufCMessage *message) {
  memset(message, 0, sizeof(types_entry_int));
  message->descriptor = &types_entry_int_descriptor;
}

static void types_entry_bool_init(ProtobufCMessage *message) {
  memset(message, 0, sizeof(types_entry_bool));
  message->descriptor = &types_entry_bool_descriptor;
}

#define DESCRIPTOR(holder)                                          \
  static const ProtobufCMessageDescriptor holder##_descriptor = {   \
      .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,                \
      .name = #holder,                                              \
      .sizeof_message = sizeof(holder),                             \
      .n_fields = sizeof holder##_fields / sizeof *holder##_fields, \
      .fields = holder##_fields,                                    \
      .message_init = holder##_init,                                \
  };
DESCRIPTOR(types)
DESCRIPTOR(types_entry_int)
DESCRIPTOR(types_entry_bool)

static const ProtobufCMessageDescriptor *const types_map_entries[] = {&types_entry_int_descriptor,
                                                                      &types_entry_bool_descriptor};
enum { TYPES_MAP_ENTRIES = 2 };
