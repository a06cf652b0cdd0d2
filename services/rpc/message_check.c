/* Walks a message by its descriptor and checks the texts in it; and its bytes, for what unpacking them would not show.
 */
#include "rpc/message_check.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "rpc/wire.h"
#include "telemetry/utf8.h"

enum { PATH_SIZE = 96 };

/* Where the check stands: a chain from the value to the message at the root, written out only for an error. */
typedef struct place {
  const struct place *parent;
  const char *field;
  size_t index; /* NOT_REPEATED outside lists */
} place;

static const size_t NOT_REPEATED = SIZE_MAX;

static size_t write_path(const place *at, char *path, size_t size) {
  if (!at) return 0;
  size_t used = write_path(at->parent, path, size);
  if (used >= size) return used;
  const char *dot = used ? "." : "";
  int wrote = at->index == NOT_REPEATED ? snprintf(path + used, size - used, "%s%s", dot, at->field)
                                        : snprintf(path + used, size - used, "%s%s[%zu]", dot, at->field, at->index);
  return wrote < 0 ? used : used + (size_t)wrote;
}

static rpc_status refuse(const place *at, const char *what) {
  char path[PATH_SIZE];
  write_path(at, path, sizeof path);
  return rpc_status_invalid(path, "%s", what);
}

static bool check_message(const ProtobufCMessage *message, const place *at, rpc_status *status);

static bool check_value(const ProtobufCFieldDescriptor *field, const void *value, const place *at, rpc_status *status) {
  if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
    const ProtobufCMessage *child = *(ProtobufCMessage *const *)value;
    return !child || check_message(child, at, status);
  }
  const char *text = *(char *const *)value;
  if (!text || utf8_is_valid(text)) return true;
  *status = refuse(at, "not valid UTF-8");
  return false;
}

static bool is_present(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  if (!(field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)) return true;
  return *(const uint32_t *)((const char *)message + field->quantifier_offset) == field->id;
}

static bool check_field(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field, const place *parent,
                        rpc_status *status) {
  const char *member = (const char *)message + field->offset;
  place here = {parent, field->name, NOT_REPEATED};
  if (field->label != PROTOBUF_C_LABEL_REPEATED) {
    return !is_present(message, field) || check_value(field, member, &here, status);
  }
  size_t count = *(const size_t *)((const char *)message + field->quantifier_offset);
  const void *const *values = *(const void *const *const *)member;
  for (here.index = 0; here.index < count; here.index++) {
    if (!check_value(field, &values[here.index], &here, status)) return false;
  }
  return true;
}

static bool check_message(const ProtobufCMessage *message, const place *at, rpc_status *status) {
  for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
    if (field->type != PROTOBUF_C_TYPE_MESSAGE && field->type != PROTOBUF_C_TYPE_STRING) continue;
    if (!check_field(message, field, at, status)) return false;
  }
  return true;
}

rpc_status message_check_text(const ProtobufCMessage *message) {
  rpc_status status = rpc_status_ok();
  check_message(message, NULL, &status);
  return status;
}

/* --- bytes --- */

/* A walk over the bytes of messages within messages. */
typedef struct byte_walk {
  const uint8_t *end; /* of the message at hand */
  const place *at;    /* NULL: the outermost */
  int depth;
  rpc_status *status;
} byte_walk;

static bool check_bytes(const ProtobufCMessageDescriptor *type, const uint8_t *at, const byte_walk *walk);

/* The value of a field that is a text or a message. */
static bool check_sized(const ProtobufCFieldDescriptor *field, const uint8_t *at, size_t size, const byte_walk *walk) {
  const place here = {walk->at, field->name, NOT_REPEATED};
  if (field->type == PROTOBUF_C_TYPE_STRING && memchr(at, '\0', size)) {
    *walk->status = refuse(&here, "must not contain the character U+0000");
    return false;
  }
  if (field->type != PROTOBUF_C_TYPE_MESSAGE) return true;
  const byte_walk inner = {at + size, &here, walk->depth + 1, walk->status};
  return check_bytes(field->descriptor, at, &inner);
}

static bool check_bytes(const ProtobufCMessageDescriptor *type, const uint8_t *at, const byte_walk *walk) {
  enum { VARINT = 0, FIXED_64 = 1, SIZED = 2, FIXED_32 = 5 };
  if (walk->depth > MESSAGE_DEPTH_MAX) {
    *walk->status = rpc_status_error(RPC_INVALID_ARGUMENT, "MALFORMED_PAYLOAD", "messages nest too deep");
    return false;
  }
  uint64_t tag, value;
  bool is_sound = true;
  while (is_sound && at < walk->end && wire_take_varint(&at, walk->end, &tag)) {
    const uint8_t wire_type = tag & 7;
    is_sound = wire_type == VARINT     ? wire_take_varint(&at, walk->end, &value)
               : wire_type == SIZED    ? wire_take_varint(&at, walk->end, &value) && wire_skip(&at, walk->end, value)
               : wire_type == FIXED_64 ? wire_skip(&at, walk->end, 8)
                                       : wire_type == FIXED_32 && wire_skip(&at, walk->end, 4);
    if (!is_sound || wire_type != SIZED || value == 0) continue;
    const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
    if (field && !check_sized(field, at - value, value, walk)) return false;
  }
  return true;
}

rpc_status message_check_bytes(const ProtobufCMessageDescriptor *type, const uint8_t *bytes, size_t size) {
  rpc_status status = rpc_status_ok();
  const byte_walk walk = {bytes + size, NULL, 1, &status};
  if (size > 0) check_bytes(type, bytes, &walk);
  return status;
}
