/* Messages, enums and fields as JSON Schema: the JSON forms are those of protobuf's JSON mapping, which the gateway
 * speaks. */
#include <ctype.h>
#include <string.h>

#include "openapi.h"

#define FIELD_TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

void openapi_set(json_t *object, const char *key, json_t *value) {
  if (json_object_set_new(object, key, value) != 0) pool_check(NULL);
}

void openapi_append(json_t *array, json_t *value) {
  if (json_array_append_new(array, value) != 0) pool_check(NULL);
}

void openapi_set_description(const openapi *doc, json_t *object, const char *comment) {
  char *text = pool_alloc(doc->model->pool, strlen(comment) + 1);
  char *end = text;
  for (; *comment != '\0'; comment++) {
    char c = isspace((unsigned char)*comment) ? ' ' : *comment;
    if (c != ' ' || (end > text && end[-1] != ' ')) *end++ = c;
  }
  while (end > text && end[-1] == ' ') *--end = '\0';
  if (end > text) openapi_set(object, "description", json_string(text));
}

/* JSON's type and format by protobuf's. */
static const struct {
  const char *type, *key, *value;
} scalars[] = {
    [FIELD_TYPE(DOUBLE)] = {"number", "format", "double"},
    [FIELD_TYPE(FLOAT)] = {"number", "format", "float"},
    [FIELD_TYPE(INT32)] = {"integer", "format", "int32"},
    [FIELD_TYPE(SINT32)] = {"integer", "format", "int32"},
    [FIELD_TYPE(SFIXED32)] = {"integer", "format", "int32"},
    [FIELD_TYPE(UINT32)] = {"integer", "format", "uint32"},
    [FIELD_TYPE(FIXED32)] = {"integer", "format", "uint32"},
    [FIELD_TYPE(INT64)] = {"string", "format", "int64"},
    [FIELD_TYPE(SINT64)] = {"string", "format", "int64"},
    [FIELD_TYPE(SFIXED64)] = {"string", "format", "int64"},
    [FIELD_TYPE(UINT64)] = {"string", "format", "uint64"},
    [FIELD_TYPE(FIXED64)] = {"string", "format", "uint64"},
    [FIELD_TYPE(BOOL)] = {"boolean", NULL, NULL},
    [FIELD_TYPE(STRING)] = {"string", NULL, NULL},
    [FIELD_TYPE(BYTES)] = {"string", "contentEncoding", "base64"},
};

/* Messages whose JSON is a string. */
static const struct {
  const char *message, *key, *value;
} well_known[] = {
    {"google.protobuf.Timestamp", "format", "date-time"},
    {"google.protobuf.Duration", "pattern", "^-?[0-9]+(\\.[0-9]{1,9})?s$"},
};

static json_t *typed(const char *type, const char *key, const char *value) {
  json_t *schema = pool_check(json_pack("{s:s}", "type", type));
  if (key != NULL) openapi_set(schema, key, json_string(value));
  return schema;
}

static json_t *well_known_schema(const char *message) {
  for (size_t i = 0; i < sizeof well_known / sizeof *well_known; i++) {
    if (strcmp(message, well_known[i].message) == 0) return typed("string", well_known[i].key, well_known[i].value);
  }
  return NULL;
}

bool openapi_is_flat(const openapi *doc, const field_proto *field) {
  (void)doc;
  if (field->type != FIELD_TYPE(MESSAGE)) return true;
  json_t *known = well_known_schema(field->type_name + 1);
  bool flat = known != NULL;
  json_decref(known);
  return flat;
}

bool openapi_in_path(const openapi *doc, const model_route *route, const char *name) {
  return strstr(route->path, pool_printf(doc->model->pool, "{%s}", name)) != NULL;
}

static bool is_repeated(const field_proto *field) {
  return field->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED;
}

/* Written whatever its value: the default is written out. */
static bool is_always_written(const field_proto *field) {
  return is_repeated(field) || (field->type != FIELD_TYPE(MESSAGE) && !field->has_oneof_index);
}

static void note_asked(openapi *doc, const model_type *type) {
  if (type->message == NULL || json_object_get(doc->asked, type->full_name) != NULL) return;
  openapi_set(doc->asked, type->full_name, json_true());
  for (size_t i = 0; i < type->message->n_field; i++) {
    const char *name = type->message->field[i]->type_name;
    if (name != NULL) note_asked(doc, model_find(doc->model, name));
  }
}

void openapi_find_asked(openapi *doc) {
  for (size_t i = 0; i < doc->model->service_count; i++) {
    const model_service *service = &doc->model->services[i];
    for (size_t j = 0; j < service->method_count; j++) note_asked(doc, service->methods[j].input);
  }
}

/* The schema of one value of a field, however many it holds. */
static json_t *value_schema(openapi *doc, const field_proto *field) {
  if (field->type_name == NULL) {
    return typed(scalars[field->type].type, scalars[field->type].key, scalars[field->type].value);
  }
  return openapi_type_schema(doc, model_find(doc->model, field->type_name));
}

json_t *openapi_field_schema(openapi *doc, const model_type *message, size_t index) {
  const field_proto *field = message->message->field[index];
  const model_type *entry = field->type_name != NULL ? model_find(doc->model, field->type_name) : NULL;
  json_t *schema;
  if (entry != NULL && model_is_map_entry(entry)) {
    schema = typed("object", NULL, NULL);
    openapi_set(schema, "additionalProperties", value_schema(doc, model_field(entry, "value")));
  } else if (is_repeated(field)) {
    schema = typed("array", NULL, NULL);
    openapi_set(schema, "items", value_schema(doc, field));
  } else {
    schema = value_schema(doc, field);
  }
  openapi_set_description(doc, schema, model_member_comment(message, index));
  return schema;
}

/* route: NULL for all fields. */
static json_t *object_schema(openapi *doc, const model_type *message, const model_route *route) {
  json_t *properties = pool_check(json_object());
  json_t *required = pool_check(json_array());
  bool is_asked = json_object_get(doc->asked, message->full_name) != NULL;
  for (size_t i = 0; i < message->message->n_field; i++) {
    const field_proto *field = message->message->field[i];
    if (route != NULL && openapi_in_path(doc, route, field->name)) continue;
    openapi_set(properties, field->name, openapi_field_schema(doc, message, i));
    if (!is_asked && is_always_written(field)) openapi_append(required, json_string(field->name));
  }
  json_t *schema = typed("object", NULL, NULL);
  openapi_set(schema, "properties", properties);
  if (json_array_size(required) > 0) json_object_set(schema, "required", required);
  json_decref(required);
  return schema;
}

json_t *openapi_body_schema(openapi *doc, const model_type *message, const model_route *route) {
  if (strchr(route->path, '{') == NULL) return openapi_type_schema(doc, message);
  json_t *schema = object_schema(doc, message, route);
  if (json_object_size(json_object_get(schema, "properties")) > 0) return schema;
  json_decref(schema);
  return NULL;
}

static json_t *enum_schema(const model_type *type) {
  json_t *names = pool_check(json_array());
  for (size_t i = 0; i < type->enumeration->n_value; i++) {
    openapi_append(names, json_string(type->enumeration->value[i]->name));
  }
  json_t *schema = typed("string", NULL, NULL);
  openapi_set(schema, "enum", names);
  return schema;
}

json_t *openapi_type_schema(openapi *doc, const model_type *type) {
  json_t *known = well_known_schema(type->full_name);
  if (known != NULL) return known;
  if (json_object_get(doc->schemas, type->full_name) == NULL) {
    openapi_set(doc->schemas, type->full_name, json_true()); /* holds the place: a message may contain itself */
    json_t *schema = type->message != NULL ? object_schema(doc, type, NULL) : enum_schema(type);
    openapi_set_description(doc, schema, model_comment(type->file, type->path, type->path_length));
    openapi_set(doc->schemas, type->full_name, schema);
  }
  return pool_check(
      json_pack("{s:s}", "$ref", pool_printf(doc->model->pool, "#/components/schemas/%s", type->full_name)));
}
