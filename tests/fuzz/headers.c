/* The HTTP headers that the gateway acts on, as lines of "name: value" or "name:value": correlation id, idempotency
 * key, timeout, traceparent, authorization, content type. What is accepted must be fit to be sent on as RPC metadata.
 */
#include <h2o.h>

#include "fuzz.h"
#include "gateway/headers.h"
#include "gateway/transcode.h"
#include "rpc/metadata.h"

enum { LINES_MAX = 32 };

typedef struct header_lines {
  h2o_header_t entries[LINES_MAX];
  h2o_iovec_t names[LINES_MAX];
  size_t count;
} header_lines;

/* Names and values in memory of exactly their size, as h2o's need not end in NUL. */
static void take_lines(header_lines *lines, fuzz_input input) {
  while (input.left > 0 && lines->count < LINES_MAX) {
    fuzz_input value = fuzz_take_until(&input, '\n');
    fuzz_input name = fuzz_take_until(&value, ':');
    if (value.left > 0 && *value.at == ' ') fuzz_take_byte(&value);
    size_t i = lines->count++;
    lines->names[i] = h2o_iovec_init(fuzz_copy(name, false), name.left);
    lines->entries[i] =
        (h2o_header_t){.name = &lines->names[i], .value = h2o_iovec_init(fuzz_copy(value, false), value.left)};
  }
}

static void free_lines(header_lines *lines) {
  for (size_t i = 0; i < lines->count; i++) {
    free(lines->names[i].base);
    free(lines->entries[i].value.base);
  }
}

static void check_text(const char *text, size_t max) {
  if (!text) return;
  size_t length = strlen(text);
  FUZZ_CHECK(length > 0 && length <= max);
  for (; *text; text++) FUZZ_CHECK(*text >= ' ' && *text <= '~');
}

static void check_parent(const trace_context *parent) {
  static const trace_context none;
  if (memcmp(parent->trace_id, none.trace_id, sizeof none.trace_id) == 0) return;
  char text[TRACE_PARENT_SIZE];
  trace_context again = none;
  trace_context_format(parent, text);
  FUZZ_CHECK(trace_context_parse(text, &again) && again.sampled == parent->sampled);
  FUZZ_CHECK(memcmp(again.trace_id, parent->trace_id, sizeof again.trace_id) == 0);
  FUZZ_CHECK(memcmp(again.span_id, parent->span_id, sizeof again.span_id) == 0);
}

/* The parsers by themselves take any text, not only what the rules for headers let through. */
static void try_value(const h2o_iovec_t *value) {
  char *text = fuzz_copy((fuzz_input){(const uint8_t *)value->base, value->len}, true);
  uint32_t timeout_ms;
  if (headers_parse_timeout(text, &timeout_ms)) FUZZ_CHECK(timeout_ms > 0 && timeout_ms <= HEADERS_TIMEOUT_MAX_MS);
  trace_context parent;
  if (trace_context_parse(text, &parent)) check_parent(&parent);
  transcode_is_json(value->base, value->len);
  free(text);
}

/* A connection whose request's head came as these bytes: over HTTP/1 it is looked at as well. */
typedef struct fuzz_connection {
  h2o_conn_t base; /* first: h2o gives this back */
  h2o_socket_t socket;
  h2o_buffer_t input;
} fuzz_connection;

static h2o_socket_t *socket_of(h2o_conn_t *connection) {
  return &((fuzz_connection *)connection)->socket;
}

static void try_request(fuzz_input input, const header_lines *lines, int version) {
  static const h2o_conn_callbacks_t callbacks = {.get_socket = socket_of};
  fuzz_connection connection = {.base = {.callbacks = &callbacks},
                                .input = {.bytes = (char *)(uintptr_t)input.at, .size = input.left}};
  connection.socket.input = &connection.input;
  h2o_req_t req = {.conn = &connection.base,
                   .version = version,
                   .headers = {.entries = (h2o_header_t *)(uintptr_t)lines->entries, .size = lines->count}};
  rpc_arena arena;
  rpc_random random;
  request_headers headers;
  rpc_status status;
  rpc_arena_init(&arena, 64 * 1024);
  rpc_random_init(&random, 1);
  int http_status = 0;
  bool ok = headers_read(&req, &arena, &random, &headers, &http_status, &status);
  FUZZ_CHECK(ok ? status.code == RPC_OK : status.code == RPC_INVALID_ARGUMENT && status.field[0]);
  FUZZ_CHECK(headers.correlation_id[0]);
  check_text(headers.correlation_id, HEADERS_CORRELATION_ID_MAX);
  if (ok) {
    check_text(headers.idempotency_key, 255);
    check_text(headers.authorization, RPC_METADATA_VALUE_MAX);
    check_text(headers.content_type, RPC_METADATA_VALUE_MAX);
    check_parent(&headers.parent);
    FUZZ_CHECK(headers.timeout_ms <= HEADERS_TIMEOUT_MAX_MS);
  }
  rpc_arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  header_lines lines = {.count = 0};
  fuzz_input input = {data, size};
  take_lines(&lines, input);
  try_request(input, &lines, 0x101);
  try_request(input, &lines, 0x200);
  for (size_t i = 0; i < lines.count; i++) try_value(&lines.entries[i].value);
  free_lines(&lines);
  return 0;
}
