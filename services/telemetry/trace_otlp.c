/* Written straight to memory: a tree of JSON objects for thousands of spans a second would cost more than the spans,
 * and so would stdio. */
#include "telemetry/trace_otlp.h"

#include <stdlib.h>
#include <string.h>

#include "telemetry/json_digits.h"
#include "telemetry/json_plain.h"
#include "telemetry/utf8.h"

enum { FIRST_CAPACITY = 64 * 1024 };

/* --- the text; once memory is short it stays as it is, with a capacity of 0 --- */

static bool make_room(trace_otlp_text *out, size_t size) {
  if (out->capacity == 0) return false;
  if (size <= out->capacity - out->length) return true;
  size_t capacity = 2 * out->capacity + size;
  char *bytes = realloc(out->bytes, capacity);
  out->capacity = bytes ? capacity : 0;
  if (bytes) out->bytes = bytes;
  return bytes != NULL;
}

static void put(trace_otlp_text *out, const char *bytes, size_t size) {
  if (!make_room(out, size)) return;
  memcpy(out->bytes + out->length, bytes, size);
  out->length += size;
}

#define PUT(out, literal) put(out, "" literal, sizeof literal - 1)

static void put_string(trace_otlp_text *out, const char *string) {
  put(out, string, strlen(string));
}

/* --- JSON --- */

static void write_escaped(trace_otlp_text *out, unsigned char byte) {
  const char escape[] = {'\\', 'u', '0', '0', "0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]};
  put(out, escape, sizeof escape);
}

static void write_text(trace_otlp_text *out, const char *text, size_t size) {
  const char *end = text + strnlen(text, size);
  PUT(out, "\"");
  while (text < end) {
    size_t run = json_plain_run(text, (size_t)(end - text));
    put(out, text, run);
    text += run;
    if (text == end) break;
    unsigned char byte = (unsigned char)*text;
    size_t length = utf8_sequence_length(text);
    if (byte < 0x20 || byte == '"' || byte == '\\') {
      write_escaped(out, byte);
    } else if (length == 0 || text + length > end) {
      put_string(out, UTF8_REPLACEMENT);
      length = 1;
    } else {
      put(out, text, length);
    }
    text += length;
  }
  PUT(out, "\"");
}

/* Quoted: 64-bit integers are strings in protobuf's JSON. */
static void write_integer(trace_otlp_text *out, int64_t number) {
  char digits[JSON_DIGITS_MAX], *end = digits + sizeof digits, *first = json_digits(end, json_magnitude(number));
  put_string(out, number < 0 ? "\"-" : "\"");
  put(out, first, (size_t)(end - first));
  PUT(out, "\"");
}

static void write_digit(trace_otlp_text *out, int digit) {
  put(out, &"0123456789"[digit], 1);
}

/* --- OTLP --- */

static void write_key(trace_otlp_text *out, const char *separator, const char *key) {
  put_string(out, separator);
  PUT(out, "{\"key\":\"");
  put_string(out, key);
  PUT(out, "\",\"value\":{");
}

static void write_text_attribute(trace_otlp_text *out, const char *separator, const char *key, const char *text,
                                 size_t size) {
  write_key(out, separator, key);
  PUT(out, "\"stringValue\":");
  write_text(out, text, size);
  PUT(out, "}}");
}

static void write_resource(trace_otlp_text *out, const trace_resource *resource) {
  write_text_attribute(out, "", "service.name", resource->service, strlen(resource->service));
  write_text_attribute(out, ",", "service.namespace", "store", sizeof "store" - 1);
  write_text_attribute(out, ",", "service.instance.id", resource->instance, strlen(resource->instance));
  write_text_attribute(out, ",", "telemetry.sdk.name", "store-telemetry", sizeof "store-telemetry" - 1);
  write_text_attribute(out, ",", "telemetry.sdk.language", "c", 1);
}

static void write_id(trace_otlp_text *out, const uint8_t *id, size_t size) {
  char text[32];
  trace_format_id(text, id, size);
  put(out, text, 2 * size);
}

static void write_attributes(trace_otlp_text *out, const trace_record *record) {
  const char *separator = "";
  for (size_t i = 0; i < record->attribute_count; i++) {
    const trace_attribute *attribute = &record->attributes[i];
    if (attribute->text != NULL) {
      write_text_attribute(out, separator, attribute->key, attribute->text, (size_t)attribute->number);
    } else {
      write_key(out, separator, attribute->key);
      PUT(out, "\"intValue\":");
      write_integer(out, attribute->number);
      PUT(out, "}}");
    }
    separator = ",";
  }
  if (record->correlation_id[0] != '\0') {
    write_text_attribute(out, separator, "store.correlation_id", record->correlation_id, sizeof record->correlation_id);
    separator = ",";
  }
  if (record->code != 0 && record->detail[0] != '\0') {
    write_text_attribute(out, separator, "error.type", record->detail, sizeof record->detail);
  }
}

static void write_span(trace_otlp_text *out, const trace_record *record) {
  static const uint8_t no_parent[8] = {0};
  enum { STATUS_UNSET = 0, STATUS_ERROR = 2 };
  PUT(out, "{\"traceId\":\"");
  write_id(out, record->trace_id, sizeof record->trace_id);
  PUT(out, "\",\"spanId\":\"");
  write_id(out, record->span_id, sizeof record->span_id);
  if (memcmp(record->parent_id, no_parent, sizeof no_parent) != 0) {
    PUT(out, "\",\"parentSpanId\":\"");
    write_id(out, record->parent_id, sizeof record->parent_id);
  }
  PUT(out, "\",\"name\":");
  write_text(out, record->name, strlen(record->name));
  PUT(out, ",\"kind\":");
  write_digit(out, (int)record->kind);
  PUT(out, ",\"startTimeUnixNano\":");
  write_integer(out, record->start_unix_ns);
  PUT(out, ",\"endTimeUnixNano\":");
  write_integer(out, record->start_unix_ns + record->duration_ns);
  PUT(out, ",\"attributes\":[");
  write_attributes(out, record);
  bool is_error = trace_record_is_error(record);
  PUT(out, "],\"status\":{\"code\":");
  write_digit(out, is_error ? STATUS_ERROR : STATUS_UNSET);
  if (is_error && record->detail[0] != '\0') {
    PUT(out, ",\"message\":");
    write_text(out, record->detail, sizeof record->detail);
  }
  PUT(out, "},\"flags\":1}");
}

bool trace_otlp_write(trace_otlp_text *out, const trace_resource *resource, const trace_record *records, size_t count) {
  if (out->capacity == 0) {
    free(out->bytes);
    out->bytes = malloc(FIRST_CAPACITY);
    out->capacity = out->bytes ? FIRST_CAPACITY : 0;
  }
  out->length = 0;
  PUT(out, "{\"resourceSpans\":[{\"resource\":{\"attributes\":[");
  write_resource(out, resource);
  PUT(out, "]},\"scopeSpans\":[{\"scope\":{\"name\":\"store\"},\"spans\":[");
  for (size_t i = 0; i < count; i++) {
    if (i > 0) PUT(out, ",");
    write_span(out, &records[i]);
  }
  PUT(out, "]}]}]}");
  return out->capacity > 0;
}

void trace_otlp_free(trace_otlp_text *text) {
  free(text->bytes);
  *text = (trace_otlp_text){0};
}
