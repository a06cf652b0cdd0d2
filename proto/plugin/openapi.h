/* The parts of openapi.json, for the files that write them: openapi.c the paths, openapi_schema.c what a message is in
 * JSON, openapi_error.c what is answered instead. Schemas are JSON Schema 2020-12, as OpenAPI 3.1 has them. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "model.h"

/* What the document is made of while it grows. */
typedef struct openapi {
  const api_model *model;
  json_t *components; /* owned by the root, like what is in it */
  json_t *schemas;    /* by full name of the message or enum */
  json_t *asked;      /* a member for each message that requests are made of */
} openapi;

/* Take the value; NULL, from a call that makes one, means that memory has run out. */
void openapi_set(json_t *object, const char *key, json_t *value);
void openapi_append(json_t *array, json_t *value);

/* The comment as one paragraph; nothing where it is empty. */
void openapi_set_description(const openapi *doc, json_t *object, const char *comment);

/* Notes which messages requests are made of: in the others, every field is required that is always written. */
void openapi_find_asked(openapi *doc);

/* A reference to the component of a message or enum, which is made at its first use; or what stands for it. */
json_t *openapi_type_schema(openapi *doc, const model_type *type);

/* A field with its description. */
json_t *openapi_field_schema(openapi *doc, const model_type *message, size_t index);

/* The fields of a message as an object, less those that `route` reads from its path. NULL: there are no others. */
json_t *openapi_body_schema(openapi *doc, const model_type *message, const model_route *route);

/* True where a value of the field is no object in JSON: a scalar, a Timestamp, a Duration. */
bool openapi_is_flat(const openapi *doc, const field_proto *field);

/* True where the route's path has the variable {name}. */
bool openapi_in_path(const openapi *doc, const model_route *route, const char *name);

/* The components of errors (RFC 9457), and the responses of one operation that refer to them. */
void openapi_add_error_components(openapi *doc);
void openapi_add_errors(json_t *responses, const model_method *method, const model_route *route);
