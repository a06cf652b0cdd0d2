/* Writes openapi.json: an OpenAPI 3.1 document of all REST bindings, for the gateway to serve and people to read. JSON
 * forms of types are those of protobuf's JSON mapping, which the gateway speaks. */
#include <ctype.h>
#include <jansson.h>
#include <string.h>

#include "writers.h"

#define FIELD_TYPE(name) GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_##name

/* What a document is made of while it grows. */
typedef struct document {
  const api_model *model;
  json_t *schemas; /* components by full name of the message or enum; owned by the root */
} document;

/* Takes the value; NULL, from a call that makes one, means that memory has run out. */
static void set(json_t *object, const char *key, json_t *value) {
  if (json_object_set_new(object, key, value) != 0) pool_check(NULL);
}

static void append(json_t *array, json_t *value) {
  if (json_array_append_new(array, value) != 0) pool_check(NULL);
}

/* A comment as one paragraph. */
static void set_description(const document *doc, json_t *object, const char *comment) {
  char *text = pool_alloc(doc->model->pool, strlen(comment) + 1);
  char *end = text;
  for (; *comment != '\0'; comment++) {
    char c = isspace((unsigned char)*comment) ? ' ' : *comment;
    if (c != ' ' || (end > text && end[-1] != ' ')) *end++ = c;
  }
  while (end > text && end[-1] == ' ') *--end = '\0';
  if (end > text) set(object, "description", json_string(text));
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
  if (key != NULL) set(schema, key, json_string(value));
  return schema;
}

static json_t *well_known_schema(const char *message) {
  for (size_t i = 0; i < sizeof well_known / sizeof *well_known; i++) {
    if (strcmp(message, well_known[i].message) == 0) return typed("string", well_known[i].key, well_known[i].value);
  }
  return NULL;
}

static json_t *type_schema(document *doc, const model_type *type);

/* The schema of one value of a field, however many it holds. */
static json_t *value_schema(document *doc, const field_proto *field) {
  if (field->type_name == NULL) {
    return typed(scalars[field->type].type, scalars[field->type].key, scalars[field->type].value);
  }
  return type_schema(doc, model_find(doc->model, field->type_name));
}

static json_t *field_schema(document *doc, const model_type *message, size_t index) {
  const field_proto *field = message->message->field[index];
  const model_type *entry = field->type_name != NULL ? model_find(doc->model, field->type_name) : NULL;
  json_t *schema;
  if (entry != NULL && model_is_map_entry(entry)) {
    schema = typed("object", NULL, NULL);
    set(schema, "additionalProperties", value_schema(doc, model_field(entry, "value")));
  } else if (field->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED) {
    schema = typed("array", NULL, NULL);
    set(schema, "items", value_schema(doc, field));
  } else {
    schema = value_schema(doc, field);
  }
  set_description(doc, schema, model_member_comment(message, index));
  return schema;
}

/* Is the field read from the path of this route? */
static bool in_path(const document *doc, const model_route *route, const field_proto *field) {
  return strstr(route->path, pool_printf(doc->model->pool, "{%s}", field->name)) != NULL;
}

/* The fields of a message as an object's schema; with a route, those that its path does not bind. NULL: there is no
 * such field. */
static json_t *object_schema(document *doc, const model_type *message, const model_route *route) {
  json_t *properties = pool_check(json_object());
  for (size_t i = 0; i < message->message->n_field; i++) {
    const field_proto *field = message->message->field[i];
    if (route == NULL || !in_path(doc, route, field)) set(properties, field->name, field_schema(doc, message, i));
  }
  if (route != NULL && json_object_size(properties) == 0) {
    json_decref(properties);
    return NULL;
  }
  json_t *schema = typed("object", NULL, NULL);
  set(schema, "properties", properties);
  return schema;
}

static json_t *enum_schema(const model_type *type) {
  json_t *names = pool_check(json_array());
  for (size_t i = 0; i < type->enumeration->n_value; i++) append(names, json_string(type->enumeration->value[i]->name));
  json_t *schema = typed("string", NULL, NULL);
  set(schema, "enum", names);
  return schema;
}

/* A reference to the component, which is made at its first use. */
static json_t *type_schema(document *doc, const model_type *type) {
  json_t *known = well_known_schema(type->full_name);
  if (known != NULL) return known;
  if (json_object_get(doc->schemas, type->full_name) == NULL) {
    set(doc->schemas, type->full_name, json_true()); /* holds the place: a message may contain itself */
    json_t *schema = type->message != NULL ? object_schema(doc, type, NULL) : enum_schema(type);
    set_description(doc, schema, model_comment(type->file, type->path, type->path_length));
    set(doc->schemas, type->full_name, schema);
  }
  return pool_check(
      json_pack("{s:s}", "$ref", pool_printf(doc->model->pool, "#/components/schemas/%s", type->full_name)));
}

static json_t *content(const char *media_type, json_t *schema) {
  return pool_check(json_pack("{s:{s:o}}", media_type, "schema", schema));
}

/* False for a message that no query parameter can carry. */
static bool fits_in_query(const field_proto *field) {
  if (field->type != FIELD_TYPE(MESSAGE)) return true;
  json_t *known = well_known_schema(field->type_name + 1);
  bool fits = known != NULL;
  json_decref(known);
  return fits;
}

static json_t *parameters(document *doc, const model_method *method, const model_route *route) {
  json_t *list = pool_check(json_array());
  const model_type *input = method->input;
  for (size_t i = 0; i < input->message->n_field; i++) {
    const field_proto *field = input->message->field[i];
    bool path = in_path(doc, route, field);
    bool query = strcmp(route->body, "*") != 0 && strcmp(route->body, field->name) != 0 && fits_in_query(field);
    if (!path && !query) continue;
    json_t *schema = field_schema(doc, input, i);
    json_object_del(schema, "description"); /* said by the parameter */
    json_t *parameter = pool_check(json_pack("{s:s, s:s, s:b, s:o}", "name", field->name, "in", path ? "path" : "query",
                                             "required", path, "schema", schema));
    set_description(doc, parameter, model_member_comment(input, i));
    append(list, parameter);
  }
  append(list, json_pack("{s:s}", "$ref", "#/components/parameters/CorrelationId"));
  if (!method->idempotent) append(list, json_pack("{s:s}", "$ref", "#/components/parameters/IdempotencyKey"));
  return list;
}

/* NULL: the route has no body, or the path binds all there is. */
static json_t *body_schema(document *doc, const model_method *method, const model_route *route) {
  if (route->body[0] == '\0') return NULL;
  if (strcmp(route->body, "*") != 0) {
    return field_schema(doc, method->input, model_field_index(method->input, route->body));
  }
  bool whole = strchr(route->path, '{') == NULL;
  return whole ? type_schema(doc, method->input) : object_schema(doc, method->input, route);
}

static json_t *operation(document *doc, const model_service *service, const model_method *method, size_t index) {
  const model_route *route = &method->routes[index];
  json_t *result = pool_check(json_object());
  set(result, "operationId", index == 0 ? json_string(method->name) : json_sprintf("%s_%zu", method->name, index + 1));
  set(result, "tags", json_pack("[s]", service->rule->name));
  set_description(doc, result, method->comment);
  if (service->rule->http_port != 0) {
    set(result, "servers",
        json_pack("[{s:o, s:s}]", "url", json_sprintf("http://localhost:%u", service->rule->http_port), "description",
                  service->rule->name));
  }
  set(result, "parameters", parameters(doc, method, route));
  json_t *body = body_schema(doc, method, route);
  if (body != NULL) set(result, "requestBody", json_pack("{s:o}", "content", content("application/json", body)));
  set(result, "responses",
      json_pack("{s:{s:s, s:o}, s:{s:s}}", "200", "description", "OK", "content",
                content("application/json", type_schema(doc, method->output)), "default", "$ref",
                "#/components/responses/Problem"));
  return result;
}

static void add_paths(document *doc, const model_service *service, json_t *paths) {
  for (size_t i = 0; i < service->method_count; i++) {
    const model_method *method = &service->methods[i];
    for (size_t j = 0; j < method->route_count; j++) {
      const model_route *route = &method->routes[j];
      if (json_object_get(paths, route->path) == NULL) set(paths, route->path, json_object());
      char verb[8] = "";
      for (size_t k = 0; route->verb[k] != '\0'; k++) verb[k] = (char)tolower((unsigned char)route->verb[k]);
      set(json_object_get(paths, route->path), verb, operation(doc, service, method, j));
    }
  }
}

/* What is not in the .proto files: errors (RFC 9457) and headers. */
static const char fixed_components[] =
    "{'parameters': {"
    "  'CorrelationId': {'name': 'X-Correlation-ID', 'in': 'header', 'schema': {'type': 'string'},"
    "    'description': 'Follows the request through all services; made where it is missing, and always answered.'},"
    "  'IdempotencyKey': {'name': 'Idempotency-Key', 'in': 'header', 'schema': {'type': 'string'},"
    "    'description': 'Requests with the same key are carried out once and answered the same.'}},"
    " 'responses': {'Problem': {'description': 'An error.',"
    "  'content': {'application/problem+json': {'schema': {'$ref': '#/components/schemas/Problem'}}}}},"
    " 'schemas': {'Problem': {'type': 'object', 'description': 'RFC 9457', 'properties': {"
    "  'type': {'type': 'string'},"
    "  'title': {'type': 'string'},"
    "  'status': {'type': 'integer', 'description': 'The HTTP status.'},"
    "  'detail': {'type': 'string'},"
    "  'code': {'type': 'string', 'description': 'The canonical status code, such as FAILED_PRECONDITION.'},"
    "  'reason': {'type': 'string', 'description': 'For programs, such as OUT_OF_STOCK.'},"
    "  'correlation_id': {'type': 'string'},"
    "  'order_id': {'type': 'string', 'description': 'The order that failed, where there is one.'}}}}}";

static json_t *make_fixed_components(memory_pool *pool) {
  char *text = pool_printf(pool, "%s", fixed_components);
  for (char *quote = text; (quote = strchr(quote, '\'')) != NULL;) *quote = '"';
  return pool_check(json_loads(text, 0, NULL));
}

void openapi_write(const api_model *model, FILE *out) {
  json_t *components = make_fixed_components(model->pool);
  json_t *paths = pool_check(json_object());
  json_t *tags = pool_check(json_array());
  document doc = {model, json_object_get(components, "schemas")};
  for (size_t i = 0; i < model->service_count; i++) {
    const model_service *service = &model->services[i];
    add_paths(&doc, service, paths);
    if (service->rule->name[0] == '\0') continue;
    json_t *tag = pool_check(json_pack("{s:s}", "name", service->rule->name));
    set_description(&doc, tag, service->comment);
    append(tags, tag);
  }
  json_t *root = pool_check(json_pack("{s:s, s:{s:s, s:s}, s:[{s:s, s:s}], s:o, s:o, s:o}", "openapi", "3.1.0", "info",
                                      "title", "Store Demo", "version", "1", "servers", "url", "/", "description",
                                      "The gateway that serves this document: all services.", "tags", tags, "paths",
                                      paths, "components", components));
  json_dumpf(root, out, JSON_INDENT(2));
  fputc('\n', out);
  json_decref(root);
}
