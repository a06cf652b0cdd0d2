/* Writes values one after the other. Whether a comma is due is told by the last byte written: a value never ends in an
 * opening bracket, a colon or a comma. */
#include "gateway/json_write.h"

#include <math.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "gateway/json_scalar.h"
#include "gateway/json_time.h"
#include "telemetry/json_digits.h"
#include "telemetry/json_plain.h"
#include "telemetry/utf8.h"

enum { FIRST_CAPACITY = 512, DEPTH_MAX = 64 };

static void write_message(json_writer *writer, const ProtobufCMessage *message, int depth);

json_writer json_writer_make(size_t limit) {
  return (json_writer){.limit = limit, .map_entries = api_map_entries, .map_entry_count = api_map_entry_count};
}

void json_writer_free(json_writer *writer) {
  free(writer->bytes);
  writer->bytes = NULL;
  writer->length = writer->capacity = 0;
}

/* Room for `size` more bytes, NULL where there can be none. */
static char *reserve(json_writer *writer, size_t size) {
  if (writer->failed || size > writer->limit - writer->length) {
    writer->failed = true;
    return NULL;
  }
  if (writer->length + size > writer->capacity) {
    size_t capacity = writer->capacity ? writer->capacity * 2 : FIRST_CAPACITY;
    while (capacity < writer->length + size) capacity *= 2;
    char *bytes = realloc(writer->bytes, capacity);
    if (!bytes) {
      writer->failed = true;
      return NULL;
    }
    writer->bytes = bytes;
    writer->capacity = capacity;
  }
  return writer->bytes + writer->length;
}

void json_write_bytes(json_writer *writer, const char *bytes, size_t length) {
  char *room = reserve(writer, length);
  if (!room || length == 0) return;
  memcpy(room, bytes, length);
  writer->length += length;
}

static void put(json_writer *writer, char byte) {
  char *room = reserve(writer, 1);
  if (!room) return;
  *room = byte;
  writer->length++;
}

static void begin_value(json_writer *writer) {
  char last = writer->length > 0 ? writer->bytes[writer->length - 1] : '[';
  if (last != '{' && last != '[' && last != ':') put(writer, ',');
}

void json_write_raw(json_writer *writer, const char *json, size_t length) {
  begin_value(writer);
  json_write_bytes(writer, json, length);
}

void json_write_open(json_writer *writer, char bracket) {
  begin_value(writer);
  put(writer, bracket);
}

void json_write_close(json_writer *writer, char bracket) {
  put(writer, bracket);
}

/* The escape of an ASCII character, of length 0 where it needs none. */
static size_t escape(unsigned char c, char text[8]) {
  static const char shorts[] = "\"\"\\\\\bb\ff\nn\rr\tt"; /* pairs: the character and its letter */
  for (const char *pair = shorts; *pair; pair += 2) {
    if (c == (unsigned char)*pair) return (size_t)snprintf(text, 8, "\\%c", pair[1]);
  }
  return c < 0x20 ? (size_t)snprintf(text, 8, "\\u%04x", c) : 0;
}

void json_write_text(json_writer *writer, const char *text) {
  begin_value(writer);
  put(writer, '"');
  const char *at = text ? text : "", *end = at + strlen(at);
  while (at < end && !writer->failed) {
    size_t run = json_plain_run(at, (size_t)(end - at));
    json_write_bytes(writer, at, run);
    at += run;
    if (at == end) break;
    char escaped[8];
    if ((unsigned char)*at < 0x80) {
      json_write_bytes(writer, escaped, escape((unsigned char)*at++, escaped));
      continue;
    }
    size_t length = utf8_sequence_length(at);
    json_write_bytes(writer, length ? at : UTF8_REPLACEMENT, length ? length : 3);
    at += length ? length : 1;
  }
  put(writer, '"');
}

void json_write_key(json_writer *writer, const char *key) {
  json_write_text(writer, key);
  put(writer, ':');
}

static void write_digits(json_writer *writer, bool quoted, bool is_negative, uint64_t value) {
  char text[3 + JSON_DIGITS_MAX];
  char *at = text + sizeof text;
  if (quoted) *--at = '"';
  at = json_digits(at, value);
  if (is_negative) *--at = '-';
  if (quoted) *--at = '"';
  json_write_raw(writer, at, (size_t)(text + sizeof text - at));
}

static void write_unsigned(json_writer *writer, bool quoted, uint64_t value) {
  write_digits(writer, quoted, false, value);
}

static void write_signed(json_writer *writer, bool quoted, int64_t value) {
  write_digits(writer, quoted, value < 0, json_magnitude(value));
}

void json_write_integer(json_writer *writer, int64_t value) {
  write_signed(writer, false, value);
}

void json_write_bool(json_writer *writer, bool value) {
  json_write_raw(writer, value ? "true" : "false", value ? 4 : 5);
}

/* Money has at most two decimals, a time in milliseconds three. Up to 15 digits a decimal survives the way through a
 * double, so that the double nearest to a number of thousandths is written as those: what %.15g would give, as
 * integers.
 */
static bool write_thousandths(json_writer *writer, double value) {
  if (!(fabs(value) < 1e12)) return false;
  int64_t thousandths = llround(value * 1000);
  if ((double)thousandths / 1000 != value || (value < 0 && thousandths > -1000)) return false;
  json_write_integer(writer, thousandths / 1000);
  char decimals[] = {'.', '0', '0', '0'};
  size_t length = 0;
  int rest = abs((int)(thousandths % 1000));
  for (size_t at = 3; at > 0; at--, rest /= 10) {
    decimals[at] = (char)('0' + rest % 10);
    if (length == 0 && rest % 10 > 0) length = at + 1;
  }
  json_write_bytes(writer, decimals, length);
  return true;
}

/* is_float: only a float's precision has to survive. */
static void write_real(json_writer *writer, double value, bool is_float) {
  if (!isfinite(value)) {
    json_write_text(writer, isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity");
    return;
  }
  if (value == 0 && signbit(value)) { /* who reads "-0" may take it for the integer 0 */
    json_write_raw(writer, "-0.0", 4);
    return;
  }
  if (!is_float && write_thousandths(writer, value)) return;
  char text[40];
  int length = 0;
  int most = is_float ? 9 : 17;
  for (int digits = is_float ? 6 : 15; digits <= most; digits++) {
    length = snprintf(text, sizeof text, "%.*g", digits, value);
    if (is_float ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value) break;
  }
  json_write_raw(writer, text, (size_t)length);
}

void json_write_double(json_writer *writer, double value) {
  write_real(writer, value, false);
}

static void write_base64(json_writer *writer, const ProtobufCBinaryData *data) {
  begin_value(writer);
  json_write_bytes(writer, "\"", 1);
  size_t length = (data->len + 2) / 3 * 4;
  char *room = data->len <= INT32_MAX ? reserve(writer, length + 1) : NULL; /* EVP_EncodeBlock ends it with a NUL */
  if (!room) {
    writer->failed = true;
    return;
  }
  if (data->len) EVP_EncodeBlock((unsigned char *)room, data->data, (int)data->len);
  writer->length += length;
  json_write_bytes(writer, "\"", 1);
}

static void write_enum(json_writer *writer, const ProtobufCEnumDescriptor *descriptor, int value) {
  /* values are sorted; protobuf-c's own search overflows where one of them is INT32_MAX */
  size_t first = 0, end = descriptor->n_values;
  while (first < end) {
    size_t middle = first + (end - first) / 2;
    if (descriptor->values[middle].value < value) {
      first = middle + 1;
    } else {
      end = middle;
    }
  }
  if (first < descriptor->n_values && descriptor->values[first].value == value) {
    json_write_text(writer, descriptor->values[first].name);
  } else {
    json_write_integer(writer, value);
  }
}

static void write_value(json_writer *writer, const ProtobufCFieldDescriptor *field, const void *value, int depth) {
  switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
      json_write_integer(writer, *(const int32_t *)value);
      break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
      json_write_integer(writer, *(const uint32_t *)value);
      break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
      write_signed(writer, true, *(const int64_t *)value);
      break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
      write_unsigned(writer, true, *(const uint64_t *)value);
      break;
    case PROTOBUF_C_TYPE_FLOAT:
      write_real(writer, (double)*(const float *)value, true);
      break;
    case PROTOBUF_C_TYPE_DOUBLE:
      write_real(writer, *(const double *)value, false);
      break;
    case PROTOBUF_C_TYPE_BOOL:
      json_write_bool(writer, *(const protobuf_c_boolean *)value != 0);
      break;
    case PROTOBUF_C_TYPE_ENUM:
      write_enum(writer, field->descriptor, *(const int *)value);
      break;
    case PROTOBUF_C_TYPE_STRING:
      json_write_text(writer, *(char *const *)value);
      break;
    case PROTOBUF_C_TYPE_BYTES:
      write_base64(writer, value);
      break;
    case PROTOBUF_C_TYPE_MESSAGE:
      write_message(writer, *(ProtobufCMessage *const *)value, depth + 1);
      break;
  }
}

/* A map's key is always a string in JSON. */
static void write_map_key(json_writer *writer, const ProtobufCFieldDescriptor *field, const void *key) {
  switch (field->type) {
    case PROTOBUF_C_TYPE_BOOL:
      json_write_text(writer, *(const protobuf_c_boolean *)key ? "true" : "false");
      break;
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
      write_signed(writer, true, *(const int32_t *)key);
      break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
      write_unsigned(writer, true, *(const uint32_t *)key);
      break;
    default: /* texts, and 64-bit integers, are strings already */
      write_value(writer, field, key, 0);
  }
  json_write_bytes(writer, ":", 1);
}

static const void *member(const ProtobufCMessage *message, unsigned offset) {
  return (const char *)message + offset;
}

static bool is_map_entry(const json_writer *writer, const ProtobufCFieldDescriptor *field) {
  if (field->type != PROTOBUF_C_TYPE_MESSAGE) return false;
  for (size_t i = 0; i < writer->map_entry_count; i++) {
    if (writer->map_entries[i] == field->descriptor) return true;
  }
  return false;
}

static void write_repeated(json_writer *writer, const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field,
                           int depth) {
  size_t count = *(const size_t *)member(message, field->quantifier_offset);
  const char *values = *(const char *const *)member(message, field->offset);
  size_t size = json_scalar_size(field->type);
  bool is_map = is_map_entry(writer, field);
  json_write_open(writer, is_map ? '{' : '[');
  for (size_t i = 0; i < count && !writer->failed; i++) {
    const void *value = values + i * size;
    if (!is_map) {
      write_value(writer, field, value, depth);
      continue;
    }
    const ProtobufCMessage *entry = *(ProtobufCMessage *const *)value;
    const ProtobufCFieldDescriptor *fields = entry->descriptor->fields;
    write_map_key(writer, &fields[0], member(entry, fields[0].offset));
    write_value(writer, &fields[1], member(entry, fields[1].offset), depth);
  }
  json_write_close(writer, is_map ? '}' : ']');
}

/* Fields without presence always are. */
static bool is_present(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field) {
  if (field->label == PROTOBUF_C_LABEL_REPEATED) return true;
  if (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) {
    if (*(const uint32_t *)member(message, field->quantifier_offset) != field->id) return false;
  }
  if (field->type == PROTOBUF_C_TYPE_MESSAGE) return *(void *const *)member(message, field->offset) != NULL;
  if (field->label != PROTOBUF_C_LABEL_OPTIONAL || field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) return true;
  if (field->type == PROTOBUF_C_TYPE_STRING) {
    const char *text = *(char *const *)member(message, field->offset);
    return text && text != field->default_value;
  }
  return *(const protobuf_c_boolean *)member(message, field->quantifier_offset) != 0;
}

static void write_message(json_writer *writer, const ProtobufCMessage *message, int depth) {
  if (depth > DEPTH_MAX) writer->failed = true;
  if (!message) { /* the value of a map's entry that the wire left out, as it may a default */
    json_write_raw(writer, "{}", 2);
    return;
  }
  if (json_time_is(message->descriptor)) {
    char text[JSON_TIME_SIZE] = "";
    if (!json_time_write(message, text)) writer->failed = true;
    json_write_text(writer, text);
    return;
  }
  json_write_open(writer, '{');
  for (unsigned i = 0; i < message->descriptor->n_fields && !writer->failed; i++) {
    const ProtobufCFieldDescriptor *field = &message->descriptor->fields[i];
    if (!is_present(message, field)) continue;
    json_write_key(writer, field->name);
    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
      write_repeated(writer, message, field, depth);
    } else {
      write_value(writer, field, member(message, field->offset), depth);
    }
  }
  json_write_close(writer, '}');
}

void json_write_message(json_writer *writer, const ProtobufCMessage *message) {
  write_message(writer, message, 0);
}
