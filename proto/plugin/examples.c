/* The examples that .proto files give of their messages: JSON whose members are fields, at every depth. Whether values
 * fit their types is for those to say who send them (tests/openapi). Called by the model. */
#include <jansson.h>
#include <string.h>

#include "model.h"

/* What is being checked, for messages. */
typedef struct checked {
  api_model *model;
  const model_type *type; /* whose example it is */
} checked;

static void check_object(const checked *c, const model_type *message, const json_t *object);

/* A field that holds messages holds objects, or lists or maps of them; any other is its reader's affair. */
static void check_value(const checked *c, const field_proto *field, json_t *value) {
  const model_type *type = field->type_name != NULL ? model_find(c->model, field->type_name) : NULL;
  if (type == NULL || type->message == NULL || model_is_map_entry(type)) return;
  if (json_is_object(value)) check_object(c, type, value);
  for (size_t i = 0; i < json_array_size(value); i++) check_value(c, field, json_array_get(value, i));
}

static void check_object(const checked *c, const model_type *message, const json_t *object) {
  const char *name;
  json_t *value;
  json_object_foreach((json_t *)object, name, value) { /* jansson's iterators are not const */
    const field_proto *field = model_field(message, name);
    if (field != NULL) {
      check_value(c, field, value);
    } else {
      model_report(c->model, c->type->file, c->type->full_name, "example: %s has no field '%s'", message->full_name,
                   name);
    }
  }
}

void examples_check(api_model *model) {
  for (const model_type *type = model->types; type != NULL; type = type->next) {
    if (type->example == NULL) continue;
    json_error_t error;
    json_t *json = json_loads(type->example, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(json)) {
      check_object(&(checked){model, type}, type, json);
    } else {
      model_report(model, type->file, type->full_name, "example: no JSON object: %s", error.text);
    }
    json_decref(json);
  }
}
