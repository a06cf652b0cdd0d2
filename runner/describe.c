/* See describe.h. */
#include "runner/describe.h"

#include <string.h>

#include "gateway/json_time.h"

/* By protobuf-c's number of the type. */
static const char *const type_names[] = {
    [PROTOBUF_C_TYPE_INT32] = "int32",       [PROTOBUF_C_TYPE_SINT32] = "sint32",
    [PROTOBUF_C_TYPE_SFIXED32] = "sfixed32", [PROTOBUF_C_TYPE_INT64] = "int64",
    [PROTOBUF_C_TYPE_SINT64] = "sint64",     [PROTOBUF_C_TYPE_SFIXED64] = "sfixed64",
    [PROTOBUF_C_TYPE_UINT32] = "uint32",     [PROTOBUF_C_TYPE_FIXED32] = "fixed32",
    [PROTOBUF_C_TYPE_UINT64] = "uint64",     [PROTOBUF_C_TYPE_FIXED64] = "fixed64",
    [PROTOBUF_C_TYPE_FLOAT] = "float",       [PROTOBUF_C_TYPE_DOUBLE] = "double",
    [PROTOBUF_C_TYPE_BOOL] = "bool",         [PROTOBUF_C_TYPE_ENUM] = "enum",
    [PROTOBUF_C_TYPE_STRING] = "string",     [PROTOBUF_C_TYPE_BYTES] = "bytes",
    [PROTOBUF_C_TYPE_MESSAGE] = "message",
};

static void write_member(json_writer *writer, const char *key, const char *text) {
  json_write_key(writer, key);
  json_write_text(writer, text);
}

static bool is_map_entry(const reflection *types, const void *descriptor) {
  size_t count;
  const ProtobufCMessageDescriptor *const *entries = reflection_map_entries(types, &count);
  for (size_t i = 0; i < count; i++) {
    if (entries[i] == descriptor) return true;
  }
  return false;
}

/* "int32", or the full name of an enum or message. */
static const char *type_of(const ProtobufCFieldDescriptor *field) {
  if (field->type == PROTOBUF_C_TYPE_ENUM) return ((const ProtobufCEnumDescriptor *)field->descriptor)->name;
  if (field->type == PROTOBUF_C_TYPE_MESSAGE) return ((const ProtobufCMessageDescriptor *)field->descriptor)->name;
  return type_names[field->type];
}

/* Whether a message can be without it, which is not the same as with a 0 or "" in it. */
static bool has_presence(const ProtobufCFieldDescriptor *field) {
  if (field->label == PROTOBUF_C_LABEL_REPEATED) return false;
  bool in_oneof = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
  return in_oneof || field->label == PROTOBUF_C_LABEL_OPTIONAL || field->type == PROTOBUF_C_TYPE_MESSAGE;
}

static void write_field(json_writer *writer, const reflection *types, const ProtobufCFieldDescriptor *field) {
  json_write_open(writer, '{');
  write_member(writer, "name", field->name);
  json_write_key(writer, "number");
  json_write_integer(writer, field->id);
  if (field->type == PROTOBUF_C_TYPE_MESSAGE && is_map_entry(types, field->descriptor)) {
    const ProtobufCFieldDescriptor *entry = ((const ProtobufCMessageDescriptor *)field->descriptor)->fields;
    write_member(writer, "map_key", type_of(&entry[0]));
    write_member(writer, "type", type_of(&entry[1]));
  } else {
    write_member(writer, "type", type_of(field));
    json_write_key(writer, "repeated");
    json_write_bool(writer, field->label == PROTOBUF_C_LABEL_REPEATED);
    json_write_key(writer, "optional");
    json_write_bool(writer, has_presence(field));
  }
  json_write_close(writer, '}');
}

static void write_message(json_writer *writer, const reflection *types, const ProtobufCMessageDescriptor *message) {
  json_write_open(writer, '{');
  write_member(writer, "message", message->name);
  if (json_time_is(message)) write_member(writer, "json", "string");
  json_write_key(writer, "fields");
  json_write_open(writer, '[');
  for (unsigned i = 0; i < message->n_fields; i++) write_field(writer, types, &message->fields[i]);
  json_write_close(writer, ']');
  json_write_close(writer, '}');
}

static void write_enum(json_writer *writer, const ProtobufCEnumDescriptor *type) {
  json_write_open(writer, '{');
  write_member(writer, "enum", type->name);
  json_write_key(writer, "values");
  json_write_open(writer, '[');
  for (unsigned i = 0; i < type->n_values; i++) {
    json_write_open(writer, '{');
    write_member(writer, "name", type->values[i].name);
    json_write_key(writer, "number");
    json_write_integer(writer, type->values[i].value);
    json_write_close(writer, '}');
  }
  json_write_close(writer, ']');
  json_write_close(writer, '}');
}

/* in_full: with the fields of its messages, not only their names. */
static void write_method(json_writer *writer, const reflection *types, const api_method *method, bool in_full) {
  json_write_open(writer, '{');
  write_member(writer, "method", method->name);
  json_write_key(writer, "idempotent");
  json_write_bool(writer, method->idempotent);
  const ProtobufCMessageDescriptor *const sides[] = {method->input, method->output};
  static const char *const keys[] = {"request", "response"};
  for (int i = 0; i < 2; i++) {
    if (!in_full) {
      write_member(writer, keys[i], sides[i]->name);
      continue;
    }
    json_write_key(writer, keys[i]);
    write_message(writer, types, sides[i]);
  }
  json_write_close(writer, '}');
}

static void write_service(json_writer *writer, const reflection *types, const api_service *service) {
  json_write_open(writer, '{');
  write_member(writer, "service", service->full_name);
  json_write_key(writer, "methods");
  json_write_open(writer, '[');
  for (size_t i = 0; i < service->method_count; i++) write_method(writer, types, &service->methods[i], false);
  json_write_close(writer, ']');
  json_write_close(writer, '}');
}

static void write_names(json_writer *writer, const reflection *types, const api_service *service) {
  (void)types;
  json_write_open(writer, '{');
  write_member(writer, "name", service->full_name);
  json_write_key(writer, "methods");
  json_write_open(writer, '[');
  for (size_t i = 0; i < service->method_count; i++) {
    json_write_text(writer, strrchr(service->methods[i].name, '/') + 1);
  }
  json_write_close(writer, ']');
  json_write_close(writer, '}');
}

static void write_services(json_writer *writer, const reflection *types, char *const *services, size_t count,
                           void (*write)(json_writer *writer, const reflection *types, const api_service *service)) {
  json_write_open(writer, '{');
  json_write_key(writer, "services");
  json_write_open(writer, '[');
  for (size_t i = 0; i < count; i++) {
    const api_service *service = reflection_service(types, services[i]);
    if (service != NULL) write(writer, types, service);
  }
  json_write_close(writer, ']');
  json_write_close(writer, '}');
}

void runner_describe_list(json_writer *writer, const reflection *types, char *const *services, size_t count) {
  write_services(writer, types, services, count, write_names);
}

void runner_describe_services(json_writer *writer, const reflection *types, char *const *services, size_t count) {
  write_services(writer, types, services, count, write_service);
}

bool runner_describe_symbol(json_writer *writer, const reflection *types, const char *name) {
  const api_service *service = reflection_service(types, name);
  const api_method *method = reflection_method(types, name);
  const ProtobufCMessageDescriptor *message = reflection_message(types, name);
  const ProtobufCEnumDescriptor *values = reflection_enum(types, name);
  if (service != NULL) write_service(writer, types, service);
  if (method != NULL) write_method(writer, types, method, true);
  if (message != NULL) write_message(writer, types, message);
  if (values != NULL) write_enum(writer, values);
  return service != NULL || method != NULL || message != NULL || values != NULL;
}
