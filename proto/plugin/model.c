/* Builds the model from protoc's request: all types, then services with their methods and options. Called by main. */
#include "model.h"

#include <protobuf-c/protobuf-c.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "names.h"

/* Field numbers in descriptor.proto, of which source_code_info makes its paths. */
enum {
  FILE_MESSAGE = 4,
  FILE_ENUM = 5,
  FILE_SERVICE = 6,
  MESSAGE_FIELD = 2,
  MESSAGE_MESSAGE = 3,
  MESSAGE_ENUM = 4,
  ENUM_VALUE = 2,
  SERVICE_METHOD = 2,
};

/* Of the options in rpc/v1/options.proto. */
enum { OPTION_HTTP = 50001, OPTION_SERVICE = 50002, OPTION_EXAMPLE = 50003 };

enum { PATH_MAX_LENGTH = 32 };

void model_report(api_model *model, const file_proto *file, const char *subject, const char *format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  model->error = pool_printf(model->pool, "%s%s%s: %s: %s", model->error, model->error[0] == '\0' ? "" : "\n",
                             file->name, subject, text);
}

const model_type *model_find(const api_model *model, const char *name) {
  if (name[0] == '.') name++;
  const model_type *type = model->types;
  while (type != NULL && strcmp(type->full_name, name) != 0) type = type->next;
  return type;
}

size_t model_field_index(const model_type *message, const char *name) {
  size_t i = 0;
  while (i < message->message->n_field && strcmp(message->message->field[i]->name, name) != 0) i++;
  return i;
}

const field_proto *model_field(const model_type *message, const char *name) {
  size_t i = model_field_index(message, name);
  return i < message->message->n_field ? message->message->field[i] : NULL;
}

const model_type *model_field_at(const api_model *model, const model_type *message, const char *path, size_t *index) {
  for (;;) {
    size_t length = strcspn(path, ".");
    *index = model_field_index(message, pool_printf(model->pool, "%.*s", (int)length, path));
    if (*index == message->message->n_field) return NULL;
    if (path[length] == '\0') return message;
    const field_proto *field = message->message->field[*index];
    message = field->type_name != NULL ? model_find(model, field->type_name) : NULL;
    if (message == NULL || message->message == NULL) return NULL;
    if (field->label == GOOGLE__PROTOBUF__FIELD_DESCRIPTOR_PROTO__LABEL__LABEL_REPEATED) return NULL;
    path += length + 1;
  }
}

const char *model_comment(const file_proto *file, const int32_t *path, size_t length) {
  if (file->source_code_info == NULL) return "";
  for (size_t i = 0; i < file->source_code_info->n_location; i++) {
    const Google__Protobuf__SourceCodeInfo__Location *location = file->source_code_info->location[i];
    if (location->n_path == length && memcmp(location->path, path, length * sizeof *path) == 0) {
      return location->leading_comments != NULL ? location->leading_comments : "";
    }
  }
  return "";
}

const char *model_member_comment(const model_type *type, size_t index) {
  int32_t path[PATH_MAX_LENGTH + 2];
  memcpy(path, type->path, type->path_length * sizeof *path);
  path[type->path_length] = type->message != NULL ? MESSAGE_FIELD : ENUM_VALUE;
  path[type->path_length + 1] = (int32_t)index;
  return model_comment(type->file, path, type->path_length + 2);
}

bool model_is_map_entry(const model_type *type) {
  return type->message != NULL && type->message->options != NULL && type->message->options->map_entry;
}

/* Where the types of a file or message are found: what encloses them. */
typedef struct scope {
  const file_proto *file;
  const char *name; /* "" for no package */
  const int32_t *path;
  size_t path_length;
} scope;

static model_type *add_type(api_model *model, const scope *in, const char *name, int32_t kind, size_t index) {
  model_type *type = pool_alloc(model->pool, sizeof *type);
  int32_t *path = pool_alloc(model->pool, (in->path_length + 2) * sizeof *path);
  if (in->path_length > 0) memcpy(path, in->path, in->path_length * sizeof *path);
  path[in->path_length] = kind;
  path[in->path_length + 1] = (int32_t)index;
  type->full_name = in->name[0] == '\0' ? name : pool_printf(model->pool, "%s.%s", in->name, name);
  type->file = in->file;
  type->path = path;
  type->path_length = in->path_length + 2;
  model_type **end = &model->types;
  while (*end != NULL) end = &(*end)->next;
  *end = type;
  return type;
}

static void add_enum(api_model *model, const scope *in, const enum_proto *proto, int32_t kind, size_t index) {
  add_type(model, in, proto->name, kind, index)->enumeration = proto;
}

/* Our options are extensions, which protobuf-c keeps as unknown fields: each a length, then the option's bytes, which
 * are returned with a NUL behind them. An option set in several statements arrives in as many fields; their bytes
 * joined are the merged message. NULL where the option is not set. */
static uint8_t *read_option_bytes(api_model *model, const ProtobufCMessage *options, uint32_t number, size_t *size) {
  if (options == NULL) return NULL;
  size_t capacity = 0;
  for (unsigned i = 0; i < options->n_unknown_fields; i++) capacity += options->unknown_fields[i].len;
  uint8_t *joined = pool_alloc(model->pool, capacity + 1);
  size_t length = 0;
  bool found = false;
  for (unsigned i = 0; i < options->n_unknown_fields; i++) {
    const ProtobufCMessageUnknownField *field = &options->unknown_fields[i];
    if (field->tag != number || field->wire_type != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED) continue;
    size_t prefix = 0;
    while (prefix < field->len && (field->data[prefix] & 0x80) != 0) prefix++;
    if (prefix >= field->len) continue;
    memcpy(joined + length, field->data + prefix + 1, field->len - prefix - 1);
    length += field->len - prefix - 1;
    found = true;
  }
  *size = length;
  return found ? joined : NULL;
}

/* NULL where the option is not set or not readable. */
static void *read_option(api_model *model, const ProtobufCMessage *options, uint32_t number,
                         const ProtobufCMessageDescriptor *type) {
  size_t size;
  const uint8_t *bytes = read_option_bytes(model, options, number, &size);
  return bytes != NULL ? protobuf_c_message_unpack(type, &model->pool->allocator, size, bytes) : NULL;
}

static void add_message(api_model *model, const scope *in, const message_proto *proto, int32_t kind, size_t index) {
  if (in->path_length + 2 > PATH_MAX_LENGTH) {
    model_report(model, in->file, in->name, "messages are nested too deeply");
    return;
  }
  model_type *type = add_type(model, in, proto->name, kind, index);
  type->message = proto;
  size_t size;
  if (proto->options != NULL) {
    type->example = (const char *)read_option_bytes(model, &proto->options->base, OPTION_EXAMPLE, &size);
  }
  scope inner = {in->file, type->full_name, type->path, type->path_length};
  for (size_t i = 0; i < proto->n_enum_type; i++) add_enum(model, &inner, proto->enum_type[i], MESSAGE_ENUM, i);
  for (size_t i = 0; i < proto->n_nested_type; i++) {
    add_message(model, &inner, proto->nested_type[i], MESSAGE_MESSAGE, i);
  }
}

static void add_types(api_model *model, const file_proto *file) {
  scope outer = {.file = file, .name = file->package != NULL ? file->package : ""};
  for (size_t i = 0; i < file->n_enum_type; i++) add_enum(model, &outer, file->enum_type[i], FILE_ENUM, i);
  for (size_t i = 0; i < file->n_message_type; i++) {
    add_message(model, &outer, file->message_type[i], FILE_MESSAGE, i);
  }
}

static void read_method(api_model *model, const model_service *service, model_method *method,
                        const method_proto *proto) {
  method->name = proto->name;
  method->full_name = pool_printf(model->pool, "%s.%s", service->full_name, proto->name);
  method->c_name = names_method(model->pool, proto->name);
  method->input = model_find(model, proto->input_type);
  method->output = model_find(model, proto->output_type);
  if (method->input == NULL || method->output == NULL) {
    model_report(model, service->file, method->full_name, "its messages are not in the request");
    return;
  }
  if (proto->client_streaming || proto->server_streaming) {
    model_report(model, service->file, method->full_name, "streaming is not supported");
  }
  if (proto->options == NULL) return;
  Google__Protobuf__MethodOptions__IdempotencyLevel level = proto->options->idempotency_level;
  method->no_side_effects = level == GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__NO_SIDE_EFFECTS;
  method->idempotent = level != GOOGLE__PROTOBUF__METHOD_OPTIONS__IDEMPOTENCY_LEVEL__IDEMPOTENCY_UNKNOWN;
  const Rpc__V1__HttpRule *rule =
      read_option(model, &proto->options->base, OPTION_HTTP, &rpc__v1__http_rule__descriptor);
  if (rule != NULL) bindings_read(model, service->file, method, rule);
}

/* Each method makes functions <name>, <name>_reply and <name>_thunk and a type <name>_done beside the service's own. */
static void check_names(api_model *model, const model_service *service) {
  static const char *const taken[] = {"handlers", "invoke"};
  static const char *const made[] = {"", "_reply", "_done", "_thunk"};
  for (size_t i = 0; i < service->method_count; i++) {
    const model_method *method = &service->methods[i];
    if (names_is_keyword(method->c_name)) {
      model_report(model, service->file, method->full_name, "%s is a keyword of C", method->c_name);
    }
    for (size_t j = 0; j < sizeof taken / sizeof *taken; j++) {
      if (strcmp(method->c_name, taken[j]) == 0) {
        model_report(model, service->file, method->full_name, "generated code needs this name itself");
      }
    }
    for (size_t j = 0; j < service->method_count * (sizeof made / sizeof *made); j++) {
      const model_method *other = &service->methods[j / (sizeof made / sizeof *made)];
      const char *name = pool_printf(model->pool, "%s%s", other->c_name, made[j % (sizeof made / sizeof *made)]);
      if (other != method && strcmp(method->c_name, name) == 0) {
        model_report(model, service->file, method->full_name, "its name in C is taken by %s", other->name);
      }
    }
  }
}

static void read_service(api_model *model, const file_proto *file, size_t index) {
  static const Rpc__V1__ServiceRule no_rule = RPC__V1__SERVICE_RULE__INIT;
  const Google__Protobuf__ServiceDescriptorProto *proto = file->service[index];
  int32_t path[] = {FILE_SERVICE, (int32_t)index, SERVICE_METHOD, 0};
  model_service *service = &model->services[model->service_count++];
  service->file = file;
  service->full_name =
      file->package != NULL ? pool_printf(model->pool, "%s.%s", file->package, proto->name) : proto->name;
  service->c_name = names_service(model->pool, service->full_name);
  service->comment = model_comment(file, path, 2);
  service->rule = read_option(model, proto->options != NULL ? &proto->options->base : NULL, OPTION_SERVICE,
                              &rpc__v1__service_rule__descriptor);
  if (service->rule == NULL) service->rule = &no_rule;
  const uint32_t ports[] = {service->rule->rpc_port, service->rule->ws_port, service->rule->http_port};
  for (size_t i = 0; i < 3; i++) {
    if (ports[i] > UINT16_MAX) model_report(model, file, service->full_name, "there is no port %u", ports[i]);
  }
  service->method_count = proto->n_method;
  service->methods = pool_alloc(model->pool, proto->n_method * sizeof *service->methods);
  if (proto->n_method == 0) model_report(model, file, service->full_name, "a service needs a method");
  for (size_t i = 0; i < proto->n_method; i++) {
    path[3] = (int32_t)i;
    service->methods[i].comment = model_comment(file, path, 4);
    read_method(model, service, &service->methods[i], proto->method[i]);
  }
  check_names(model, service);
}

static bool is_to_generate(const api_model *model, const file_proto *file) {
  for (size_t i = 0; i < model->request->n_file_to_generate; i++) {
    if (strcmp(model->request->file_to_generate[i], file->name) == 0) return true;
  }
  return false;
}

void model_read(api_model *model, memory_pool *pool, const Google__Protobuf__Compiler__CodeGeneratorRequest *request) {
  memset(model, 0, sizeof *model);
  model->pool = pool;
  model->request = request;
  model->error = "";
  size_t services = 0;
  for (size_t i = 0; i < request->n_proto_file; i++) {
    add_types(model, request->proto_file[i]);
    services += request->proto_file[i]->n_service;
  }
  model->services = pool_alloc(pool, services * sizeof *model->services);
  for (size_t i = 0; i < request->n_proto_file; i++) {
    const file_proto *file = request->proto_file[i];
    for (size_t j = 0; is_to_generate(model, file) && j < file->n_service; j++) read_service(model, file, j);
  }
  examples_check(model);
  if (model->error[0] == '\0') bindings_check_conflicts(model);
}
