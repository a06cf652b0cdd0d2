/* REST bindings: the rpc.v1.http option of a method as routes, each checked against the request message, so that the
 * gateway can trust its table. Called by the model. */
#include <string.h>

#include "model.h"

/* By the field number of the oneof's case. */
static const char *const verbs[] = {NULL, "GET", "PUT", "POST", "DELETE", "PATCH"};

/* What is being checked, for messages. */
typedef struct binding {
  api_model *model;
  const file_proto *file;
  const model_method *method;
  model_route *route;
} binding;

#define REPORT(b, format, ...)                                                                                      \
  model_report((b)->model, (b)->file, (b)->method->full_name, "%s %s: " format, (b)->route->verb, (b)->route->path, \
               __VA_ARGS__)

static bool is_message(const field_proto *field) {
  return field->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_MESSAGE ||
         field->type == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__TYPE__TYPE_GROUP;
}

/* A segment "{name}", braces included. */
static void check_variable(const binding *b, const char *segment, size_t length) {
  const char *name = pool_printf(b->model->pool, "%.*s", (int)length - 2, segment + 1);
  size_t index;
  const model_type *owner = model_field_at(b->model, b->method->input, name, &index);
  const field_proto *field = owner != NULL ? owner->message->field[index] : NULL;
  if (field == NULL) {
    REPORT(b, "%s has no field '%s'", b->method->input->full_name, name);
  } else if (is_message(field) || field->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED) {
    REPORT(b, "field '%s' does not fit in a path: it is a message or repeated", name);
  }
  const char *again = strstr(segment + length, pool_printf(b->model->pool, "{%s}", name));
  if (again != NULL) REPORT(b, "field '%s' is bound twice", name);
  if (strcmp(b->route->body, name) == 0) REPORT(b, "field '%s' is bound by the path and by the body", name);
}

/* Checks each segment and makes the route's shape. */
static void check_path(const binding *b) {
  model_route *route = b->route;
  if (route->path[0] != '/') REPORT(b, "%s", "a path begins with '/'");
  if (strpbrk(route->path, "?# %") != NULL) REPORT(b, "%s", "a path holds no '?', '#', '%' or space");
  char *shape = pool_alloc(b->model->pool, strlen(route->path) + 1);
  route->shape = shape;
  for (const char *at = route->path; *at != '\0';) {
    if (*at == '/') {
      *shape++ = *at++;
      continue;
    }
    size_t length = strcspn(at, "/");
    size_t braces = 0;
    for (size_t i = 0; i < length; i++) braces += at[i] == '{' || at[i] == '}';
    if (braces == 0) {
      memcpy(shape, at, length);
      shape += length;
    } else if (braces == 2 && length > 2 && at[0] == '{' && at[length - 1] == '}') {
      check_variable(b, at, length);
      shape = stpcpy(shape, "{}");
    } else {
      REPORT(b, "unbalanced or misplaced brace in '%.*s': a variable is a whole segment, as in '/{id}/'", (int)length,
             at);
    }
    at += length;
  }
}

static void check_body(const binding *b) {
  const char *body = b->route->body;
  if (body[0] == '\0') return;
  if (strcmp(b->route->verb, "GET") == 0) REPORT(b, "%s", "GET has no body");
  if (strcmp(body, "*") != 0 && model_field(b->method->input, body) == NULL) {
    REPORT(b, "body: %s has no field '%s'", b->method->input->full_name, body);
  }
}

void bindings_read(api_model *model, const file_proto *file, model_method *method, const Rpc__V1__HttpRule *rule) {
  method->routes = pool_alloc(model->pool, (1 + rule->n_additional_bindings) * sizeof *method->routes);
  for (size_t i = 0; i < 1 + rule->n_additional_bindings; i++) {
    const Rpc__V1__HttpRule *one = i == 0 ? rule : rule->additional_bindings[i - 1];
    if (one->pattern_case == RPC__V1__HTTP_RULE__PATTERN__NOT_SET) {
      model_report(model, file, method->full_name, "a binding without a verb and path");
      continue;
    }
    if (i > 0 && one->n_additional_bindings > 0) {
      model_report(model, file, method->full_name, "additional_bindings do not nest");
    }
    model_route *route = &method->routes[method->route_count++];
    /* All members of the oneof are strings: any of them reads the one that is set. */
    *route = (model_route){.verb = verbs[one->pattern_case], .path = one->get, .body = one->body};
    binding b = {model, file, method, route};
    check_path(&b);
    check_body(&b);
  }
}

/* The routes of all methods, counted through; NULL past the last. */
static const model_route *route_at(const api_model *model, size_t index, const model_service **service,
                                   const model_method **method) {
  for (size_t i = 0; i < model->service_count; i++) {
    *service = &model->services[i];
    for (size_t j = 0; j < (*service)->method_count; j++) {
      *method = &(*service)->methods[j];
      if (index < (*method)->route_count) return &(*method)->routes[index];
      index -= (*method)->route_count;
    }
  }
  return NULL;
}

void bindings_check_conflicts(api_model *model) {
  const model_service *service, *other_service;
  const model_method *method, *other_method;
  const model_route *route, *other;
  for (size_t i = 0; (route = route_at(model, i, &service, &method)) != NULL; i++) {
    for (size_t j = 0; j < i && (other = route_at(model, j, &other_service, &other_method)) != NULL; j++) {
      if (strcmp(route->verb, other->verb) == 0 && strcmp(route->shape, other->shape) == 0) {
        model_report(model, service->file, method->full_name, "%s %s: already bound to %s", route->verb, route->path,
                     other_method->full_name);
      }
    }
  }
}
