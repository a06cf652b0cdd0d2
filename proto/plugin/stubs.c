/* Writes *.rpc.h: for each service a table of typed handlers with its dispatch and registration, and for each method
 * the typed reply and the typed client call. Static inline, so that gen/ depends on nothing above it. */
#include <string.h>

#include "names.h"
#include "template.h"
#include "writers.h"

static const char service_begin[] = "typedef struct $service$_handlers {\n";

static const char handler[] = "  void (*$method$)(void *self, rpc_call *call, const $Input$ *request);\n";

static const char service_end[] = "} $service$_handlers;\n";

static const char invoke_begin[] =
    "\n"
    "/* Calls the handler of a method; false where it is NULL. An rpc_invoke_fn. */\n"
    "static inline bool $service$_invoke(\n"
    "    const void *handlers, size_t method, void *self, rpc_call *call, const ProtobufCMessage *request) {\n"
    "  const $service$_handlers *table = handlers;\n"
    "  switch (method) {\n";

static const char invoke_case[] =
    "    case $index$:\n"
    "      if (table->$method$ == NULL) return false;\n"
    "      table->$method$(self, call, (const $Input$ *)request);\n"
    "      return true;\n";

static const char invoke_end[] =
    "    default:\n"
    "      return false;\n"
    "  }\n"
    "}\n"
    "\n"
    "/* Adds the service to a server, before it is fed. handlers and self outlive the server; a method whose handler "
    "is\n"
    " * NULL is answered UNIMPLEMENTED. */\n"
    "static inline void $service$_register(\n"
    "    rpc_server *server, const $service$_handlers *handlers, void *self) {\n"
    "  rpc_server_add_service(server, &api_$service$, $service$_invoke, handlers, self);\n"
    "}\n";

static const char method_functions[] =
    "\n"
    "/* $name$ */\n"
    "static inline void $service$_$method$_reply(\n"
    "    rpc_call *call, const $Output$ *response) {\n"
    "  rpc_call_reply(call, &response->base);\n"
    "}\n"
    "\n"
    "/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */\n"
    "typedef void (*$service$_$method$_done)(\n"
    "    void *arg, const rpc_status *status, const $Output$ *response);\n"
    "\n"
    "static inline void $service$_$method$_thunk(\n"
    "    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {\n"
    "  (($service$_$method$_done)done)(arg, status, (const $Output$ *)response);\n"
    "}\n"
    "\n"
    "/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */\n"
    "static inline void $service$_$method$(\n"
    "    rpc_client *client, const $Input$ *request, const rpc_call_options *options,\n"
    "    $service$_$method$_done done, void *arg) {\n"
    "  rpc_completion completion = {\n"
    "      .thunk = $service$_$method$_thunk, .done = (rpc_any_fn)done, .arg = arg};\n"
    "  rpc_client_call(client, &api_$service$.methods[$index$], &request->base, options, completion);\n"
    "}\n";

static void write_method(const api_model *model, const model_service *service, size_t index, const char *text,
                         FILE *out) {
  const model_method *method = &service->methods[index];
  const template_value values[] = {
      {"service", service->c_name},
      {"name", method->name},
      {"method", method->c_name},
      {"index", pool_printf(model->pool, "%zu", index)},
      {"Input", names_type(model->pool, method->input->full_name)},
      {"Output", names_type(model->pool, method->output->full_name)},
      {NULL, NULL},
  };
  template_write(out, text, values);
}

static void write_service(const api_model *model, const model_service *service, FILE *out) {
  const template_value values[] = {{"service", service->c_name}, {NULL, NULL}};
  fputc('\n', out);
  template_write_comment(out, service->comment, 0);
  template_write(out, service_begin, values);
  for (size_t i = 0; i < service->method_count; i++) {
    template_write_comment(out, service->methods[i].comment, 2);
    write_method(model, service, i, handler, out);
  }
  template_write(out, service_end, values);
  template_write(out, invoke_begin, values);
  for (size_t i = 0; i < service->method_count; i++) write_method(model, service, i, invoke_case, out);
  template_write(out, invoke_end, values);
  for (size_t i = 0; i < service->method_count; i++) write_method(model, service, i, method_functions, out);
}

/* True where a service of user has a method whose messages are in file. */
static bool uses(const api_model *model, const file_proto *user, const file_proto *file) {
  for (size_t i = 0; i < model->service_count; i++) {
    const model_service *service = &model->services[i];
    for (size_t j = 0; service->file == user && j < service->method_count; j++) {
      if (service->methods[j].input->file == file || service->methods[j].output->file == file) return true;
    }
  }
  return false;
}

void stubs_write(const api_model *model, const file_proto *file, FILE *out) {
  const template_value values[] = {{"file", file->name}, {NULL, NULL}};
  template_write(out, WRITERS_NOTE("$file$"), values);
  fputs(
      "#pragma once\n\n#include \"api.h\"\n#include \"rpc/call.h\"\n#include \"rpc/client.h\"\n"
      "#include \"rpc/server.h\"\n",
      out);
  for (size_t i = 0; i < model->request->n_proto_file; i++) {
    const file_proto *other = model->request->proto_file[i];
    if (uses(model, file, other)) {
      fprintf(out, "#include \"%s\"\n", names_output(model->pool, other->name, ".pb-c.h"));
    }
  }
  for (size_t i = 0; i < model->service_count; i++) {
    if (model->services[i].file == file) write_service(model, &model->services[i], out);
  }
}
