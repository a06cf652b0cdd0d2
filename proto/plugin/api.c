/* Writes api.h, api.c and file_descriptor_set.c: the API as tables that the server, the client and the gateway read. */
#include <string.h>

#include "names.h"
#include "template.h"
#include "writers.h"

static const char header_types[] =
    "/* The API as tables: services, their methods and REST routes, and the descriptors that reflection answers. */\n"
    "#pragma once\n"
    "\n"
    "#include <protobuf-c/protobuf-c.h>\n"
    "#include <stdbool.h>\n"
    "#include <stddef.h>\n"
    "#include <stdint.h>\n"
    "\n"
    "typedef struct api_route {\n"
    "  const char *http_method; /* \"GET\" */\n"
    "  const char *path;        /* \"/orders/{order_id}\": a name in braces is a field of the input, one whole segment "
    "*/\n"
    "  const char *body;        /* \"\": none; \"*\": all fields that the path does not bind; else the field's name "
    "*/\n"
    "} api_route;\n"
    "\n"
    "typedef struct api_method {\n"
    "  const char *name; /* \"/store.v1.OrderService/CreateOrder\" */\n"
    "  const ProtobufCMessageDescriptor *input, *output;\n"
    "  bool idempotent; /* may be retried as it is: NO_SIDE_EFFECTS or IDEMPOTENT */\n"
    "  bool no_side_effects;\n"
    "  const api_route *routes; /* NULL where there are none */\n"
    "  size_t route_count;\n"
    "} api_method;\n"
    "\n"
    "typedef struct api_service {\n"
    "  const char *full_name; /* \"store.v1.OrderService\" */\n"
    "  const char *name;      /* \"order\"; \"\" for a service that every server answers */\n"
    "  uint16_t rpc_port, ws_port, http_port; /* defaults on loopback; 0 where name is \"\" */\n"
    "  const api_method *methods;             /* in the order of the .proto */\n"
    "  size_t method_count;\n"
    "} api_service;\n"
    "\n";

static const char header_tables[] =
    "\n"
    "/* All of them. */\n"
    "extern const api_service *const api_services[];\n"
    "extern const size_t api_service_count;\n"
    "\n"
    "/* The messages that stand for the entries of map fields: protobuf-c's descriptors do not tell. */\n"
    "extern const ProtobufCMessageDescriptor *const api_map_entries[];\n"
    "extern const size_t api_map_entry_count;\n"
    "\n"
    "/* A serialized google.protobuf.FileDescriptorSet of all files, imports first. */\n"
    "extern const unsigned char api_file_descriptor_set[];\n"
    "extern const size_t api_file_descriptor_set_size;\n";

void api_write_header(const api_model *model, FILE *out) {
  fputs(WRITERS_NOTE("all .proto files"), out);
  fputs(header_types, out);
  for (size_t i = 0; i < model->service_count; i++) {
    fprintf(out, "extern const api_service api_%s;\n", model->services[i].c_name);
  }
  fputs(header_tables, out);
}

static bool has_messages(const api_model *model, const file_proto *file) {
  for (const model_type *type = model->types; type != NULL; type = type->next) {
    if (type->file == file && type->message != NULL) return true;
  }
  return false;
}

static void write_routes(const model_method *method, const char *table, FILE *out) {
  fprintf(out, "static const api_route %s[] = {\n", table);
  for (size_t i = 0; i < method->route_count; i++) {
    const model_route *route = &method->routes[i];
    fprintf(out, "    {\"%s\", \"%s\", \"%s\"},\n", route->verb, route->path, route->body);
  }
  fputs("};\n", out);
}

static void write_method(const api_model *model, const model_service *service, const model_method *method,
                         const char *routes, FILE *out) {
  const template_value values[] = {
      {"service", service->full_name},
      {"name", method->name},
      {"input", names_lower(model->pool, method->input->full_name)},
      {"output", names_lower(model->pool, method->output->full_name)},
      {"idempotent", method->idempotent ? "true" : "false"},
      {"no_side_effects", method->no_side_effects ? "true" : "false"},
      {"routes", routes},
      {"count", pool_printf(model->pool, "%zu", method->route_count)},
      {NULL, NULL},
  };
  template_write(out,
                 "    {\n"
                 "        .name = \"/$service$/$name$\",\n"
                 "        .input = &$input$__descriptor,\n"
                 "        .output = &$output$__descriptor,\n"
                 "        .idempotent = $idempotent$,\n"
                 "        .no_side_effects = $no_side_effects$,\n"
                 "        .routes = $routes$,\n"
                 "        .route_count = $count$,\n"
                 "    },\n",
                 values);
}

static void write_service(const api_model *model, const model_service *service, FILE *out) {
  fputc('\n', out);
  const char **routes = pool_alloc(model->pool, service->method_count * sizeof *routes);
  for (size_t i = 0; i < service->method_count; i++) {
    routes[i] = "NULL";
    if (service->methods[i].route_count == 0) continue;
    routes[i] = pool_printf(model->pool, "%s_%s_routes", service->c_name, service->methods[i].c_name);
    write_routes(&service->methods[i], routes[i], out);
  }
  fprintf(out, "static const api_method %s_methods[] = {\n", service->c_name);
  for (size_t i = 0; i < service->method_count; i++) {
    write_method(model, service, &service->methods[i], routes[i], out);
  }
  fputs("};\n", out);
  fprintf(out,
          "const api_service api_%s = {\n    .full_name = \"%s\",\n    .name = \"%s\",\n    .rpc_port = %u,\n"
          "    .ws_port = %u,\n    .http_port = %u,\n    .methods = %s_methods,\n    .method_count = %zu,\n};\n",
          service->c_name, service->full_name, service->rule->name, service->rule->rpc_port, service->rule->ws_port,
          service->rule->http_port, service->c_name, service->method_count);
}

/* Each list ends with a NULL that its count leaves out, so that an empty one is still C. */
static void write_lists(const api_model *model, FILE *out) {
  fputs("\nconst api_service *const api_services[] = {\n", out);
  for (size_t i = 0; i < model->service_count; i++) fprintf(out, "    &api_%s,\n", model->services[i].c_name);
  fprintf(out, "    NULL,\n};\nconst size_t api_service_count = %zu;\n", model->service_count);
  size_t entries = 0;
  fputs("\nconst ProtobufCMessageDescriptor *const api_map_entries[] = {\n", out);
  for (const model_type *type = model->types; type != NULL; type = type->next) {
    if (!model_is_map_entry(type)) continue;
    fprintf(out, "    &%s__descriptor,\n", names_lower(model->pool, type->full_name));
    entries++;
  }
  fprintf(out, "    NULL,\n};\nconst size_t api_map_entry_count = %zu;\n", entries);
}

void api_write_tables(const api_model *model, FILE *out) {
  fputs(WRITERS_NOTE("all .proto files"), out);
  fputs("#include \"api.h\"\n\n", out);
  for (size_t i = 0; i < model->request->n_proto_file; i++) {
    const file_proto *file = model->request->proto_file[i];
    if (has_messages(model, file)) {
      fprintf(out, "#include \"%s\"\n", names_output(model->pool, file->name, ".pb-c.h"));
    }
  }
  for (size_t i = 0; i < model->service_count; i++) write_service(model, &model->services[i], out);
  write_lists(model, out);
}

void api_write_descriptor_set(const api_model *model, FILE *out) {
  const Google__Protobuf__Compiler__CodeGeneratorRequest *request = model->request;
  Google__Protobuf__FileDescriptorSet set = GOOGLE__PROTOBUF__FILE_DESCRIPTOR_SET__INIT;
  set.n_file = request->n_proto_file;
  set.file = pool_alloc(model->pool, set.n_file * sizeof *set.file);
  for (size_t i = 0; i < set.n_file; i++) {
    set.file[i] = pool_alloc(model->pool, sizeof *set.file[i]);
    *set.file[i] = *request->proto_file[i];
    set.file[i]->source_code_info = NULL; /* comments: half the bytes, and no client's business */
  }
  size_t size = google__protobuf__file_descriptor_set__get_packed_size(&set);
  uint8_t *bytes = pool_alloc(model->pool, size);
  google__protobuf__file_descriptor_set__pack(&set, bytes);
  fputs(WRITERS_NOTE("all .proto files"), out);
  fputs("#include \"api.h\"\n\nconst unsigned char api_file_descriptor_set[] = {", out);
  for (size_t i = 0; i < size; i++) fprintf(out, "%s%u,", i % 32 == 0 ? "\n    " : "", bytes[i]);
  fprintf(out, "\n};\nconst size_t api_file_descriptor_set_size = %zu;\n", size);
}
