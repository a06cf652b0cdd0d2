/* Each header that matters is a row of a table: its longest value and the characters that it may have. */
#include "gateway/headers.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rpc/metadata.h"

enum { CORRELATION_ID, IDEMPOTENCY_KEY, REQUEST_TIMEOUT, TRACEPARENT, AUTHORIZATION, CONTENT_TYPE, HEADER_COUNT };

static const struct {
  const char *name;
  size_t max;
  char lowest; /* of printable ASCII: '!' where spaces are not allowed */
} rules[HEADER_COUNT] = {
    [CORRELATION_ID] = {"x-correlation-id", HEADERS_CORRELATION_ID_MAX, '!'},
    [IDEMPOTENCY_KEY] = {"idempotency-key", 255, '!'},
    [REQUEST_TIMEOUT] = {"request-timeout", 16, '!'},
    [TRACEPARENT] = {"traceparent", 256, ' '},
    [AUTHORIZATION] = {"authorization", RPC_METADATA_VALUE_MAX, ' '},
    [CONTENT_TYPE] = {"content-type", 256, ' '},
};

/* The values of the headers in the table; where one is given twice, its first. */
static void collect(const h2o_req_t *req, const h2o_iovec_t *found[HEADER_COUNT]) {
  for (size_t i = 0; i < req->headers.size; i++) {
    const h2o_header_t *header = &req->headers.entries[i];
    for (int rule = 0; rule < HEADER_COUNT; rule++) {
      const char *name = rules[rule].name;
      if (found[rule] || header->name->len != strlen(name)) continue;
      if (memcmp(header->name->base, name, header->name->len) == 0) found[rule] = &header->value;
    }
  }
}

static bool check(int rule, const h2o_iovec_t *value, rpc_status *status) {
  const char *name = rules[rule].name;
  if (value->len == 0 || value->len > rules[rule].max) {
    *status = rpc_status_invalid(name, "must have 1 to %zu characters", rules[rule].max);
    return false;
  }
  for (size_t i = 0; i < value->len; i++) {
    if (value->base[i] >= rules[rule].lowest && value->base[i] <= '~') continue;
    *status = rpc_status_invalid(name, "must be printable ASCII%s", rules[rule].lowest == '!' ? " without spaces" : "");
    return false;
  }
  return true;
}

bool headers_parse_timeout(const char *text, uint32_t *timeout_ms) {
  size_t digits = strspn(text, "0123456789");
  if (digits == 0 || digits > 9) return false;
  unsigned long value = strtoul(text, NULL, 10);
  const char *unit = text + digits;
  unsigned long scale = unit[0] == '\0' || strcmp(unit, "ms") == 0 ? 1 : strcmp(unit, "s") == 0 ? 1000 : 0;
  if (scale == 0 || value == 0 || value > HEADERS_TIMEOUT_MAX_MS / scale) return false;
  *timeout_ms = (uint32_t)(value * scale);
  return true;
}

static size_t size_of(const h2o_headers_t *headers) {
  size_t size = 0;
  for (size_t i = 0; i < headers->size; i++) size += headers->entries[i].name->len + headers->entries[i].value.len;
  return size;
}

/* The value of a line of a request's head; its base is NULL where the line is another field's. */
static h2o_iovec_t value_of(const char *line, const char *end, const char *name) {
  size_t length = strlen(name);
  if ((size_t)(end - line) < length || strncasecmp(line, name, length) != 0) return h2o_iovec_init(NULL, 0);
  const char *from = line + length;
  while (from < end && (*from == ' ' || *from == '\t')) from++;
  while (end > from && strchr(" \t\r", end[-1])) end--;
  return h2o_iovec_init(from, (size_t)(end - from));
}

/* What h2o takes over HTTP/1 without a word: no Host or several (RFC 9112 §3.2), and lengths of the body that differ
 * (§6.3), of which another server might take the other. They are to be seen in the head as it came. */
static const char *find_wrong_field(const h2o_req_t *req) {
  if (req->version >= 0x200) return NULL;
  const h2o_buffer_t *input = req->conn->callbacks->get_socket(req->conn)->input;
  const char *at = input->bytes, *end = input->bytes + input->size, *line_end;
  h2o_iovec_t length = h2o_iovec_init(NULL, 0);
  int hosts = 0;
  while (at < end && (*at == '\r' || *at == '\n')) at++;
  for (; at < end && (line_end = memchr(at, '\n', (size_t)(end - at))) != NULL; at = line_end + 1) {
    if (*at == '\r' || *at == '\n') break;
    hosts += value_of(at, line_end, "host:").base != NULL;
    h2o_iovec_t its = value_of(at, line_end, "content-length:");
    if (its.base && length.base && !h2o_memis(its.base, its.len, length.base, length.len)) return "content-length";
    if (its.base) length = its;
  }
  return hosts > 1 || (hosts == 0 && req->version > 0x100) ? "host" : NULL;
}

bool headers_read(const h2o_req_t *req, rpc_arena *arena, rpc_random *random, request_headers *headers,
                  int *http_status, rpc_status *status) {
  *status = rpc_status_ok();
  *headers = (request_headers){.timeout_ms = 0};
  rpc_random_id(random, headers->correlation_id);
  if (size_of(&req->headers) > HEADERS_BYTES_MAX) {
    *http_status = 431;
    *status =
        rpc_status_error(RPC_INVALID_ARGUMENT, "HEADERS_TOO_LARGE", "the headers may have %d bytes", HEADERS_BYTES_MAX);
    return false;
  }
  const char *wrong = find_wrong_field(req);
  if (wrong) {
    *status = rpc_status_invalid(wrong, "must be there once");
    return false;
  }
  const h2o_iovec_t *found[HEADER_COUNT] = {NULL};
  const char *values[HEADER_COUNT] = {NULL};
  collect(req, found);
  for (int i = 0; i < HEADER_COUNT; i++) {
    if (!found[i]) continue;
    if (!check(i, found[i], status)) {
      if (i != TRACEPARENT) return false;
      continue;
    }
    char *value = rpc_arena_alloc(arena, found[i]->len + 1);
    if (!value) {
      *status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "", "no memory for the headers");
      return false;
    }
    values[i] = memcpy(value, found[i]->base, found[i]->len);
    if (i == CORRELATION_ID) memcpy(headers->correlation_id, values[i], strlen(values[i]) + 1);
  }
  *status = rpc_status_ok();
  headers->idempotency_key = values[IDEMPOTENCY_KEY];
  headers->authorization = values[AUTHORIZATION];
  headers->content_type = values[CONTENT_TYPE];
  if (values[TRACEPARENT] && !trace_context_parse(values[TRACEPARENT], &headers->parent)) {
    headers->parent = (trace_context){.sampled = false};
  }
  if (values[REQUEST_TIMEOUT] && !headers_parse_timeout(values[REQUEST_TIMEOUT], &headers->timeout_ms)) {
    *status = rpc_status_invalid(rules[REQUEST_TIMEOUT].name,
                                 "must be milliseconds such as \"1500\", or \"500ms\" or "
                                 "\"2s\", from 1 ms to %d s",
                                 HEADERS_TIMEOUT_MAX_MS / 1000);
    return false;
  }
  return true;
}
