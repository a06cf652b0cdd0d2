/* Written straight to memory: a tree of JSON objects for thousands of spans a second would cost more than the spans. */
#include "telemetry/trace_otlp.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry/utf8.h"

static void write_text(FILE *out, const char *text, size_t size) {
  const char *end = text + size;
  fputc('"', out);
  while (text < end && *text != '\0') {
    unsigned char byte = (unsigned char)*text;
    size_t length = utf8_sequence_length(text);
    if (byte < 0x20 || byte == '"' || byte == '\\') {
      fprintf(out, "\\u%04x", (unsigned)byte);
    } else if (length == 0 || text + length > end) {
      fputs(UTF8_REPLACEMENT, out);
      length = 1;
    } else {
      fwrite(text, 1, length, out);
    }
    text += length;
  }
  fputc('"', out);
}

static void write_text_attribute(FILE *out, const char *separator, const char *key, const char *text, size_t size) {
  fprintf(out, "%s{\"key\":\"%s\",\"value\":{\"stringValue\":", separator, key);
  write_text(out, text, size);
  fputs("}}", out);
}

static void write_resource(FILE *out, const trace_resource *resource) {
  write_text_attribute(out, "", "service.name", resource->service, strlen(resource->service));
  write_text_attribute(out, ",", "service.namespace", "store", sizeof "store" - 1);
  write_text_attribute(out, ",", "service.instance.id", resource->instance, strlen(resource->instance));
  write_text_attribute(out, ",", "telemetry.sdk.name", "store-telemetry", sizeof "store-telemetry" - 1);
  write_text_attribute(out, ",", "telemetry.sdk.language", "c", 1);
}

static void write_id(FILE *out, const char *key, const uint8_t *id, size_t size) {
  char text[32];
  trace_format_id(text, id, size);
  fprintf(out, "\"%s\":\"%.*s\",", key, (int)(2 * size), text);
}

static void write_attributes(FILE *out, const trace_record *record) {
  const char *separator = "";
  for (size_t i = 0; i < record->attribute_count; i++) {
    const trace_attribute *attribute = &record->attributes[i];
    if (attribute->text != NULL) {
      write_text_attribute(out, separator, attribute->key, attribute->text, (size_t)attribute->number);
    } else { /* 64-bit integers are strings in protobuf's JSON */
      fprintf(out, "%s{\"key\":\"%s\",\"value\":{\"intValue\":\"%" PRId64 "\"}}", separator, attribute->key,
              attribute->number);
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

static void write_span(FILE *out, const trace_record *record) {
  static const uint8_t no_parent[8] = {0};
  enum { STATUS_UNSET = 0, STATUS_ERROR = 2 };
  fputc('{', out);
  write_id(out, "traceId", record->trace_id, sizeof record->trace_id);
  write_id(out, "spanId", record->span_id, sizeof record->span_id);
  if (memcmp(record->parent_id, no_parent, sizeof no_parent) != 0) {
    write_id(out, "parentSpanId", record->parent_id, sizeof record->parent_id);
  }
  fputs("\"name\":", out);
  write_text(out, record->name, strlen(record->name));
  fprintf(out,
          ",\"kind\":%d,\"startTimeUnixNano\":\"%" PRId64 "\",\"endTimeUnixNano\":\"%" PRId64 "\",\"attributes\":[",
          (int)record->kind, record->start_unix_ns, record->start_unix_ns + record->duration_ns);
  write_attributes(out, record);
  bool is_error = trace_record_is_error(record);
  fprintf(out, "],\"status\":{\"code\":%d", is_error ? STATUS_ERROR : STATUS_UNSET);
  if (is_error && record->detail[0] != '\0') {
    fputs(",\"message\":", out);
    write_text(out, record->detail, sizeof record->detail);
  }
  fputs("},\"flags\":1}", out);
}

char *trace_otlp_write(const trace_resource *resource, const trace_record *records, size_t count, size_t *length) {
  char *text = NULL;
  FILE *out = open_memstream(&text, length);
  if (out == NULL) return NULL;
  fputs("{\"resourceSpans\":[{\"resource\":{\"attributes\":[", out);
  write_resource(out, resource);
  fputs("]},\"scopeSpans\":[{\"scope\":{\"name\":\"store\"},\"spans\":[", out);
  for (size_t i = 0; i < count; i++) {
    if (i > 0) fputc(',', out);
    write_span(out, &records[i]);
  }
  fputs("]}]}]}", out);
  bool failed = ferror(out) != 0;
  if (fclose(out) != 0 || failed) {
    free(text);
    return NULL;
  }
  return text;
}
