/* Two tables, and a document made from them and a status. */
#include "gateway/problem.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>

static const int http_statuses[RPC_CODE_COUNT] = {
    [RPC_OK] = 200,
    [RPC_CANCELLED] = 499, /* nginx's "client closed request" */
    [RPC_UNKNOWN] = 500,
    [RPC_INVALID_ARGUMENT] = 400,
    [RPC_DEADLINE_EXCEEDED] = 504,
    [RPC_NOT_FOUND] = 404,
    [RPC_ALREADY_EXISTS] = 409,
    [RPC_PERMISSION_DENIED] = 403,
    [RPC_RESOURCE_EXHAUSTED] = 429,
    [RPC_FAILED_PRECONDITION] = 400,
    [RPC_ABORTED] = 409,
    [RPC_OUT_OF_RANGE] = 400,
    [RPC_UNIMPLEMENTED] = 501,
    [RPC_INTERNAL] = 500,
    [RPC_UNAVAILABLE] = 503,
    [RPC_DATA_LOSS] = 500,
    [RPC_UNAUTHENTICATED] = 401,
};

static const struct {
  int status;
  const char *phrase;
} phrases[] = {
    {200, "OK"},
    {204, "No Content"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {409, "Conflict"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

int problem_http_status(rpc_code code) {
  return http_statuses[(unsigned)code < RPC_CODE_COUNT ? code : RPC_UNKNOWN];
}

const char *problem_http_phrase(int http_status) {
  for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++) {
    if (phrases[i].status == http_status) return phrases[i].phrase;
  }
  return "";
}

/* The reason in lower case after `prefix`, '_' replaced: "out-of-stock". */
static void spell(char *out, size_t size, const char *prefix, const char *reason, char separator) {
  size_t used = strlen(prefix);
  memcpy(out, prefix, used);
  for (; *reason && used + 1 < size; reason++) {
    out[used++] = *reason == '_' ? separator : (char)tolower((unsigned char)*reason);
  }
  out[used] = '\0';
}

static void write_member(json_writer *writer, const char *key, const char *text) {
  json_write_key(writer, key);
  json_write_text(writer, text);
}

/* A title is the same for every occurrence of a type (RFC 9457 §3.1.3): "Out of stock". */
static void write_type_and_title(json_writer *writer, const char *reason, int http_status) {
  char type[sizeof((rpc_status *)0)->reason + 16] = "about:blank";
  char title[sizeof((rpc_status *)0)->reason] = "";
  if (reason[0]) {
    spell(type, sizeof type, "/problems/", reason, '-');
    spell(title, sizeof title, "", reason, ' ');
    title[0] = (char)toupper((unsigned char)title[0]);
  }
  write_member(writer, "type", type);
  write_member(writer, "title", reason[0] ? title : problem_http_phrase(http_status));
}

void problem_write(json_writer *writer, const rpc_status *status, int http_status, const char *correlation_id) {
  static const char *const reserved[] = {"type",   "title", "status",         "detail", "code",
                                         "reason", "field", "correlation_id", NULL};
  if (http_status == 0) http_status = problem_http_status(status->code);
  json_write_open(writer, '{');
  write_type_and_title(writer, status->reason, http_status);
  json_write_key(writer, "status");
  json_write_integer(writer, http_status);
  write_member(writer, "detail", status->message);
  write_member(writer, "code", rpc_code_name(status->code));
  if (status->reason[0]) write_member(writer, "reason", status->reason);
  if (status->field[0]) write_member(writer, "field", status->field);
  write_member(writer, "correlation_id", correlation_id);
  for (int i = 0; i < RPC_STATUS_FACTS; i++) {
    const rpc_status_fact *fact = &status->facts[i];
    bool is_reserved = fact->key[0] == '\0';
    for (int r = 0; reserved[r] && !is_reserved; r++) is_reserved = strcmp(fact->key, reserved[r]) == 0;
    if (!is_reserved) write_member(writer, fact->key, fact->value);
  }
  json_write_close(writer, '}');
}
