/* The request line and the body of an HTTP request: "METHOD path?query", then from the next line on the body, matched
 * against all routes of the API and made into the method's message. */
#include "fuzz.h"
#include "gateway/json_read.h"
#include "gateway/transcode.h"

/* A route that was found agrees with the request, and HTTP's rules for 404 and 405 hold. */
static void check_match(const route_match *match, const fuzz_input *method) {
  if (!match->route) return;
  const char *wanted = match->route->api->http_method;
  bool is_head = method->left == 4 && memcmp(method->at, "HEAD", 4) == 0;
  if (is_head) wanted = strcmp(wanted, "GET") == 0 ? "HEAD" : "";
  FUZZ_CHECK(strlen(wanted) == method->left && memcmp(wanted, method->at, method->left) == 0);
  for (size_t i = 0; i < match->route->segment_count; i++) {
    bool is_variable = match->route->segments[i].is_variable;
    FUZZ_CHECK(is_variable ? match->values[i] && match->values[i][0] : !match->values[i]);
  }
}

/* Whatever query and body said, a variable of the path is what the path says. */
static void check_message(const route_match *match, const ProtobufCMessage *message) {
  FUZZ_CHECK(message->descriptor == match->route->method->input);
  for (size_t i = 0; i < match->route->segment_count; i++) {
    const route_segment *segment = &match->route->segments[i];
    if (!segment->is_variable) continue;
    const ProtobufCFieldDescriptor *field = json_find_field(message->descriptor, segment->text, segment->length);
    FUZZ_CHECK(field && field->type == PROTOBUF_C_TYPE_STRING);
    FUZZ_CHECK(strcmp(*(char *const *)(const void *)((const char *)message + field->offset), match->values[i]) == 0);
  }
  size_t size;
  free(fuzz_pack(message, &size));
}

static void try_request(const routes *table, fuzz_input input, rpc_arena *arena) {
  fuzz_input line = fuzz_take_until(&input, '\n');
  fuzz_input method = fuzz_take_until(&line, ' ');
  fuzz_input path = fuzz_take_until(&line, '?');
  char *path_copy = fuzz_copy(path, false), *query = fuzz_copy(line, false), *body = fuzz_copy(input, false);
  route_match match;
  rpc_status status;
  bool ok = routes_match(table, (const char *)method.at, method.left, path_copy, path.left, arena, &match, &status);
  FUZZ_CHECK(ok ? status.code == RPC_OK : status.code == RPC_INVALID_ARGUMENT && status.field[0]);
  if (ok) check_match(&match, &method);
  if (ok && match.route) {
    const transcode_request request = {query, line.left, body, input.left};
    const ProtobufCMessage *message = transcode_read(&match, &request, arena, &status);
    FUZZ_CHECK(message ? status.code == RPC_OK : status.code == RPC_INVALID_ARGUMENT && status.field[0]);
    if (message) check_message(&match, message);
  }
  free(path_copy);
  free(query);
  free(body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  rpc_status status;
  routes *table = routes_create(api_services, api_service_count, &status);
  FUZZ_CHECK(table);
  rpc_arena arena;
  rpc_arena_init(&arena, 1024 * 1024);
  try_request(table, (fuzz_input){data, size}, &arena);
  rpc_arena_free(&arena);
  routes_destroy(table);
  return 0;
}
