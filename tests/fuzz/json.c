/* Request bodies: bytes to JSON to a message, as the gateway reads them, for each message of the API; and what was
 * accepted must come back equal from the JSON that the gateway writes of it. The first line names the message:
 * "store.v1.CreateOrderRequest"; "types" is one with a field of every type that protobuf has. */
#include <jansson.h>

#include "fuzz.h"
#include "gateway/json_read.h"
#include "gateway/json_write.h"
#include "gateway/transcode.h"
#include "rpc/v1/envelope.pb-c.h"
#include "runner/json.h"
#include "unit/json_types.h"

enum { MEMORY = 64 * 1024 * 1024 };

static bool has_name(const ProtobufCMessageDescriptor *type, const fuzz_input *name) {
  return strlen(type->name) == name->left && memcmp(type->name, name->at, name->left) == 0;
}

/* An input or output of a method, or one of those that have maps; NULL where none has that name. */
static const ProtobufCMessageDescriptor *find_type(const fuzz_input *name) {
  const ProtobufCMessageDescriptor *const others[] = {&rpc__v1__request__descriptor, &rpc__v1__response__descriptor,
                                                      &types_descriptor};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    if (has_name(others[i], name)) return others[i];
  }
  for (size_t s = 0; s < api_service_count; s++) {
    for (size_t m = 0; m < api_services[s]->method_count; m++) {
      const api_method *method = &api_services[s]->methods[m];
      if (has_name(method->input, name)) return method->input;
      if (has_name(method->output, name)) return method->output;
    }
  }
  return NULL;
}

/* The body of a route that takes all of it. */
static ProtobufCMessage *read_as_gateway(const ProtobufCMessageDescriptor *type, const char *body, size_t size,
                                         rpc_arena *arena) {
  const api_method method = {.name = "/fuzz/Json", .input = type, .output = type};
  const api_route rule = {"POST", "/fuzz", "*"};
  const route entry = {.method = &method, .api = &rule};
  const route_match match = {.route = &entry};
  rpc_status status;
  ProtobufCMessage *message =
      transcode_read(&match, &(transcode_request){.body = body, .body_length = size}, arena, &status);
  FUZZ_CHECK(message ? status.code == RPC_OK : status.code == RPC_INVALID_ARGUMENT && status.field[0]);
  return message;
}

/* The same for the message whose maps are not the API's. */
static ProtobufCMessage *read_types(const char *body, size_t size, rpc_arena *arena) {
  json_reader reader = {.arena = arena, .map_entries = types_map_entries, .map_entry_count = TYPES_MAP_ENTRIES};
  ProtobufCMessage *message = json_read_new(&reader, &types_descriptor);
  bool ok = message && json_read(&reader, message, NULL, body, size);
  FUZZ_CHECK(ok || reader.status.code == RPC_INVALID_ARGUMENT);
  return ok ? message : NULL;
}

/* What is read is JSON to jansson too, without a key given twice, whatever let it through. */
static ProtobufCMessage *read_any(const ProtobufCMessageDescriptor *type, const char *body, size_t size,
                                  rpc_arena *arena) {
  ProtobufCMessage *message =
      type == &types_descriptor ? read_types(body, size, arena) : read_as_gateway(type, body, size, arena);
  if (!message || size == 0) return message;
  const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL;
  json_t *json = json_loadb(body, size, flags, NULL);
  FUZZ_CHECK(json);
  json_decref(json);
  return message;
}

static void check_round_trip(const ProtobufCMessage *message) {
  const ProtobufCMessageDescriptor *type = message->descriptor;
  json_writer writer = json_writer_make(MEMORY);
  if (type == &types_descriptor) {
    writer.map_entries = types_map_entries;
    writer.map_entry_count = TYPES_MAP_ENTRIES;
  }
  json_write_message(&writer, message);
  FUZZ_CHECK(!writer.failed);
  rpc_arena arena;
  rpc_arena_init(&arena, MEMORY);
  ProtobufCMessage *again = read_any(type, writer.bytes, writer.length, &arena);
  FUZZ_CHECK(again && fuzz_equal(message, again));
  rpc_arena_free(&arena);
  json_writer_free(&writer);
}

/* The runner reads what a gateway answers, which may be anything too, and passes over what it does not understand. */
static void read_as_runner(const ProtobufCMessageDescriptor *type, const char *body, size_t size) {
  json_t *json = json_loadb(body, size, 0, NULL);
  rpc_arena arena;
  rpc_arena_init(&arena, 1024 * 1024);
  const ProtobufCMessage *message = json ? runner_json_to_message(json, type, &arena) : NULL;
  size_t packed;
  if (message) free(fuzz_pack(message, &packed));
  rpc_arena_free(&arena);
  json_decref(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input body = {data, size};
  fuzz_input name = fuzz_take_until(&body, '\n');
  const ProtobufCMessageDescriptor *type = find_type(&name);
  if (!type) return 0;
  rpc_arena arena;
  rpc_arena_init(&arena, 1024 * 1024);
  char *copy = fuzz_copy(body, false);
  const ProtobufCMessage *message = read_any(type, copy, body.left, &arena);
  if (message) check_round_trip(message);
  read_as_runner(type, copy, body.left);
  free(copy);
  rpc_arena_free(&arena);
  return 0;
}
