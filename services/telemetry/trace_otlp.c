/* Written straight to memory: a tree of JSON objects for thousands of spans a second would cost more than the spans,
 * and so would stdio. Room is made once for all that a span may need; from there on a writer is where the text ends. */
#include "telemetry/trace_otlp.h"

#include <stdlib.h>
#include <string.h>

#include "telemetry/json_digits.h"
#include "telemetry/json_plain.h"
#include "telemetry/utf8.h"

enum {
  FIRST_CAPACITY = 64 * 1024,
  ESCAPE_SIZE = 6,      /* what a byte may become: \u0000 */
  ATTRIBUTE_SIZE = 128, /* all of one but its key and text */
  SPAN_SIZE = 512,      /* all of one but its texts and attributes */
};

/* Of a text of so many bytes, or fewer. */
static size_t text_room(size_t size) {
  return ESCAPE_SIZE * size;
}

static char *put(char *at, const char *bytes, size_t size) {
  memcpy(at, bytes, size);
  return at + size;
}

#define PUT(at, literal) put(at, "" literal, sizeof literal - 1)

/* --- JSON --- */

static char *write_character(char *at, const char *text, size_t length) {
  unsigned char byte = (unsigned char)*text;
  if (byte < 0x20 || byte == '"' || byte == '\\') {
    const char escape[ESCAPE_SIZE] = {
        '\\', 'u', '0', '0', "0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
    return put(at, escape, sizeof escape);
  }
  return length == 0 ? PUT(at, UTF8_REPLACEMENT) : put(at, text, length);
}

static char *write_text(char *at, const char *text, size_t size) {
  const char *end = text + strnlen(text, size);
  at = PUT(at, "\"");
  while (text < end) {
    size_t run = json_plain_run(text, (size_t)(end - text));
    at = put(at, text, run);
    text += run;
    if (text == end) break;
    size_t length = utf8_sequence_length(text);
    if (length > (size_t)(end - text)) length = 0;
    at = write_character(at, text, length);
    text += length ? length : 1;
  }
  return PUT(at, "\"");
}

/* Quoted: 64-bit integers are strings in protobuf's JSON. */
static char *write_integer(char *at, int64_t number) {
  char digits[JSON_DIGITS_MAX], *end = digits + sizeof digits, *first = json_digits(end, json_magnitude(number));
  at = number < 0 ? PUT(at, "\"-") : PUT(at, "\"");
  at = put(at, first, (size_t)(end - first));
  return PUT(at, "\"");
}

static char *write_digit(char *at, int digit) {
  *at = "0123456789"[digit];
  return at + 1;
}

/* --- OTLP --- */

static char *write_key(char *at, bool is_first, const char *key) {
  if (!is_first) at = PUT(at, ",");
  at = PUT(at, "{\"key\":\"");
  return PUT(stpcpy(at, key), "\",\"value\":{");
}

static char *write_text_attribute(char *at, bool is_first, const char *key, const char *text, size_t size) {
  at = PUT(write_key(at, is_first, key), "\"stringValue\":");
  return PUT(write_text(at, text, size), "}}");
}

static char *write_number_attribute(char *at, bool is_first, const char *key, int64_t number) {
  at = PUT(write_key(at, is_first, key), "\"intValue\":");
  return PUT(write_integer(at, number), "}}");
}

static char *write_resource(char *at, const trace_resource *resource) {
  at = write_text_attribute(at, true, "service.name", resource->service, strlen(resource->service));
  at = write_text_attribute(at, false, "service.namespace", "store", sizeof "store" - 1);
  at = write_text_attribute(at, false, "service.instance.id", resource->instance, strlen(resource->instance));
  at = write_text_attribute(at, false, "telemetry.sdk.name", "store-telemetry", sizeof "store-telemetry" - 1);
  return write_text_attribute(at, false, "telemetry.sdk.language", "c", 1);
}

static size_t resource_room(const trace_resource *resource) {
  return SPAN_SIZE + 5 * ATTRIBUTE_SIZE + text_room(strlen(resource->service) + strlen(resource->instance));
}

static char *write_id(char *at, const uint8_t *id, size_t size) {
  trace_format_id(at, id, size);
  return at + 2 * size;
}

static char *write_attributes(char *at, const trace_record *record) {
  bool is_first = true;
  for (size_t i = 0; i < record->attribute_count; i++, is_first = false) {
    const trace_attribute *its = &record->attributes[i];
    at = its->text ? write_text_attribute(at, is_first, its->key, its->text, (size_t)its->number)
                   : write_number_attribute(at, is_first, its->key, its->number);
  }
  if (record->correlation_id[0] != '\0') {
    at = write_text_attribute(at, is_first, "store.correlation_id", record->correlation_id,
                              sizeof record->correlation_id);
    is_first = false;
  }
  if (record->code == 0 || record->detail[0] == '\0') return at;
  return write_text_attribute(at, is_first, "error.type", record->detail, sizeof record->detail);
}

static char *write_span(char *at, const trace_record *record) {
  static const uint8_t no_parent[8] = {0};
  enum { STATUS_UNSET = 0, STATUS_ERROR = 2 };
  at = write_id(PUT(at, "{\"traceId\":\""), record->trace_id, sizeof record->trace_id);
  at = write_id(PUT(at, "\",\"spanId\":\""), record->span_id, sizeof record->span_id);
  if (memcmp(record->parent_id, no_parent, sizeof no_parent) != 0) {
    at = write_id(PUT(at, "\",\"parentSpanId\":\""), record->parent_id, sizeof record->parent_id);
  }
  at = write_text(PUT(at, "\",\"name\":"), record->name, strlen(record->name));
  at = write_digit(PUT(at, ",\"kind\":"), (int)record->kind);
  at = write_integer(PUT(at, ",\"startTimeUnixNano\":"), record->start_unix_ns);
  at = write_integer(PUT(at, ",\"endTimeUnixNano\":"), record->start_unix_ns + record->duration_ns);
  at = write_attributes(PUT(at, ",\"attributes\":["), record);
  bool is_error = trace_record_is_error(record);
  at = write_digit(PUT(at, "],\"status\":{\"code\":"), is_error ? STATUS_ERROR : STATUS_UNSET);
  if (is_error && record->detail[0] != '\0') {
    at = write_text(PUT(at, ",\"message\":"), record->detail, sizeof record->detail);
  }
  return PUT(at, "},\"flags\":1}");
}

static size_t span_room(const trace_record *record) {
  size_t room = SPAN_SIZE + text_room(strlen(record->name) + sizeof record->correlation_id + 2 * sizeof record->detail);
  for (size_t i = 0; i < record->attribute_count; i++) {
    const trace_attribute *its = &record->attributes[i];
    room += ATTRIBUTE_SIZE + strlen(its->key) + (its->text ? text_room((size_t)its->number) : 0);
  }
  return room;
}

/* Where the text ends, with room for so many bytes; NULL without memory. */
static char *make_room(trace_otlp_text *out, size_t size) {
  if (size > out->capacity - out->length) {
    size_t capacity = 2 * out->capacity + size + FIRST_CAPACITY;
    char *bytes = realloc(out->bytes, capacity);
    if (!bytes) return NULL;
    out->bytes = bytes;
    out->capacity = capacity;
  }
  return out->bytes + out->length;
}

static void end_at(trace_otlp_text *out, const char *end) {
  out->length = (size_t)(end - out->bytes);
}

bool trace_otlp_write(trace_otlp_text *out, const trace_resource *resource, const trace_record *records, size_t count) {
  out->length = 0;
  char *at = make_room(out, resource_room(resource));
  if (!at) return false;
  at = write_resource(PUT(at, "{\"resourceSpans\":[{\"resource\":{\"attributes\":["), resource);
  end_at(out, PUT(at, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"store\"},\"spans\":["));
  for (size_t i = 0; i < count; i++) {
    at = make_room(out, span_room(&records[i]));
    if (!at) return false;
    if (i > 0) at = PUT(at, ",");
    end_at(out, write_span(at, &records[i]));
  }
  at = make_room(out, SPAN_SIZE);
  if (!at) return false;
  end_at(out, PUT(at, "]}]}]}"));
  return true;
}

void trace_otlp_free(trace_otlp_text *text) {
  free(text->bytes);
  *text = (trace_otlp_text){0};
}
