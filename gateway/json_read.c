/* Walks a jansson value and a descriptor side by side. The place of the value at hand is a chain of stack frames,
 * turned into text only for an error. */
#include "gateway/json_read.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "gateway/json_load.h"
#include "gateway/json_scalar.h"
#include "gateway/json_time.h"

/* Where a value stands: a field of `name`, or an element of the parent. */
typedef struct place {
  const struct place *parent;
  const char *name; /* NULL: an element */
  size_t index;
  int depth; /* of messages */
} place;

static bool read_object(json_reader *reader, ProtobufCMessage *message, const json_t *object, const place *at);

static size_t write_path(const place *at, char *path, size_t size) {
  if (!at) return 0;
  size_t used = write_path(at->parent, path, size);
  if (used >= size) return used;
  int length = at->name ? snprintf(path + used, size - used, "%s%s", used > 0 ? "." : "", at->name)
                        : snprintf(path + used, size - used, "[%zu]", at->index);
  return used + (size_t)length;
}

/* Always false. */
static bool fail(json_reader *reader, const place *at, const char *what) {
  char path[sizeof reader->status.field] = "";
  write_path(at, path, sizeof path);
  reader->status = rpc_status_invalid(path[0] ? path : "body", "%s", what);
  return false;
}

static place member_of(const place *parent, const char *name) {
  return (place){.parent = parent, .name = name, .depth = parent ? parent->depth + 1 : 1};
}

static bool is_map_entry(const json_reader *reader, const ProtobufCFieldDescriptor *field) {
  if (field->type != PROTOBUF_C_TYPE_MESSAGE) return false;
  for (size_t i = 0; i < reader->map_entry_count; i++) {
    if (reader->map_entries[i] == field->descriptor) return true;
  }
  return false;
}

json_reader json_reader_make(rpc_arena *arena) {
  return (json_reader){.arena = arena, .map_entries = api_map_entries, .map_entry_count = api_map_entry_count};
}

ProtobufCMessage *json_read_new(json_reader *reader, const ProtobufCMessageDescriptor *descriptor) {
  ProtobufCMessage *message;
  if (descriptor->message_init) {
    message = rpc_arena_alloc(reader->arena, descriptor->sizeof_message);
    if (message) descriptor->message_init(message);
  } else { /* made at run time: a message of no bytes has every field at its default */
    message = protobuf_c_message_unpack(descriptor, &reader->arena->allocator, 0, NULL);
  }
  if (!message) fail(reader, NULL, "too large");
  return message;
}

/* Whether `given` is the name in lowerCamelCase as protoc makes it: "orderId" for "order_id", "line2" for "line_2". */
static bool is_camel_of(const char *name, const char *given, size_t length) {
  size_t at = 0;
  for (bool capital = false; *name; name++) {
    if (*name == '_') {
      capital = true;
      continue;
    }
    char expected = capital && *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
    if (at == length || given[at++] != expected) return false;
    capital = false;
  }
  return at == length;
}

const ProtobufCFieldDescriptor *json_find_field(const ProtobufCMessageDescriptor *descriptor, const char *name,
                                                size_t length) {
  for (unsigned i = 0; i < descriptor->n_fields; i++) {
    const ProtobufCFieldDescriptor *field = &descriptor->fields[i];
    if (strlen(field->name) == length && memcmp(field->name, name, length) == 0) return field;
  }
  for (unsigned i = 0; i < descriptor->n_fields; i++) {
    if (is_camel_of(descriptor->fields[i].name, name, length)) return &descriptor->fields[i];
  }
  return NULL;
}

static void *member(ProtobufCMessage *message, unsigned offset) {
  return (char *)message + offset;
}

/* Reads a message into *target, which is made where it is still NULL. */
static bool read_message(json_reader *reader, const ProtobufCMessageDescriptor *descriptor, ProtobufCMessage **target,
                         const json_t *value, const place *at) {
  ProtobufCMessage *message = json_read_new(reader, descriptor);
  if (!message) return false;
  if (!json_time_is(descriptor)) {
    if (!read_object(reader, message, value, at)) return false;
  } else if (!json_is_string(value) || strlen(json_string_value(value)) != json_string_length(value) ||
             !json_time_read(message, json_string_value(value))) {
    return fail(reader, at, "expected a time such as \"2026-01-31T12:00:00Z\", or a duration such as \"1.5s\"");
  }
  *target = message;
  return true;
}

static bool read_value(json_reader *reader, const ProtobufCFieldDescriptor *field, void *target, const json_t *value,
                       const place *at) {
  if (field->type == PROTOBUF_C_TYPE_MESSAGE) return read_message(reader, field->descriptor, target, value, at);
  json_scalar scalar = {value, json_string_value(value), json_string_length(value)};
  const char *digits = json_load_big_integer(value);
  if (digits && field->type != PROTOBUF_C_TYPE_STRING && field->type != PROTOBUF_C_TYPE_BYTES) {
    scalar = (json_scalar){NULL, digits, strlen(digits)};
  }
  const char *error = json_scalar_read(reader->arena, field, &scalar, target);
  return error ? fail(reader, at, error) : true;
}

/* Room for `count` values of a repeated field; NULL when the arena is exhausted. */
static char *make_room(json_reader *reader, const ProtobufCFieldDescriptor *field, size_t count, const place *at) {
  char *values = rpc_arena_alloc(reader->arena, count * json_scalar_size(field->type));
  if (!values) fail(reader, at, "too large");
  return values;
}

static bool read_array(json_reader *reader, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                       const json_t *array, const place *at) {
  if (!json_is_array(array)) return fail(reader, at, "expected an array");
  size_t count = json_array_size(array);
  char *values = make_room(reader, field, count, at);
  if (!values) return false;
  for (size_t i = 0; i < count; i++) {
    place element = {.parent = at, .index = i, .depth = at->depth};
    if (!read_value(reader, field, values + i * json_scalar_size(field->type), json_array_get(array, i), &element)) {
      return false;
    }
  }
  *(size_t *)member(message, field->quantifier_offset) = count;
  *(char **)member(message, field->offset) = values;
  return true;
}

/* A key has one way to be written, so that two keys of an object are never the same key of the map: no 1.0, 1e0, -0. */
static bool is_canonical(const ProtobufCFieldDescriptor *key_field, const char *key) {
  return key_field->type == PROTOBUF_C_TYPE_STRING || key_field->type == PROTOBUF_C_TYPE_BOOL ||
         (!strpbrk(key, ".eE") && strcmp(key, "-0") != 0);
}

/* An entry's key is field 1 and its value field 2: so protobuf defines them. */
static bool read_map(json_reader *reader, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                     json_t *object, const place *at) {
  if (!json_is_object(object)) return fail(reader, at, "expected an object");
  const ProtobufCMessageDescriptor *descriptor = field->descriptor;
  const ProtobufCFieldDescriptor *key_field = &descriptor->fields[0], *value_field = &descriptor->fields[1];
  ProtobufCMessage **entries = (ProtobufCMessage **)(void *)make_room(reader, field, json_object_size(object), at);
  if (!entries) return false;
  size_t count = 0;
  const char *key;
  json_t *value;
  json_object_foreach(object, key, value) {
    place entry_at = member_of(at, key);
    ProtobufCMessage *entry = json_read_new(reader, descriptor);
    if (!entry) return false;
    json_scalar word = {NULL, key, strlen(key)};
    const char *error = json_scalar_read(reader->arena, key_field, &word, member(entry, key_field->offset));
    if (!error && !is_canonical(key_field, key)) error = "expected an integer in plain digits as the key";
    if (error) return fail(reader, &entry_at, error);
    if (!read_value(reader, value_field, member(entry, value_field->offset), value, &entry_at)) return false;
    entries[count++] = entry;
  }
  *(size_t *)member(message, field->quantifier_offset) = count;
  *(ProtobufCMessage ***)member(message, field->offset) = entries;
  return true;
}

/* Says that a singular field is there, where the message keeps account of that. */
static bool mark_present(json_reader *reader, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                         const place *at) {
  if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
    uint32_t *which = member(message, field->quantifier_offset);
    if (*which != 0 && *which != field->id) return fail(reader, at, "another member of the same oneof is given");
    *which = field->id;
  } else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_MESSAGE &&
             field->type != PROTOBUF_C_TYPE_STRING) {
    *(protobuf_c_boolean *)member(message, field->quantifier_offset) = 1;
  }
  return true;
}

static bool read_field(json_reader *reader, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                       json_t *value, const place *at) {
  if (json_is_null(value)) return true;
  if (field->label != PROTOBUF_C_LABEL_REPEATED) {
    return mark_present(reader, message, field, at) &&
           read_value(reader, field, member(message, field->offset), value, at);
  }
  if (is_map_entry(reader, field)) return read_map(reader, message, field, value, at);
  return read_array(reader, message, field, value, at);
}

static bool read_object(json_reader *reader, ProtobufCMessage *message, const json_t *object, const place *at) {
  const ProtobufCMessageDescriptor *descriptor = message->descriptor;
  if (!json_is_object(object)) return fail(reader, at, "expected an object");
  if (at && at->depth >= JSON_DEPTH_MAX) return fail(reader, at, "nested too deep");
  bool *seen = rpc_arena_alloc(reader->arena, descriptor->n_fields + 1);
  if (!seen) return fail(reader, at, "too large");
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)object, name, value) { /* jansson's iterators are not const */
    place here = member_of(at, name);
    const ProtobufCFieldDescriptor *field = json_find_field(descriptor, name, strlen(name));
    if (!field && reader->allow_unknown_fields) continue;
    if (!field) return fail(reader, &here, "unknown field");
    here.name = field->name;
    if (seen[field - descriptor->fields]) return fail(reader, &here, "given twice");
    seen[field - descriptor->fields] = true;
    if (!read_field(reader, message, field, value, &here)) return false;
  }
  return true;
}

bool json_read_object(json_reader *reader, ProtobufCMessage *message, const json_t *object) {
  return read_object(reader, message, object, NULL);
}

bool json_read_field(json_reader *reader, ProtobufCMessage *message, const char *name, const json_t *value) {
  place here = member_of(NULL, name);
  const ProtobufCFieldDescriptor *field = json_find_field(message->descriptor, name, strlen(name));
  return field ? read_field(reader, message, field, (json_t *)value, &here) : fail(reader, &here, "unknown field");
}

/* One more value at the end of a repeated field, whose array holds the next power of two. NULL when out of memory. */
static void *append(json_reader *reader, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                    const place *at) {
  size_t *count = member(message, field->quantifier_offset);
  char **values = member(message, field->offset);
  size_t size = json_scalar_size(field->type);
  if ((*count & (*count - 1)) == 0) {
    char *wider = make_room(reader, field, *count ? 2 * *count : 1, at);
    if (!wider) return NULL;
    if (*count) memcpy(wider, *values, *count * size);
    *values = wider;
  }
  return *values + size * (*count)++;
}

static bool read_leaf(json_reader *reader, ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                      const json_scalar *word, const place *at) {
  void *target = member(message, field->offset);
  if (field->label == PROTOBUF_C_LABEL_REPEATED) {
    if (is_map_entry(reader, field)) return fail(reader, at, "a map cannot be given here");
    target = append(reader, message, field, at);
    if (!target) return false;
  } else if (!mark_present(reader, message, field, at)) {
    return false;
  }
  if (field->type != PROTOBUF_C_TYPE_MESSAGE) {
    const char *error = json_scalar_read(reader->arena, field, word, target);
    return error ? fail(reader, at, error) : true;
  }
  if (!json_time_is(field->descriptor)) return fail(reader, at, "a message cannot be given here, only its fields");
  json_t *text = json_stringn(word->text, word->length);
  bool ok = text && read_message(reader, field->descriptor, target, text, at);
  json_decref(text);
  return ok;
}

bool json_read_text(json_reader *reader, ProtobufCMessage *message, const char *path, const char *text, size_t length) {
  place here = member_of(NULL, path);
  for (int depth = 0; depth < JSON_DEPTH_MAX; depth++) {
    size_t name = strcspn(path, ".");
    const ProtobufCFieldDescriptor *field = json_find_field(message->descriptor, path, name);
    if (!field && reader->allow_unknown_fields) return true;
    if (!field) return fail(reader, &here, "unknown field");
    if (path[name] == '\0') return read_leaf(reader, message, field, &(json_scalar){NULL, text, length}, &here);
    path += name + 1;
    if (field->type != PROTOBUF_C_TYPE_MESSAGE || field->label == PROTOBUF_C_LABEL_REPEATED) {
      return fail(reader, &here, "unknown field");
    }
    if (!mark_present(reader, message, field, &here)) return false;
    ProtobufCMessage **child = member(message, field->offset);
    if (!*child && !(*child = json_read_new(reader, field->descriptor))) return false;
    message = *child;
  }
  return fail(reader, &here, "nested too deep");
}
