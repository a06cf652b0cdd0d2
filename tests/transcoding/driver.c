/* Our JSON mapping as a filter, for compare.py: reads requests from standard input and writes an answer to each. Both
 * are frames of a 32-bit big-endian length and that many bytes. The first byte of a request says what is asked, then
 * comes a name that ends in NUL, then the input:
 *   w TYPE    a message's bytes to JSON             W TYPE   the same, with the type known by reflection only
 *   r TYPE    JSON to a message's bytes             R TYPE
 *   h LINE    the body of an HTTP request, whose "METHOD TARGET" is LINE, to a message's bytes
 * An answer begins with '+' and holds the result, or with '-' and holds "field: message". */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "gateway/json_read.h"
#include "gateway/json_write.h"
#include "gateway/transcode.h"
#include "rpc/envelope.h"
#include "runner/reflection.h"

enum { MESSAGE_MAX = 16 * 1024 * 1024, ARENA_MAX = 256 * 1024 * 1024, KNOWN_MAX = 512 };

typedef struct driver {
  const ProtobufCMessageDescriptor *known[KNOWN_MAX]; /* compiled types that the API's methods lead to */
  size_t known_count;
  reflection *types;
  routes *table;
} driver;

/* One request on its way to its answer. */
typedef struct request {
  const driver *driver;
  bool by_reflection;
  const char *name;
  const char *input;
  size_t length;
  rpc_arena arena;
  rpc_status status;
  json_writer out; /* the result */
} request;

static void learn(driver *d, const ProtobufCMessageDescriptor *descriptor) {
  for (size_t i = 0; i < d->known_count; i++) {
    if (d->known[i] == descriptor) return;
  }
  if (d->known_count == KNOWN_MAX) abort();
  d->known[d->known_count++] = descriptor;
  for (unsigned i = 0; i < descriptor->n_fields; i++) {
    if (descriptor->fields[i].type == PROTOBUF_C_TYPE_MESSAGE) learn(d, descriptor->fields[i].descriptor);
  }
}

static void learn_all(driver *d) {
  for (size_t i = 0; i < api_service_count; i++) {
    for (size_t j = 0; j < api_services[i]->method_count; j++) {
      learn(d, api_services[i]->methods[j].input);
      learn(d, api_services[i]->methods[j].output);
    }
  }
}

static const ProtobufCMessageDescriptor *find_type(request *r) {
  const ProtobufCMessageDescriptor *found = NULL;
  if (r->by_reflection) {
    found = reflection_message(r->driver->types, r->name);
  } else {
    for (size_t i = 0; i < r->driver->known_count && !found; i++) {
      if (strcmp(r->driver->known[i]->name, r->name) == 0) found = r->driver->known[i];
    }
  }
  if (!found) r->status = rpc_status_error(RPC_NOT_FOUND, "UNKNOWN_TYPE", "no type %s", r->name);
  return found;
}

static void answer_with_message(request *r, const ProtobufCMessage *message) {
  size_t size = protobuf_c_message_get_packed_size(message);
  uint8_t *bytes = rpc_arena_alloc(&r->arena, size + 1);
  protobuf_c_message_pack(message, bytes);
  json_write_bytes(&r->out, (const char *)bytes, size);
}

/* As the gateway does with a service's answer. */
static void write_json(request *r) {
  const ProtobufCMessageDescriptor *type = find_type(r);
  if (!type) return;
  uint8_t *bytes = rpc_arena_alloc(&r->arena, r->length + 1);
  memcpy(bytes, r->input, r->length);
  ProtobufCBinaryData payload = {r->length, bytes};
  const ProtobufCMessage *message = envelope_unpack_payload(type, payload, &r->arena, &r->status);
  if (!message) return;
  if (r->by_reflection) r->out.map_entries = reflection_map_entries(r->driver->types, &r->out.map_entry_count);
  json_write_message(&r->out, message);
  if (r->out.failed) r->status = rpc_status_error(RPC_INTERNAL, "OUTPUT", "cannot be written as JSON");
}

static void read_json(request *r) {
  const ProtobufCMessageDescriptor *type = find_type(r);
  if (!type) return;
  json_reader reader = json_reader_make(&r->arena);
  if (r->by_reflection) reader.map_entries = reflection_map_entries(r->driver->types, &reader.map_entry_count);
  ProtobufCMessage *message = json_read_new(&reader, type);
  if (message && json_read(&reader, message, NULL, r->input, r->length)) answer_with_message(r, message);
  r->status = reader.status;
}

static void read_http(request *r) {
  size_t method = strcspn(r->name, " ");
  const char *path = r->name + method + 1;
  size_t path_length = strcspn(path, "?");
  const char *query = path[path_length] ? path + path_length + 1 : "";
  route_match match;
  if (!routes_match(r->driver->table, r->name, method, path, path_length, &r->arena, &match, &r->status)) return;
  if (!match.route) {
    r->status = rpc_status_error(RPC_NOT_FOUND, "NO_ROUTE", "no route for %s", r->name);
    return;
  }
  transcode_request parts = {query, strlen(query), r->input, r->length};
  const ProtobufCMessage *message = transcode_read(&match, &parts, &r->arena, &r->status);
  if (message) answer_with_message(r, message);
}

static void put_frame(const request *r) {
  char error[1024];
  bool ok = r->status.code == RPC_OK;
  int error_length = snprintf(error, sizeof error, "%s: %s", r->status.field, r->status.message);
  size_t length = ok ? r->out.length : (size_t)error_length;
  uint32_t header = htonl((uint32_t)length + 1);
  fwrite(&header, sizeof header, 1, stdout);
  putchar(ok ? '+' : '-');
  if (length > 0) fwrite(ok ? r->out.bytes : error, 1, length, stdout);
}

static void answer(const driver *d, const char *frame, size_t size) {
  size_t name = strlen(frame) + 1; /* the caller has put a NUL behind the frame */
  request r = {.driver = d, .name = frame + 1, .input = frame + name, .length = size - name};
  rpc_arena_init(&r.arena, ARENA_MAX);
  r.out = json_writer_make(MESSAGE_MAX);
  r.by_reflection = frame[0] == 'W' || frame[0] == 'R';
  if (frame[0] == 'w' || frame[0] == 'W') write_json(&r);
  if (frame[0] == 'r' || frame[0] == 'R') read_json(&r);
  if (frame[0] == 'h') read_http(&r);
  put_frame(&r);
  json_writer_free(&r.out);
  rpc_arena_free(&r.arena);
}

/* The whole file. */
static char *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  char *bytes = malloc(MESSAGE_MAX);
  if (!file || !bytes) abort();
  *size = fread(bytes, 1, MESSAGE_MAX, file);
  fclose(file);
  return bytes;
}

int main(int argc, char **argv) {
  if (argc != 2) {
    fputs("usage: transcoding-driver FILE_DESCRIPTOR_SET\n", stderr);
    return 2;
  }
  static driver d;
  rpc_status status;
  size_t size;
  char *set = read_file(argv[1], &size);
  learn_all(&d);
  d.types = reflection_create((const uint8_t *)set, size, &status);
  d.table = routes_create(api_services, api_service_count, &status);
  free(set);
  if (!d.types || !d.table) {
    fprintf(stderr, "transcoding-driver: %s\n", status.message);
    return 1;
  }
  char *frame = malloc(MESSAGE_MAX + 1);
  uint32_t header;
  while (fread(&header, sizeof header, 1, stdin) == 1) {
    size_t length = ntohl(header);
    if (length == 0 || length > MESSAGE_MAX || fread(frame, 1, length, stdin) != length) break;
    frame[length] = '\0';
    answer(&d, frame, length);
  }
  free(frame);
  routes_destroy(d.table);
  reflection_destroy(d.types);
  return 0;
}
