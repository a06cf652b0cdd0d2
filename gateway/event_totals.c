/* Lines of the families http_server_… (the gateway's) and rpc_server_… (the services'); the text is our own
 * telemetry's. */
#include "gateway/event_totals.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line, in parts: name{labels} value. */
typedef struct sample {
  const char *name, *labels;
  size_t name_length, labels_length;
  double value;
} sample;

static bool read_sample(const char *line, size_t length, sample *out) {
  const char *open = memchr(line, '{', length), *close = open ? memrchr(line, '}', length) : NULL;
  if (!close || line + length - close < 3) return false;
  char number[40];
  snprintf(number, sizeof number, "%.*s", (int)(line + length - close - 2), close + 2);
  *out = (sample){line, open + 1, (size_t)(open - line), (size_t)(close - open - 1), strtod(number, NULL)};
  return true;
}

/* The value of a label, as written; "" where it is absent. */
static void label_of(const sample *line, const char *key, char value[64]) {
  char wanted[40];
  value[0] = '\0';
  int length = snprintf(wanted, sizeof wanted, "%s=\"", key);
  const char *at = memmem(line->labels, line->labels_length, wanted, (size_t)length);
  if (!at) return;
  at += length;
  const char *end = memchr(at, '"', (size_t)(line->labels + line->labels_length - at));
  if (end) snprintf(value, 64, "%.*s", (int)(end - at), at);
}

static bool begins(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

static bool ends(const char *text, const char *with) {
  size_t length = strlen(text), its = strlen(with);
  return length >= its && strcmp(text + length - its, with) == 0;
}

/* A call of the store's API that the collector does not make itself. */
static bool is_counted(const sample *line) {
  static const char *const routes[] = {"/orders", "/payments", "/inventory", "/reservations"};
  char method[64], route[64];
  label_of(line, "method", method);
  label_of(line, "route", route);
  for (size_t i = 0; i < sizeof routes / sizeof routes[0]; i++) {
    if (begins(route, routes[i])) return true;
  }
  return begins(method, "/store.") && !ends(method, "/ListOrders") && !ends(method, "/ListProducts") &&
         !ends(method, "/GetSimulation");
}

static bool is_error(const char *code) {
  static const char *const codes[] = {"INTERNAL",          "UNAVAILABLE", "UNKNOWN",
                                      "DEADLINE_EXCEEDED", "DATA_LOSS",   "RESOURCE_EXHAUSTED"};
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    if (strcmp(code, codes[i]) == 0) return true;
  }
  return code[0] == '5';
}

static bool is_success(const char *code) {
  return strcmp(code, "OK") == 0 || (code[0] >= '1' && code[0] <= '3');
}

static void add_to_bucket(event_totals *totals, double bound, uint64_t count) {
  size_t at = 0;
  while (at < totals->bucket_count && totals->buckets[at].bound < bound) at++;
  if (at == totals->bucket_count || totals->buckets[at].bound > bound) {
    if (totals->bucket_count == EVENT_BUCKETS_MAX) return;
    memmove(&totals->buckets[at + 1], &totals->buckets[at], (totals->bucket_count - at) * sizeof totals->buckets[0]);
    totals->buckets[at].bound = bound;
    totals->buckets[at].count = 0;
    totals->bucket_count++;
  }
  totals->buckets[at].count += count;
}

static void add_sample(event_totals *totals, const sample *line) {
  char name[64], text[64];
  snprintf(name, sizeof name, "%.*s", (int)line->name_length, line->name);
  if (!(begins(name, "rpc_server_request") || begins(name, "http_server_request")) || !is_counted(line)) return;
  uint64_t count = (uint64_t)line->value;
  if (ends(name, "_requests_total")) {
    label_of(line, "code", text);
    totals->requests += count;
    if (is_error(text)) {
      totals->errors += count;
    } else if (!is_success(text)) {
      totals->refused += count;
    }
  } else if (ends(name, "_bucket")) {
    label_of(line, "le", text);
    add_to_bucket(totals, strcmp(text, "+Inf") == 0 ? (double)INFINITY : strtod(text, NULL), count);
  }
}

void event_totals_read(event_totals *totals, const char *text, size_t length) {
  const char *end = text + length;
  while (text < end) {
    const char *newline = memchr(text, '\n', (size_t)(end - text));
    const char *stop = newline ? newline : end;
    sample line;
    if (text[0] != '#' && read_sample(text, (size_t)(stop - text), &line)) add_sample(totals, &line);
    text = stop + 1;
  }
}

void event_totals_add(event_totals *totals, const event_totals *more) {
  totals->requests += more->requests;
  totals->refused += more->refused;
  totals->errors += more->errors;
  for (size_t i = 0; i < more->bucket_count; i++) add_to_bucket(totals, more->buckets[i].bound, more->buckets[i].count);
}

static void write_count(json_writer *writer, const char *key, uint64_t count) {
  json_write_key(writer, key);
  json_write_integer(writer, (int64_t)count);
}

void event_totals_write(const event_totals *totals, json_writer *writer) {
  write_count(writer, "requests", totals->requests);
  write_count(writer, "refused", totals->refused);
  write_count(writer, "errors", totals->errors);
  json_write_key(writer, "buckets");
  json_write_open(writer, '[');
  for (size_t i = 0; i < totals->bucket_count; i++) {
    json_write_open(writer, '[');
    if (isinf(totals->buckets[i].bound)) {
      json_write_raw(writer, "null", 4);
    } else {
      json_write_double(writer, totals->buckets[i].bound);
    }
    json_write_integer(writer, (int64_t)totals->buckets[i].count);
    json_write_close(writer, ']');
  }
  json_write_close(writer, ']');
}
