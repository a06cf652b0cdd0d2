/* protoc-gen-store: a protoc plugin that writes what the services and the gateway need of the API beyond protobuf-c's
 * messages. protoc starts it, gives it a CodeGeneratorRequest on standard input and takes a CodeGeneratorResponse. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "names.h"
#include "writers.h"

typedef Google__Protobuf__Compiler__CodeGeneratorResponse response_message;
typedef Google__Protobuf__Compiler__CodeGeneratorResponse__File response_file;

enum { REQUEST_MAX = 64 << 20 }; /* bytes; protobuf's own limit for a message */

static const struct {
  const char *name;
  void (*write)(const api_model *model, FILE *out);
} whole_api[] = {
    {"api.h", api_write_header},
    {"api.c", api_write_tables},
    {"file_descriptor_set.c", api_write_descriptor_set},
    {"openapi.json", openapi_write},
};
enum { WHOLE_API = sizeof whole_api / sizeof *whole_api };

/* All of standard input; NULL where it is too long or cannot be read. */
static uint8_t *read_input(memory_pool *pool, size_t *size) {
  size_t capacity = 1 << 20;
  uint8_t *data = pool_alloc(pool, capacity);
  *size = 0;
  for (;;) {
    *size += fread(data + *size, 1, capacity - *size, stdin);
    if (*size < capacity) return ferror(stdin) ? NULL : data;
    if (capacity >= REQUEST_MAX) return NULL;
    uint8_t *larger = pool_alloc(pool, 2 * capacity);
    memcpy(larger, data, capacity);
    data = larger;
    capacity *= 2;
  }
}

/* Adds a file to the response: the caller writes its text to the stream, which file_end closes. */
typedef struct open_file {
  FILE *stream;
  char *text;
  size_t size;
} open_file;

static void file_begin(open_file *file) {
  file->stream = pool_check(open_memstream(&file->text, &file->size));
}

static void file_end(open_file *file, memory_pool *pool, response_message *response, const char *name) {
  fclose(file->stream);
  response_file *added = pool_alloc(pool, sizeof *added);
  google__protobuf__compiler__code_generator_response__file__init(added);
  added->name = pool_printf(pool, "%s", name);
  added->content = pool_printf(pool, "%s", file->text);
  free(file->text);
  response->file[response->n_file++] = added;
}

static void write_files(const api_model *model, response_message *response) {
  const Google__Protobuf__Compiler__CodeGeneratorRequest *request = model->request;
  response->file = pool_alloc(model->pool, (WHOLE_API + request->n_proto_file) * sizeof *response->file);
  open_file file;
  for (size_t i = 0; i < WHOLE_API; i++) {
    file_begin(&file);
    whole_api[i].write(model, file.stream);
    file_end(&file, model->pool, response, whole_api[i].name);
  }
  for (size_t i = 0; i < model->service_count; i++) {
    const file_proto *proto = model->services[i].file;
    if (i > 0 && model->services[i - 1].file == proto) continue; /* the services of a file stand together */
    file_begin(&file);
    stubs_write(model, proto, file.stream);
    file_end(&file, model->pool, response, names_output(model->pool, proto->name, ".rpc.h"));
  }
}

static bool write_output(memory_pool *pool, const response_message *response) {
  size_t size = protobuf_c_message_get_packed_size(&response->base);
  uint8_t *data = pool_alloc(pool, size);
  protobuf_c_message_pack(&response->base, data);
  return fwrite(data, 1, size, stdout) == size && fflush(stdout) == 0;
}

int main(void) {
  int exit_code = EXIT_FAILURE;
  memory_pool pool;
  pool_init(&pool);
  size_t size = 0;
  const uint8_t *data = read_input(&pool, &size);
  const Google__Protobuf__Compiler__CodeGeneratorRequest *request =
      data == NULL ? NULL : google__protobuf__compiler__code_generator_request__unpack(&pool.allocator, size, data);
  if (request == NULL) {
    fputs("protoc-gen-store: standard input is no CodeGeneratorRequest; protoc starts this program\n", stderr);
    goto cleanup;
  }
  response_message response = GOOGLE__PROTOBUF__COMPILER__CODE_GENERATOR_RESPONSE__INIT;
  api_model model;
  model_read(&model, &pool, request);
  if (model.error[0] != '\0') {
    response.error = pool_printf(&pool, "%s", model.error);
  } else {
    write_files(&model, &response);
  }
  if (write_output(&pool, &response)) exit_code = EXIT_SUCCESS;
cleanup:
  pool_free(&pool);
  return exit_code;
}
