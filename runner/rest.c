/* See rest.h: the client's side of the bindings that api_route describes. */
#include "runner/rest.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/json.h"

enum { URL_MAX = 2048 };

/* A URL as it grows; too_long once it does not fit. */
typedef struct url_text {
  char text[URL_MAX];
  size_t length;
  bool too_long;
} url_text;

static void append(url_text *url, const char *text, size_t length) {
  if (url->length + length >= sizeof url->text) {
    url->too_long = true;
    return;
  }
  memcpy(url->text + url->length, text, length);
  url->length += length;
  url->text[url->length] = '\0';
}

/* A string or number, escaped for a path segment or a query. */
static void append_value(url_text *url, const json_t *value) {
  char number[32];
  const char *text = json_string_value(value);
  if (text == NULL) {
    snprintf(number, sizeof number, "%.15g", json_number_value(value));
    text = json_is_boolean(value) ? (json_is_true(value) ? "true" : "false") : number;
  }
  char *escaped = curl_easy_escape(NULL, text, 0);
  if (escaped == NULL)
    url->too_long = true;
  else
    append(url, escaped, strlen(escaped));
  curl_free(escaped);
}

/* Puts fields into the braces of the path, and takes them out of the object. */
static bool append_path(url_text *url, const char *path, json_t *fields) {
  while (*path != '\0') {
    size_t plain = strcspn(path, "{");
    append(url, path, plain);
    path += plain;
    if (*path == '\0') break;
    char name[64];
    size_t length = strcspn(path + 1, "}");
    snprintf(name, sizeof name, "%.*s", (int)length, path + 1);
    const json_t *value = json_object_get(fields, name);
    if (value == NULL) return false;
    append_value(url, value);
    json_object_del(fields, name);
    path += length + 2;
  }
  return true;
}

static void append_query(url_text *url, json_t *fields) {
  const char *name, *separator = "?";
  json_t *value;
  json_object_foreach(fields, name, value) {
    append(url, separator, 1);
    append(url, name, strlen(name));
    append(url, "=", 1);
    append_value(url, value);
    separator = "&";
  }
}

bool runner_rest_request_make(runner_rest_request *request, const char *base_url, const api_route *route,
                              const ProtobufCMessage *message) {
  *request = (runner_rest_request){.http_method = route->http_method};
  url_text url = {.length = 0};
  bool whole_body = strcmp(route->body, "*") == 0;
  json_t *fields = runner_json_of_message(message);
  append(&url, base_url, strlen(base_url));
  bool made = fields != NULL && append_path(&url, route->path, fields);
  if (made && whole_body) request->body = json_dumps(fields, JSON_COMPACT | JSON_REAL_PRECISION(15));
  if (made && !whole_body) append_query(&url, fields);
  json_decref(fields);
  if (made && !url.too_long) request->url = strdup(url.text);
  if (request->url != NULL && (request->body != NULL) == whole_body) return true;
  runner_rest_request_free(request);
  return false;
}

void runner_rest_request_free(runner_rest_request *request) {
  free(request->url);
  free(request->body);
  *request = (runner_rest_request){0};
}

static const char *text_of(const json_t *object, const char *name) {
  const char *text = json_string_value(json_object_get(object, name));
  return text == NULL ? "" : text;
}

static rpc_status read_problem(long http_status, const json_t *problem) {
  rpc_code code;
  if (!rpc_code_from_name(text_of(problem, "code"), &code) || code == RPC_OK) {
    char reason[16];
    snprintf(reason, sizeof reason, "HTTP_%ld", http_status);
    return rpc_status_error(RPC_UNKNOWN, reason, "HTTP status %ld %s", http_status, text_of(problem, "title"));
  }
  rpc_status status = rpc_status_error(code, text_of(problem, "reason"), "%s", text_of(problem, "detail"));
  const char *order_id = text_of(problem, "order_id");
  if (order_id[0] != '\0') rpc_status_set_fact(&status, "order_id", order_id);
  return status;
}

rpc_status runner_rest_read_answer(long http_status, const char *body, size_t length,
                                   const ProtobufCMessageDescriptor *type, rpc_arena *arena,
                                   ProtobufCMessage **response) {
  *response = NULL;
  json_t *json = length == 0 ? NULL : json_loadb(body, length, 0, NULL);
  rpc_status status = rpc_status_ok();
  if (http_status >= 200 && http_status < 300) {
    *response = json == NULL ? NULL : runner_json_to_message(json, type, arena);
    if (*response == NULL) {
      status = rpc_status_error(RPC_INTERNAL, "BAD_ANSWER", "HTTP status %ld without a %s", http_status, type->name);
    }
  } else {
    status = read_problem(http_status, json);
  }
  json_decref(json);
  return status;
}
