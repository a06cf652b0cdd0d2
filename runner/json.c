/* See json.h: walks protobuf-c's descriptors. Knows the field types that the API uses. */
#include "runner/json.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "google/protobuf/timestamp.pb-c.h"

enum { MAX_DEPTH = 16 };

static json_t *json_of_timestamp(const Google__Protobuf__Timestamp *time) {
  struct tm utc;
  time_t seconds = (time_t)time->seconds;
  if (gmtime_r(&seconds, &utc) == NULL) return json_null();
  char date[32];
  strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &utc);
  return json_sprintf("%s.%06dZ", date, time->nanos / 1000);
}

/* NULL for a default value, which JSON leaves out. */
static json_t *json_of_value(const ProtobufCFieldDescriptor *field, const void *value, bool keep_default) {
  switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
      const char *text = *(const char *const *)value;
      return text[0] != '\0' || keep_default ? json_string(text) : NULL;
    }
    case PROTOBUF_C_TYPE_INT32: {
      int32_t number = *(const int32_t *)value;
      return number != 0 || keep_default ? json_integer(number) : NULL;
    }
    case PROTOBUF_C_TYPE_DOUBLE: {
      double number = *(const double *)value;
      return number != 0 || keep_default ? json_real(number) : NULL;
    }
    case PROTOBUF_C_TYPE_BOOL: {
      bool truth = *(const protobuf_c_boolean *)value;
      return truth || keep_default ? json_boolean(truth) : NULL;
    }
    case PROTOBUF_C_TYPE_MESSAGE: {
      const ProtobufCMessage *message = *(ProtobufCMessage *const *)value;
      if (message == NULL) return NULL;
      if (field->descriptor == &google__protobuf__timestamp__descriptor)
        return json_of_timestamp((const void *)message);
      return runner_json_of_message(message);
    }
    default:
      return NULL;
  }
}

static size_t size_of_value(const ProtobufCFieldDescriptor *field) {
  switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
      return sizeof(int32_t);
    case PROTOBUF_C_TYPE_BOOL:
      return sizeof(protobuf_c_boolean);
    default:
      return sizeof(void *); /* a double is as large */
  }
}

static json_t *json_of_list(const ProtobufCFieldDescriptor *field, const char *values, size_t count) {
  json_t *array = count == 0 ? NULL : json_array();
  for (size_t i = 0; i < count; i++) {
    json_array_append_new(array, json_of_value(field, values + i * size_of_value(field), true));
  }
  return array;
}

json_t *runner_json_of_message(const ProtobufCMessage *message) {
  json_t *object = json_object();
  for (unsigned i = 0; i < message->descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
    const char *value = (const char *)message + field->offset;
    const void *quantifier = (const char *)message + field->quantifier_offset;
    bool one_of = (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0;
    if (one_of && *(const uint32_t *)quantifier != field->id) continue;
    json_t *json = field->label == PROTOBUF_C_LABEL_REPEATED
                       ? json_of_list(field, *(const char *const *)(const void *)value, *(const size_t *)quantifier)
                       : json_of_value(field, value, one_of);
    if (json != NULL) json_object_set_new(object, field->name, json);
  }
  return object;
}

/* "2026-11-25T01:27:33.123456Z"; what does not parse leaves the time 0. */
static void parse_time(const char *text, Google__Protobuf__Timestamp *time) {
  struct tm utc = {0};
  const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &utc);
  if (rest == NULL) return;
  time->seconds = timegm(&utc);
  int32_t unit = 100000000;
  for (rest += *rest == '.'; *rest >= '0' && *rest <= '9'; rest++, unit /= 10) time->nanos += (*rest - '0') * unit;
}

static ProtobufCMessage *read_message(const json_t *json, const ProtobufCMessageDescriptor *type, rpc_arena *arena,
                                      int depth);

/* False where the value is not of the field's type, or without memory: the field then keeps its default. */
static bool read_value(const json_t *json, const ProtobufCFieldDescriptor *field, void *value, rpc_arena *arena,
                       int depth) {
  switch (field->type) {
    case PROTOBUF_C_TYPE_STRING: {
      char *text = rpc_arena_strdup(arena, json_string_value(json));
      if (text != NULL) *(char **)value = text;
      return text != NULL;
    }
    case PROTOBUF_C_TYPE_INT32:
      if (!json_is_integer(json)) return false; /* and nothing is written: members of a oneof share their memory */
      *(int32_t *)value = (int32_t)json_integer_value(json);
      return true;
    case PROTOBUF_C_TYPE_DOUBLE:
      if (!json_is_number(json)) return false;
      *(double *)value = json_number_value(json);
      return true;
    case PROTOBUF_C_TYPE_BOOL:
      if (!json_is_boolean(json)) return false;
      *(protobuf_c_boolean *)value = json_is_true(json);
      return true;
    case PROTOBUF_C_TYPE_MESSAGE: {
      ProtobufCMessage *message = read_message(json, field->descriptor, arena, depth + 1);
      if (message != NULL) *(ProtobufCMessage **)value = message;
      return message != NULL;
    }
    default:
      return false;
  }
}

static void read_list(const json_t *json, const ProtobufCFieldDescriptor *field, char **values, size_t *count,
                      rpc_arena *arena, int depth) {
  size_t size = size_of_value(field);
  char *array = rpc_arena_alloc(arena, (json_array_size(json) + 1) * size);
  if (array == NULL) return;
  size_t index;
  const json_t *item;
  json_array_foreach(json, index, item) {
    if (read_value(item, field, array + *count * size, arena, depth)) (*count)++;
  }
  *values = array;
}

static ProtobufCMessage *read_message(const json_t *json, const ProtobufCMessageDescriptor *type, rpc_arena *arena,
                                      int depth) {
  if (depth > MAX_DEPTH) return NULL;
  bool is_time = type == &google__protobuf__timestamp__descriptor && json_is_string(json);
  if (!is_time && !json_is_object(json)) return NULL;
  ProtobufCMessage *message = rpc_arena_alloc(arena, type->sizeof_message);
  if (message == NULL) return NULL;
  protobuf_c_message_init(type, message);
  if (is_time) parse_time(json_string_value(json), (void *)message);
  for (unsigned i = 0; i < type->n_fields && !is_time; i++) {
    const ProtobufCFieldDescriptor *field = &type->fields[i];
    const json_t *member = json_object_get(json, field->name);
    if (member == NULL) continue;
    char *value = (char *)message + field->offset;
    void *quantifier = (char *)message + field->quantifier_offset;
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
      read_list(member, field, (char **)(void *)value, quantifier, arena, depth);
    } else if (read_value(member, field, value, arena, depth) && (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
      *(uint32_t *)quantifier = field->id;
    }
  }
  return message;
}

ProtobufCMessage *runner_json_to_message(const json_t *json, const ProtobufCMessageDescriptor *type, rpc_arena *arena) {
  return read_message(json, type, arena, 0);
}
