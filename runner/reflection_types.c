/* Descriptors of messages and enums as protobuf-c's compiler would write them, from their protos: fields sorted by
 * number, with an index by name and one by number, and offsets into a struct whose layout is decided here. */
#include "runner/reflection_types.h"

#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "google/protobuf/descriptor.pb-c.h"

enum { TYPE_GROUP = 10, FIELD_NUMBER_MAX = 536870911, STRUCT_SIZE_MAX = INT_MAX / 2 };

/* What a proto's type is in protobuf-c, and how much room a value takes; by the number of the type. */
static const struct {
  size_t size; /* its alignment too, up to that of a pointer; 0: not supported */
  ProtobufCType type;
  bool packable;
} type_rules[] = {
    [1] = {8, PROTOBUF_C_TYPE_DOUBLE, true},
    [2] = {4, PROTOBUF_C_TYPE_FLOAT, true},
    [3] = {8, PROTOBUF_C_TYPE_INT64, true},
    [4] = {8, PROTOBUF_C_TYPE_UINT64, true},
    [5] = {4, PROTOBUF_C_TYPE_INT32, true},
    [6] = {8, PROTOBUF_C_TYPE_FIXED64, true},
    [7] = {4, PROTOBUF_C_TYPE_FIXED32, true},
    [8] = {sizeof(protobuf_c_boolean), PROTOBUF_C_TYPE_BOOL, true},
    [9] = {sizeof(char *), PROTOBUF_C_TYPE_STRING, false},
    [TYPE_GROUP] = {0, PROTOBUF_C_TYPE_MESSAGE, false},
    [11] = {sizeof(ProtobufCMessage *), PROTOBUF_C_TYPE_MESSAGE, false},
    [12] = {sizeof(ProtobufCBinaryData), PROTOBUF_C_TYPE_BYTES, false},
    [13] = {4, PROTOBUF_C_TYPE_UINT32, true},
    [14] = {sizeof(int), PROTOBUF_C_TYPE_ENUM, true},
    [15] = {4, PROTOBUF_C_TYPE_SFIXED32, true},
    [16] = {8, PROTOBUF_C_TYPE_SFIXED64, true},
    [17] = {4, PROTOBUF_C_TYPE_SINT32, true},
    [18] = {8, PROTOBUF_C_TYPE_SINT64, true},
};

/* Where a oneof lies in its message: members share the value. */
typedef struct oneof_place {
  unsigned which, value;
} oneof_place;

/* A message whose fields are being laid out. */
typedef struct layout {
  reflection_types *types;
  const reflection_symbol *symbol;
  size_t end; /* of the struct so far */
  oneof_place *oneofs;
} layout;

static unsigned take_room(layout *at, size_t size) {
  size_t alignment = size < sizeof(void *) ? size : sizeof(void *);
  size_t offset = (at->end + alignment - 1) / alignment * alignment;
  at->end = offset + size;
  return (unsigned)offset;
}

/* --- indices that protobuf-c searches --- */

/* values: count of them, ascending, at a stride of bytes. */
static const ProtobufCIntRange *make_ranges(reflection_types *types, const void *values, size_t stride, size_t count,
                                            unsigned *range_count) {
  ProtobufCIntRange *ranges = reflection_alloc(types, count + 1, sizeof *ranges);
  *range_count = 0;
  for (size_t i = 0; i < count && ranges != NULL; i++) {
    int value, before = 0;
    memcpy(&value, (const char *)values + i * stride, sizeof value);
    if (i > 0) memcpy(&before, (const char *)values + (i - 1) * stride, sizeof before);
    if (i == 0 || (int64_t)value != (int64_t)before + 1) {
      ranges[(*range_count)++] = (ProtobufCIntRange){value, (unsigned)i};
    }
  }
  if (ranges != NULL) ranges[*range_count] = (ProtobufCIntRange){0, (unsigned)count};
  return ranges;
}

static int by_number(const void *a, const void *b) {
  uint32_t one = ((const ProtobufCFieldDescriptor *)a)->id, other = ((const ProtobufCFieldDescriptor *)b)->id;
  return one < other ? -1 : one > other;
}

static int by_field_name(const void *a, const void *b, void *fields) {
  const ProtobufCFieldDescriptor *all = fields;
  return strcmp(all[*(const unsigned *)a].name, all[*(const unsigned *)b].name);
}

/* --- fields --- */

/* The descriptor of an enum's or message's type; NULL for what needs none. */
static bool resolve(layout *at, const Google__Protobuf__FieldDescriptorProto *proto, ProtobufCFieldDescriptor *field) {
  if (field->type != PROTOBUF_C_TYPE_ENUM && field->type != PROTOBUF_C_TYPE_MESSAGE) return true;
  reflection_kind kind = field->type == PROTOBUF_C_TYPE_ENUM ? REFLECTION_ENUM : REFLECTION_MESSAGE;
  bool full = proto->type_name != NULL && proto->type_name[0] == '.';
  field->descriptor = full ? reflection_find(at->types, kind, proto->type_name + 1) : NULL;
  return field->descriptor != NULL || reflection_fail(at->types, "a field of an unknown type", at->symbol->name);
}

static void place_repeated(layout *at, const Google__Protobuf__FieldDescriptorProto *proto,
                           ProtobufCFieldDescriptor *field) {
  field->label = PROTOBUF_C_LABEL_REPEATED;
  field->quantifier_offset = take_room(at, sizeof(size_t));
  field->offset = take_room(at, sizeof(void *));
  bool said = proto->options != NULL && proto->options->has_packed;
  bool packed = said ? proto->options->packed : at->symbol->proto3;
  if (packed && type_rules[proto->type].packable) field->flags |= PROTOBUF_C_FIELD_FLAG_PACKED;
}

/* The optional fields of proto3 are oneofs of one member. */
static void place_singular(layout *at, const Google__Protobuf__FieldDescriptorProto *proto,
                           ProtobufCFieldDescriptor *field) {
  if (proto->has_oneof_index) {
    const oneof_place *oneof = &at->oneofs[proto->oneof_index];
    field->label = PROTOBUF_C_LABEL_NONE;
    field->flags |= PROTOBUF_C_FIELD_FLAG_ONEOF;
    field->quantifier_offset = oneof->which;
    field->offset = oneof->value;
  } else if (at->symbol->proto3) {
    field->label = PROTOBUF_C_LABEL_NONE;
    field->offset = take_room(at, type_rules[proto->type].size);
    if (field->type == PROTOBUF_C_TYPE_STRING) field->default_value = &protobuf_c_empty_string;
  } else {
    field->label = PROTOBUF_C_LABEL_OPTIONAL;
    field->quantifier_offset = take_room(at, sizeof(protobuf_c_boolean));
    field->offset = take_room(at, type_rules[proto->type].size);
  }
}

static bool build_field(layout *at, const Google__Protobuf__FieldDescriptorProto *proto,
                        ProtobufCFieldDescriptor *field, size_t oneof_count) {
  const char *message = at->symbol->name;
  if (proto->name == NULL || proto->name[0] == '\0') return reflection_fail(at->types, "a field has no name", message);
  if (proto->number < 1 || proto->number > FIELD_NUMBER_MAX) {
    return reflection_fail(at->types, "a field's number is out of range", message);
  }
  if (proto->type < 1 || (size_t)proto->type >= sizeof type_rules / sizeof *type_rules) {
    return reflection_fail(at->types, "a field has no known type", message);
  }
  if (proto->has_oneof_index && (proto->oneof_index < 0 || (size_t)proto->oneof_index >= oneof_count)) {
    return reflection_fail(at->types, "a field is in no oneof that exists", message);
  }
  if (type_rules[proto->type].size == 0) {
    at->types->status = rpc_status_error(RPC_UNIMPLEMENTED, "UNSUPPORTED_TYPE",
                                         "%s.%s is a group, which is not supported", message, proto->name);
    return false;
  }
  field->name = proto->name;
  field->id = (uint32_t)proto->number;
  field->type = type_rules[proto->type].type;
  if (proto->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED) {
    place_repeated(at, proto, field);
  } else {
    place_singular(at, proto, field);
  }
  return resolve(at, proto, field);
}

/* fields: count of them, sorted by number. */
static bool index_fields(reflection_types *types, ProtobufCMessageDescriptor *message, ProtobufCFieldDescriptor *fields,
                         size_t count) {
  unsigned *names = reflection_alloc(types, count + 1, sizeof *names);
  if (names == NULL) return false;
  for (unsigned i = 0; i < count; i++) names[i] = i;
  qsort_r(names, count, sizeof *names, by_field_name, fields);
  for (size_t i = 1; i < count; i++) {
    if (fields[i - 1].id == fields[i].id) return reflection_fail(types, "two fields of one number", message->name);
    if (strcmp(fields[names[i - 1]].name, fields[names[i]].name) == 0) {
      return reflection_fail(types, "two fields of one name", message->name);
    }
  }
  message->fields_sorted_by_name = names;
  message->field_ranges = make_ranges(types, (const char *)fields + offsetof(ProtobufCFieldDescriptor, id),
                                      sizeof *fields, count, &message->n_field_ranges);
  return message->field_ranges != NULL;
}

static const char *short_name(const char *full_name) {
  const char *point = strrchr(full_name, '.');
  return point == NULL ? full_name : point + 1;
}

/* What protobuf allows as a map's key, and JSON can write as the name of a member. */
static bool is_key_type(ProtobufCType type) {
  return type != PROTOBUF_C_TYPE_MESSAGE && type != PROTOBUF_C_TYPE_FLOAT && type != PROTOBUF_C_TYPE_DOUBLE &&
         type != PROTOBUF_C_TYPE_BYTES && type != PROTOBUF_C_TYPE_ENUM;
}

/* A map's entry is a key of field 1 and a value of field 2, which who reads maps relies on. */
static bool add_map_entry(reflection_types *types, const ProtobufCMessageDescriptor *message) {
  if (message->n_fields != 2 || message->fields[0].id != 1 || message->fields[1].id != 2 ||
      message->fields[0].label == PROTOBUF_C_LABEL_REPEATED || message->fields[1].label == PROTOBUF_C_LABEL_REPEATED ||
      !is_key_type(message->fields[0].type)) {
    return reflection_fail(types, "not an entry of a map", message->name);
  }
  types->map_entries[types->map_entry_count++] = message;
  return true;
}

bool reflection_build_message(reflection_types *types, const reflection_symbol *symbol) {
  const Google__Protobuf__DescriptorProto *proto = symbol->proto;
  layout at = {.types = types, .symbol = symbol, .end = sizeof(ProtobufCMessage)};
  ProtobufCFieldDescriptor *fields = reflection_alloc(types, proto->n_field + 1, sizeof *fields);
  at.oneofs = reflection_alloc(types, proto->n_oneof_decl + 1, sizeof *at.oneofs);
  if (fields == NULL || at.oneofs == NULL) return false;
  for (size_t i = 0; i < proto->n_oneof_decl; i++) {
    at.oneofs[i].which = take_room(&at, sizeof(uint32_t));
    at.oneofs[i].value = take_room(&at, sizeof(ProtobufCBinaryData));
  }
  for (size_t i = 0; i < proto->n_field; i++) {
    if (!build_field(&at, proto->field[i], &fields[i], proto->n_oneof_decl)) return false;
    if (at.end > STRUCT_SIZE_MAX) return reflection_fail(types, "too large", symbol->name);
  }
  qsort(fields, proto->n_field, sizeof *fields, by_number);
  ProtobufCMessageDescriptor *message = symbol->built;
  message->magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC;
  message->name = symbol->name;
  message->short_name = message->c_name = short_name(symbol->name);
  message->package_name = "";
  message->sizeof_message = (at.end + sizeof(void *) - 1) / sizeof(void *) * sizeof(void *);
  message->n_fields = (unsigned)proto->n_field;
  message->fields = proto->n_field == 0 ? NULL : fields; /* the first one's number is compared with any tag, even 0 */
  if (!index_fields(types, message, fields, proto->n_field)) return false;
  bool is_entry = proto->options != NULL && proto->options->map_entry;
  return !is_entry || add_map_entry(types, message);
}

/* --- enums --- */

static int by_value(const void *a, const void *b) {
  int one = ((const ProtobufCEnumValue *)a)->value, other = ((const ProtobufCEnumValue *)b)->value;
  return one < other ? -1 : one > other;
}

static int by_value_name(const void *a, const void *b) {
  return strcmp(((const ProtobufCEnumValueIndex *)a)->name, ((const ProtobufCEnumValueIndex *)b)->name);
}

/* Aliases (several names of one number) are found by any name, and shown by the one declared first. */
static size_t make_values(const Google__Protobuf__EnumDescriptorProto *proto, ProtobufCEnumValue *values) {
  size_t count = 0;
  for (size_t i = 0; i < proto->n_value; i++) {
    size_t same = 0;
    while (same < count && values[same].value != proto->value[i]->number) same++;
    if (same < count) continue;
    values[count++] = (ProtobufCEnumValue){proto->value[i]->name, proto->value[i]->name, proto->value[i]->number};
  }
  qsort(values, count, sizeof *values, by_value);
  return count;
}

bool reflection_build_enum(reflection_types *types, const reflection_symbol *symbol) {
  const Google__Protobuf__EnumDescriptorProto *proto = symbol->proto;
  ProtobufCEnumValue *values = reflection_alloc(types, proto->n_value + 1, sizeof *values);
  ProtobufCEnumValueIndex *names = reflection_alloc(types, proto->n_value + 1, sizeof *names);
  if (values == NULL || names == NULL) return false;
  for (size_t i = 0; i < proto->n_value; i++) {
    if (proto->value[i]->name == NULL) return reflection_fail(types, "a value has no name", symbol->name);
  }
  size_t count = make_values(proto, values);
  for (size_t i = 0; i < proto->n_value; i++) {
    unsigned index = 0;
    while (values[index].value != proto->value[i]->number) index++;
    names[i] = (ProtobufCEnumValueIndex){proto->value[i]->name, index};
  }
  qsort(names, proto->n_value, sizeof *names, by_value_name);
  ProtobufCEnumDescriptor *built = symbol->built;
  built->magic = PROTOBUF_C__ENUM_DESCRIPTOR_MAGIC;
  built->name = symbol->name;
  built->short_name = built->c_name = short_name(symbol->name);
  built->package_name = "";
  built->n_values = (unsigned)count;
  built->values = values;
  built->n_value_names = (unsigned)proto->n_value;
  built->values_by_name = names;
  built->value_ranges = make_ranges(types, (const char *)values + offsetof(ProtobufCEnumValue, value), sizeof *values,
                                    count, &built->n_value_ranges);
  return built->value_ranges != NULL;
}
