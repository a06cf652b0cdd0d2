/* The three sources of a request's fields, in this order: body, path, query. No field may come from two of them with
 * different values. */
#include "gateway/transcode.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "gateway/json_read.h"

enum { QUERY_PARAMETERS_MAX = 256 };

/* The one query parameter that is no field: no name of a field has a hyphen. */
static const char SWITCH[] = "allow-unknown-fields";

static bool read_body(json_reader *reader, ProtobufCMessage *message, const char *rule,
                      const transcode_request *request) {
  if (request->body_length == 0) return true; /* as {}: what is missing, the service names */
  if (rule[0] == '\0') {
    reader->status = rpc_status_invalid("body", "this method takes no body");
    return false;
  }
  return json_read(reader, message, strcmp(rule, "*") == 0 ? NULL : rule, request->body, request->body_length);
}

/* A text field that the body has already given must be given the same by the path. */
static bool agrees(const ProtobufCMessage *message, const char *name, const char *text) {
  const ProtobufCFieldDescriptor *field = json_find_field(message->descriptor, name, strlen(name));
  if (!field || field->type != PROTOBUF_C_TYPE_STRING || field->label == PROTOBUF_C_LABEL_REPEATED) return true;
  const char *given = *(char *const *)(const void *)((const char *)message + field->offset);
  return !given || given[0] == '\0' || strcmp(given, text) == 0;
}

static bool read_path(json_reader *reader, ProtobufCMessage *message, const route_match *match) {
  for (size_t i = 0; i < match->route->segment_count; i++) {
    const route_segment *segment = &match->route->segments[i];
    if (!segment->is_variable) continue;
    char name[sizeof reader->status.field];
    snprintf(name, sizeof name, "%.*s", (int)segment->length, segment->text);
    if (!agrees(message, name, match->values[i])) {
      reader->status = rpc_status_invalid(name, "the body and the path differ");
      return false;
    }
    if (!json_read_text(reader, message, name, match->values[i], strlen(match->values[i]))) return false;
  }
  return true;
}

/* Whether two paths lead to the same field, or one to a part of the other, whichever way their names are written. */
static bool overlap(const ProtobufCMessageDescriptor *descriptor, const char *a, const char *b) {
  for (;;) {
    size_t a_length = strcspn(a, "."), b_length = strcspn(b, ".");
    const ProtobufCFieldDescriptor *field = json_find_field(descriptor, a, a_length);
    if (!field || json_find_field(descriptor, b, b_length) != field) return false;
    if (a[a_length] == '\0' || b[b_length] == '\0') return true;
    if (field->type != PROTOBUF_C_TYPE_MESSAGE) return false;
    descriptor = field->descriptor;
    a += a_length + 1;
    b += b_length + 1;
  }
}

/* Whether path or body have given the field that a query parameter names. */
static bool is_taken(const route_match *match, const char *name) {
  const route *entry = match->route;
  const ProtobufCMessageDescriptor *input = entry->method->input;
  for (size_t i = 0; i < entry->segment_count; i++) {
    const route_segment *segment = &entry->segments[i];
    char variable[sizeof((rpc_status *)0)->field];
    snprintf(variable, sizeof variable, "%.*s", (int)segment->length, segment->text);
    if (segment->is_variable && overlap(input, variable, name)) return true;
  }
  return overlap(input, entry->api->body, name);
}

static bool is_singular(const ProtobufCMessageDescriptor *descriptor, const char *name) {
  size_t length;
  for (; name[length = strcspn(name, ".")] == '.'; name += length + 1) {
    const ProtobufCFieldDescriptor *field = json_find_field(descriptor, name, length);
    if (!field || field->type != PROTOBUF_C_TYPE_MESSAGE) return true;
    descriptor = field->descriptor;
  }
  const ProtobufCFieldDescriptor *field = json_find_field(descriptor, name, length);
  return !field || field->label != PROTOBUF_C_LABEL_REPEATED;
}

/* Takes the next parameter off a query; false at its end. */
static bool next_parameter(const transcode_request *request, size_t *at, const char **text, size_t *length) {
  while (*at < request->query_length) {
    *text = request->query + *at;
    const char *ampersand = memchr(*text, '&', request->query_length - *at);
    *length = ampersand ? (size_t)(ampersand - *text) : request->query_length - *at;
    *at += *length + 1;
    if (*length > 0) return true;
  }
  return false;
}

/* Whether the parameter is the switch, and which way: on where it has no value. */
static bool is_switch(const char *text, size_t length, bool *on) {
  static const struct {
    const char *value;
    bool on;
  } values[] = {{"", true}, {"=true", true}, {"=false", false}};
  const size_t name = sizeof SWITCH - 1;
  for (size_t i = 0; i < sizeof values / sizeof *values && length >= name && memcmp(text, SWITCH, name) == 0; i++) {
    if (length - name != strlen(values[i].value) || memcmp(text + name, values[i].value, length - name) != 0) continue;
    *on = values[i].on;
    return true;
  }
  return false;
}

/* Whether fields that the message does not have are passed over. */
static bool allows_unknown_fields(const transcode_request *request) {
  bool on = false;
  const char *text;
  size_t length, at = 0;
  while (next_parameter(request, &at, &text, &length)) is_switch(text, length, &on);
  return on;
}

static bool read_parameter(json_reader *reader, ProtobufCMessage *message, const route_match *match, const char *text,
                           size_t length, const char **seen, size_t *seen_count) {
  bool on;
  if (is_switch(text, length, &on)) return true; /* has been looked at */
  const char *equals = memchr(text, '=', length);
  size_t name_length = equals ? (size_t)(equals - text) : length;
  char *name = routes_decode(reader->arena, text, name_length, true);
  if (!name || !*name) {
    reader->status =
        rpc_status_invalid("query", name ? "a parameter has no name" : "not well-formed percent-encoded UTF-8");
    return false;
  }
  char *value = equals ? routes_decode(reader->arena, equals + 1, length - name_length - 1, true) : "";
  const char *error = NULL;
  if (!value) error = "not well-formed percent-encoded UTF-8";
  if (strcmp(match->route->api->body, "*") == 0) error = "this method takes no query parameters";
  if (is_taken(match, name)) error = "given twice";
  for (size_t i = 0; i < *seen_count && !error; i++) {
    if (overlap(message->descriptor, seen[i], name) && is_singular(message->descriptor, name)) error = "given twice";
  }
  if (*seen_count == QUERY_PARAMETERS_MAX) error = "too many query parameters";
  if (error) {
    reader->status = rpc_status_invalid(name, "%s", error);
    return false;
  }
  seen[(*seen_count)++] = name;
  return json_read_text(reader, message, name, value, strlen(value));
}

static bool read_query(json_reader *reader, ProtobufCMessage *message, const route_match *match,
                       const transcode_request *request) {
  const char *seen[QUERY_PARAMETERS_MAX];
  size_t seen_count = 0;
  const char *text;
  size_t length, at = 0;
  while (next_parameter(request, &at, &text, &length)) {
    if (!read_parameter(reader, message, match, text, length, seen, &seen_count)) return false;
  }
  return true;
}

ProtobufCMessage *transcode_read(const route_match *match, const transcode_request *request, rpc_arena *arena,
                                 rpc_status *status) {
  json_reader reader = json_reader_make(arena);
  reader.allow_unknown_fields = allows_unknown_fields(request);
  ProtobufCMessage *message = json_read_new(&reader, match->route->method->input);
  bool ok = message && read_body(&reader, message, match->route->api->body, request) &&
            read_path(&reader, message, match) && read_query(&reader, message, match, request);
  *status = reader.status;
  return ok ? message : NULL;
}

static bool has_prefix(const char *text, size_t length, const char *prefix) {
  return length >= strlen(prefix) && strncasecmp(text, prefix, strlen(prefix)) == 0;
}

bool transcode_is_json(const char *content_type, size_t length) {
  const char *semicolon = memchr(content_type, ';', length);
  size_t type = semicolon ? (size_t)(semicolon - content_type) : length;
  while (type > 0 && content_type[type - 1] == ' ') type--;
  static const char prefix[] = "application/", json[] = "json";
  if (type < sizeof prefix - 1 + sizeof json - 1 || !has_prefix(content_type, type, prefix)) return false;
  const char *subtype = content_type + type - (sizeof json - 1);
  if (strncasecmp(subtype, json, sizeof json - 1) != 0) return false;
  if (subtype != content_type + sizeof prefix - 1 && subtype[-1] != '+') return false;
  while (semicolon) {
    const char *parameter = semicolon + 1, *end = content_type + length;
    while (parameter < end && *parameter == ' ') parameter++;
    size_t left = (size_t)(end - parameter);
    semicolon = memchr(parameter, ';', left);
    if (!has_prefix(parameter, left, "charset=")) continue;
    if (!has_prefix(parameter, left, "charset=utf-8") && !has_prefix(parameter, left, "charset=\"utf-8\""))
      return false;
  }
  return true;
}
