/* Writes openapi.json: an OpenAPI 3.1 document of all REST bindings, for the gateway to serve and people to read, with
 * the comments and examples of the .proto files. */
#include "openapi.h"

#include <ctype.h>
#include <string.h>

#include "writers.h"

enum { QUERY_DEPTH_MAX = 4 }; /* of messages whose fields are query parameters: a message may contain itself */

/* The headers that requests may have, beyond the .proto files. */
static const struct {
  const char *component, *in, *name, *type, *description, *example;
} extras[] = {
    {"CorrelationId", "header", "X-Correlation-ID", "string",
     "Follows the request through all services; made where it is missing, and always answered.", "my-trace-1"},
    {"IdempotencyKey", "header", "Idempotency-Key", "string",
     "Requests with the same key are carried out once and answered the same, for a day.", NULL},
    {"RequestTimeout", "header", "Request-Timeout", "string",
     "How long the answer may take: `5s`, `500ms`, or milliseconds.", "30s"},
    {"AllowUnknownFields", "query", "allow-unknown-fields", "boolean",
     "Passes over fields that do not exist, which are otherwise refused.", NULL},
};
enum { EXTRAS = sizeof extras / sizeof *extras, IDEMPOTENCY_KEY = 1 };

/* The example of a message, or an empty object. The caller's. */
static json_t *example_of(const model_type *type) {
  json_t *example = type->example != NULL ? json_loads(type->example, 0, NULL) : NULL;
  return example != NULL ? example : pool_check(json_object());
}

/* Takes the member that a path of names leads to out of an example; NULL where there is none. The caller's. */
static json_t *take_member(json_t *example, const char *path) {
  size_t length = strcspn(path, ".");
  if (path[length] == '.') return take_member(json_object_getn(example, path, length), path + length + 1);
  json_t *member = json_incref(json_object_get(example, path));
  json_object_del(example, path);
  return member;
}

/* --- parameters --- */

/* An operation's parameters while they are listed. */
typedef struct parameter_list {
  openapi *doc;
  const model_method *method;
  const model_route *route;
  json_t *list;
  json_t *example; /* of the request, less what is in the list */
} parameter_list;

static void add_parameter(parameter_list *p, const char *path, const char *in, const model_type *owner, size_t index) {
  json_t *schema = openapi_field_schema(p->doc, owner, index);
  json_object_del(schema, "description"); /* said by the parameter */
  json_t *parameter = pool_check(
      json_pack("{s:s, s:s, s:b, s:o}", "name", path, "in", in, "required", strcmp(in, "path") == 0, "schema", schema));
  openapi_set_description(p->doc, parameter, model_member_comment(owner, index));
  json_t *example = take_member(p->example, path);
  if (example != NULL) openapi_set(parameter, "example", example);
  openapi_append(p->list, parameter);
}

static void add_path_parameters(parameter_list *p) {
  for (const char *at = p->route->path; (at = strchr(at, '{')) != NULL; at++) {
    const char *name = pool_printf(p->doc->model->pool, "%.*s", (int)strcspn(at, "}") - 1, at + 1);
    size_t index;
    const model_type *owner = model_field_at(p->doc->model, p->method->input, name, &index);
    if (owner != NULL) add_parameter(p, name, "path", owner, index);
  }
}

/* The fields of a message, and of the messages in it, that neither path nor body bind. */
static void add_query_parameters(parameter_list *p, const model_type *message, const char *prefix, int depth) {
  for (size_t i = 0; i < message->message->n_field; i++) {
    const field_proto *field = message->message->field[i];
    const char *path = pool_printf(p->doc->model->pool, "%s%s", prefix, field->name);
    if (openapi_in_path(p->doc, p->route, path) || strcmp(p->route->body, path) == 0) continue;
    if (openapi_is_flat(p->doc, field)) {
      add_parameter(p, path, "query", message, i);
    } else if (field->label != GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED &&
               depth < QUERY_DEPTH_MAX) {
      add_query_parameters(p, model_find(p->doc->model, field->type_name),
                           pool_printf(p->doc->model->pool, "%s.", path), depth + 1);
    }
  }
}

static json_t *parameters(openapi *doc, const model_method *method, const model_route *route, json_t *example) {
  parameter_list p = {doc, method, route, pool_check(json_array()), example};
  add_path_parameters(&p);
  if (strcmp(route->body, "*") != 0) add_query_parameters(&p, method->input, "", 0);
  for (size_t i = 0; i < EXTRAS; i++) {
    if (i == IDEMPOTENCY_KEY && method->idempotent) continue;
    openapi_append(p.list, json_pack("{s:o}", "$ref", json_sprintf("#/components/parameters/%s", extras[i].component)));
  }
  return p.list;
}

/* --- operations --- */

/* example: taken; an empty one is not shown. */
static json_t *content(json_t *schema, json_t *example) {
  json_t *media = pool_check(json_pack("{s:o}", "schema", schema));
  if (json_object_size(example) > 0 || json_array_size(example) > 0) json_object_set(media, "example", example);
  json_decref(example);
  return pool_check(json_pack("{s:o}", "application/json", media));
}

/* NULL: the route has no body, or the path binds all there is. example: what the parameters have left of it; taken. */
static json_t *request_body(openapi *doc, const model_method *method, const model_route *route, json_t *example) {
  json_t *schema = NULL;
  if (strcmp(route->body, "*") == 0) {
    schema = openapi_body_schema(doc, method->input, route);
  } else if (route->body[0] != '\0') {
    schema = openapi_field_schema(doc, method->input, model_field_index(method->input, route->body));
    json_t *member = take_member(example, route->body);
    json_decref(example);
    example = member;
  }
  if (schema != NULL) return pool_check(json_pack("{s:o}", "content", content(schema, example)));
  json_decref(example);
  return NULL;
}

static json_t *responses(openapi *doc, const model_method *method, const model_route *route) {
  json_t *result = pool_check(json_pack("{s:{s:s, s:{s:{s:s}}, s:o}}", "200", "description", "OK", "headers",
                                        "X-Correlation-ID", "$ref", "#/components/headers/CorrelationId", "content",
                                        content(openapi_type_schema(doc, method->output), example_of(method->output))));
  openapi_add_errors(result, method, route);
  return result;
}

/* "Create order" for CreateOrder. */
static json_t *summary(const openapi *doc, const char *name) {
  char *text = pool_alloc(doc->model->pool, 2 * strlen(name) + 1), *to = text;
  for (const char *at = name; *at != '\0'; at++) {
    bool is_word = at > name && isupper((unsigned char)*at) != 0;
    if (is_word) *to++ = ' ';
    *to++ = is_word ? (char)tolower((unsigned char)*at) : *at;
  }
  return json_string(text);
}

static json_t *operation(openapi *doc, const model_service *service, const model_method *method, size_t index) {
  const model_route *route = &method->routes[index];
  json_t *result = pool_check(json_object());
  json_t *example = example_of(method->input);
  openapi_set(result, "operationId",
              index == 0 ? json_string(method->name) : json_sprintf("%s_%zu", method->name, index + 1));
  openapi_set(result, "tags", json_pack("[s]", service->rule->name));
  openapi_set(result, "summary", summary(doc, method->name));
  openapi_set_description(doc, result, method->comment);
  openapi_set(result, "parameters", parameters(doc, method, route, example));
  json_t *body = request_body(doc, method, route, example);
  if (body != NULL) openapi_set(result, "requestBody", body);
  openapi_set(result, "responses", responses(doc, method, route));
  return result;
}

/* Also served on the port of its service alone. */
static json_t *servers(const model_service *service) {
  return pool_check(json_pack("[{s:s, s:s}, {s:o, s:o}]", "url", "/", "description", "the gateway, on any of its ports",
                              "url", json_sprintf("http://localhost:%u", service->rule->http_port), "description",
                              json_sprintf("%s alone", service->rule->name)));
}

static void add_paths(openapi *doc, const model_service *service, json_t *paths) {
  for (size_t i = 0; i < service->method_count; i++) {
    const model_method *method = &service->methods[i];
    for (size_t j = 0; j < method->route_count; j++) {
      const model_route *route = &method->routes[j];
      if (json_object_get(paths, route->path) == NULL) {
        openapi_set(paths, route->path, json_object());
        if (service->rule->http_port != 0) {
          openapi_set(json_object_get(paths, route->path), "servers", servers(service));
        }
      }
      char verb[8] = "";
      for (size_t k = 0; route->verb[k] != '\0'; k++) verb[k] = (char)tolower((unsigned char)route->verb[k]);
      openapi_set(json_object_get(paths, route->path), verb, operation(doc, service, method, j));
    }
  }
}

/* --- the document --- */

static json_t *make_components(void) {
  json_t *components = pool_check(json_pack(
      "{s:{}, s:{s:{s:s, s:{s:s}}, s:{s:s, s:{s:s}}}, s:{}, s:{}}", "parameters", "headers", "CorrelationId",
      "description", "The request's own, or one that was made for it.", "schema", "type", "string", "RetryAfter",
      "description", "Seconds to wait before another try.", "schema", "type", "integer", "responses", "schemas"));
  for (size_t i = 0; i < EXTRAS; i++) {
    json_t *parameter = pool_check(json_pack("{s:s, s:s, s:{s:s}, s:s}", "name", extras[i].name, "in", extras[i].in,
                                             "schema", "type", extras[i].type, "description", extras[i].description));
    if (extras[i].example != NULL) openapi_set(parameter, "example", json_string(extras[i].example));
    openapi_set(json_object_get(components, "parameters"), extras[i].component, parameter);
  }
  openapi_set(components, "securitySchemes",
              json_pack("{s:{s:s, s:s, s:s}}", "bearer", "type", "http", "scheme", "bearer", "description",
                        "Where the gateway has a file of callers: scope `read` for GET, `write` for the rest."));
  return components;
}

static json_t *make_info(void) {
  return pool_check(json_pack("{s:s, s:s, s:s, s:{s:s, s:s}}", "title", "Store Demo", "version", "1", "description",
                              "An online store as three services. Errors are problem details (RFC 9457).", "license",
                              "name", "MIT", "identifier", "MIT"));
}

void openapi_write(const api_model *model, FILE *out) {
  json_t *components = make_components();
  json_t *paths = pool_check(json_object());
  json_t *tags = pool_check(json_array());
  openapi doc = {model, components, json_object_get(components, "schemas"), pool_check(json_object())};
  openapi_find_asked(&doc);
  openapi_add_error_components(&doc);
  for (size_t i = 0; i < model->service_count; i++) {
    const model_service *service = &model->services[i];
    add_paths(&doc, service, paths);
    if (service->rule->name[0] == '\0') continue;
    json_t *tag = pool_check(json_pack("{s:s}", "name", service->rule->name));
    openapi_set_description(&doc, tag, service->comment);
    openapi_append(tags, tag);
  }
  json_t *root = pool_check(json_pack("{s:s, s:o, s:[{s:s, s:s}], s:[{}, {s:[]}], s:o, s:o, s:o}", "openapi", "3.1.0",
                                      "info", make_info(), "servers", "url", "/", "description",
                                      "The gateway that serves this document: all services.", "security", "bearer",
                                      "tags", tags, "paths", paths, "components", components));
  json_dumpf(root, out, JSON_INDENT(2));
  fputc('\n', out);
  json_decref(root);
  json_decref(doc.asked);
}
