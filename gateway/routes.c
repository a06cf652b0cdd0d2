/* A sorted array, tried from the top: words sort before variables at each segment, so the first match is the most
 * specific one. A few dozen routes are compared faster than a tree of them is walked. */
#include "gateway/routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry/utf8.h"

struct routes {
  size_t count;
  route entries[];
};

static bool parse_pattern(route *entry) {
  const char *at = entry->api->path;
  if (*at != '/') return false;
  while (*at == '/') {
    at++;
    size_t length = strcspn(at, "/");
    if (length == 0 || entry->segment_count == ROUTE_SEGMENTS_MAX) return false;
    route_segment *segment = &entry->segments[entry->segment_count++];
    segment->is_variable = *at == '{';
    segment->text = segment->is_variable ? at + 1 : at;
    segment->length = segment->is_variable ? length - 2 : length;
    if (segment->is_variable && (length < 3 || at[length - 1] != '}')) return false;
    if (strcspn(segment->text, "{}*=") < segment->length)
      return false; /* google.api.http has more; this API does not */
    at += length;
  }
  return true;
}

static int compare_segments(const route_segment *a, const route_segment *b) {
  if (a->is_variable != b->is_variable) return a->is_variable ? 1 : -1;
  if (a->is_variable) return 0;
  size_t shorter = a->length < b->length ? a->length : b->length;
  int order = memcmp(a->text, b->text, shorter);
  return order != 0 ? order : (a->length > b->length) - (a->length < b->length);
}

static int compare_routes(const void *left, const void *right) {
  const route *a = left, *b = right;
  for (size_t i = 0; i < a->segment_count && i < b->segment_count; i++) {
    int order = compare_segments(&a->segments[i], &b->segments[i]);
    if (order != 0) return order;
  }
  if (a->segment_count != b->segment_count) return a->segment_count < b->segment_count ? -1 : 1;
  return strcmp(a->api->http_method, b->api->http_method);
}

static size_t count_routes(const api_service *const *services, size_t count) {
  size_t total = 0;
  for (size_t i = 0; i < count; i++) {
    for (size_t m = 0; m < services[i]->method_count; m++) total += services[i]->methods[m].route_count;
  }
  return total;
}

static bool add_method(routes *table, const api_service *service, const api_method *method, rpc_status *status) {
  for (size_t i = 0; i < method->route_count; i++) {
    route *entry = &table->entries[table->count++];
    *entry = (route){.service = service, .method = method, .api = &method->routes[i]};
    snprintf(entry->name, sizeof entry->name, "%s %s", entry->api->http_method, entry->api->path);
    if (parse_pattern(entry)) continue;
    *status = rpc_status_error(RPC_INTERNAL, "", "%s: cannot route %s", method->name, entry->api->path);
    return false;
  }
  return true;
}

routes *routes_create(const api_service *const *services, size_t count, rpc_status *status) {
  *status = rpc_status_ok();
  routes *table = calloc(1, sizeof *table + count_routes(services, count) * sizeof(route));
  if (!table) {
    *status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "", "no memory");
    return NULL;
  }
  for (size_t i = 0; i < count; i++) {
    for (size_t m = 0; m < services[i]->method_count; m++) {
      if (add_method(table, services[i], &services[i]->methods[m], status)) continue;
      free(table);
      return NULL;
    }
  }
  qsort(table->entries, table->count, sizeof(route), compare_routes);
  return table;
}

void routes_destroy(routes *table) {
  free(table);
}

const route *routes_all(const routes *table, size_t *count) {
  *count = table->count;
  return table->entries;
}

static int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char *routes_decode(rpc_arena *arena, const char *text, size_t length, bool plus) {
  char *decoded = rpc_arena_alloc(arena, length + 1);
  if (!decoded) return NULL;
  char *out = decoded;
  for (size_t i = 0; i < length; i++, out++) {
    *out = plus && text[i] == '+' ? ' ' : text[i];
    if (text[i] == '%') {
      int high = i + 2 < length ? hex_value(text[i + 1]) : -1;
      int low = high >= 0 ? hex_value(text[i + 2]) : -1;
      if (low < 0) return NULL;
      *out = (char)(high << 4 | low);
      i += 2;
    }
    if (*out == '\0') return NULL;
  }
  for (const char *at = decoded; at < out;) {
    size_t step = utf8_sequence_length(at);
    if (step == 0) return NULL;
    at += step;
  }
  return decoded;
}

/* The path's segments between its slashes, still encoded. False where there are more than any route has. */
static bool split(const char *path, size_t length, route_segment segments[ROUTE_SEGMENTS_MAX], size_t *count) {
  *count = 0;
  const char *end = path + length;
  while (path < end && *path == '/') {
    path++;
    const char *slash = memchr(path, '/', (size_t)(end - path));
    size_t segment = (size_t)((slash ? slash : end) - path);
    if (*count == ROUTE_SEGMENTS_MAX) return false;
    segments[(*count)++] = (route_segment){.text = path, .length = segment};
    path += segment;
  }
  return path == end;
}

/* Words of patterns are plain ASCII: they match as they stand, or not. A variable takes anything but nothing. */
static bool matches(const route *entry, const route_segment *segments, size_t count) {
  if (entry->segment_count != count) return false;
  for (size_t i = 0; i < count; i++) {
    const route_segment *wanted = &entry->segments[i];
    if (wanted->is_variable ? segments[i].length == 0 : compare_segments(wanted, &segments[i]) != 0) return false;
  }
  return true;
}

static bool is_method(const char *name, const char *method, size_t length) {
  return strlen(name) == length && memcmp(name, method, length) == 0;
}

static void allow(route_match *match, const char *method) {
  if (strstr(match->allow, method)) return;
  size_t used = strlen(match->allow);
  snprintf(match->allow + used, sizeof match->allow - used, "%s%s%s", used ? ", " : "", method,
           strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

static bool bind_variables(route_match *match, const route_segment *segments, rpc_arena *arena, rpc_status *status) {
  const route *entry = match->route;
  for (size_t i = 0; i < entry->segment_count; i++) {
    if (!entry->segments[i].is_variable) continue;
    match->values[i] = routes_decode(arena, segments[i].text, segments[i].length, false);
    if (match->values[i]) continue;
    char field[sizeof status->field];
    snprintf(field, sizeof field, "%.*s", (int)entry->segments[i].length, entry->segments[i].text);
    *status = rpc_status_invalid(field, "not a well-formed percent-encoded UTF-8 text");
    return false;
  }
  return true;
}

bool routes_match(const routes *table, const char *method, size_t method_length, const char *path, size_t path_length,
                  rpc_arena *arena, route_match *match, rpc_status *status) {
  *match = (route_match){.route = NULL};
  *status = rpc_status_ok();
  route_segment segments[ROUTE_SEGMENTS_MAX] = {{NULL, 0, false}};
  size_t count;
  if (!split(path, path_length, segments, &count)) return true;
  bool is_head = is_method("HEAD", method, method_length);
  for (size_t i = 0; i < table->count && !match->route; i++) {
    const route *entry = &table->entries[i];
    if (!matches(entry, segments, count)) continue;
    if (is_method(entry->api->http_method, is_head ? "GET" : method, is_head ? 3 : method_length)) {
      match->route = entry;
    } else {
      allow(match, entry->api->http_method);
    }
  }
  return !match->route || bind_variables(match, segments, arena, status);
}
