/* Conversions by type, after the JSON mapping of protobuf: integers may be strings or integral floats, floats may be
 * "NaN" or "Infinity", enums names or numbers, bytes either base64 alphabet. */
#include "gateway/json_scalar.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry/utf8.h"

enum { NUMBER_SIZE = 1100 }; /* no double written out in full has more characters */

static const double FLOAT_END = 0x1.ffffffp+127; /* half a step past the largest float: rounds to infinity */

static const char NO_MEMORY[] = "too large";

typedef struct type_rule {
  size_t size;
  int bits; /* of an integer; 0 for other types */
  bool is_signed;
  const char *error;
} type_rule;

#define SIGNED_32 \
  { 4, 32, true, "expected an integer from -2147483648 to 2147483647" }
#define SIGNED_64 \
  { 8, 64, true, "expected a 64-bit signed integer" }
#define UNSIGNED_32 \
  { 4, 32, false, "expected an integer from 0 to 4294967295" }
#define UNSIGNED_64 \
  { 8, 64, false, "expected a 64-bit unsigned integer" }

static const type_rule rules[] = {
    [PROTOBUF_C_TYPE_INT32] = SIGNED_32,
    [PROTOBUF_C_TYPE_SINT32] = SIGNED_32,
    [PROTOBUF_C_TYPE_SFIXED32] = SIGNED_32,
    [PROTOBUF_C_TYPE_INT64] = SIGNED_64,
    [PROTOBUF_C_TYPE_SINT64] = SIGNED_64,
    [PROTOBUF_C_TYPE_SFIXED64] = SIGNED_64,
    [PROTOBUF_C_TYPE_UINT32] = UNSIGNED_32,
    [PROTOBUF_C_TYPE_FIXED32] = UNSIGNED_32,
    [PROTOBUF_C_TYPE_UINT64] = UNSIGNED_64,
    [PROTOBUF_C_TYPE_FIXED64] = UNSIGNED_64,
    [PROTOBUF_C_TYPE_FLOAT] = {sizeof(float), 0, false, "expected a number within the range of a float"},
    [PROTOBUF_C_TYPE_DOUBLE] = {sizeof(double), 0, false, "expected a number"},
    [PROTOBUF_C_TYPE_BOOL] = {sizeof(protobuf_c_boolean), 0, false, "expected true or false"},
    [PROTOBUF_C_TYPE_ENUM] = {sizeof(int), 32, true, "expected the name or number of an enum value"},
    [PROTOBUF_C_TYPE_STRING] = {sizeof(char *), 0, false, "expected a string"},
    [PROTOBUF_C_TYPE_BYTES] = {sizeof(ProtobufCBinaryData), 0, false, "expected a base64 string"},
    [PROTOBUF_C_TYPE_MESSAGE] = {sizeof(ProtobufCMessage *), 0, false, "expected an object"},
};

size_t json_scalar_size(ProtobufCType type) {
  return rules[type].size;
}

static bool is_text(const json_value *value) {
  return value->kind == KIND_STRING || value->kind == KIND_WORD;
}

static bool equals(const json_value *value, const char *word) {
  return value->length == strlen(word) && memcmp(value->text, word, value->length) == 0;
}

static size_t span_digits(const char *text) {
  const char *at = text;
  while (*at >= '0' && *at <= '9') at++;
  return (size_t)(at - text);
}

/* The grammar of a JSON number (RFC 8259 §6): strtod alone would take hexadecimal, spaces and "inf". */
static bool is_number(const char *text, bool *is_integer) {
  if (*text == '-') text++;
  size_t digits = span_digits(text);
  if (digits == 0 || (digits > 1 && *text == '0')) return false;
  text += digits;
  *is_integer = *text == '\0';
  if (*text == '.') {
    digits = span_digits(++text);
    if (digits == 0) return false;
    text += digits;
  }
  if (*text == 'e' || *text == 'E') {
    text++;
    if (*text == '+' || *text == '-') text++;
    digits = span_digits(text);
    if (digits == 0) return false;
    text += digits;
  }
  return *text == '\0';
}

static bool copy_number(const json_value *value, char buffer[NUMBER_SIZE], bool *is_integer) {
  if ((value->kind != KIND_NUMBER && !is_text(value)) || value->length >= NUMBER_SIZE) return false;
  memcpy(buffer, value->text, value->length);
  buffer[value->length] = '\0';
  return strlen(buffer) == value->length && is_number(buffer, is_integer);
}

/* A whole number as sign and magnitude, wide enough for every integer type. */
typedef struct whole {
  bool negative;
  uint64_t magnitude;
} whole;

static bool whole_of_real(double real, whole *number) {
  double magnitude = fabs(real);
  if (!(magnitude < 18446744073709551616.0) || floor(magnitude) < magnitude) return false;
  *number = (whole){real < 0, (uint64_t)magnitude};
  return true;
}

static bool read_whole(const json_value *value, whole *number) {
  char text[NUMBER_SIZE];
  bool is_integer;
  if (!copy_number(value, text, &is_integer)) return false;
  if (!is_integer) return whole_of_real(strtod(text, NULL), number);
  number->negative = text[0] == '-';
  const char *digits = text + (number->negative ? 1 : 0);
  if (strlen(digits) > 20 || (strlen(digits) == 20 && strcmp(digits, "18446744073709551615") > 0)) return false;
  number->magnitude = strtoull(digits, NULL, 10);
  return true;
}

static bool store_whole(const type_rule *rule, whole number, void *member) {
  uint64_t max = UINT64_MAX >> (64 - rule->bits + (rule->is_signed ? 1 : 0));
  uint64_t limit = !number.negative ? max : rule->is_signed ? max + 1 : 0;
  if (number.magnitude > limit) return false;
  uint64_t bits = number.negative ? 0 - number.magnitude : number.magnitude;
  if (rule->bits == 32) {
    *(uint32_t *)member = (uint32_t)bits;
  } else {
    *(uint64_t *)member = bits;
  }
  return true;
}

/* Up to 15 digits are a double, and so are the powers of ten up to 10^22: their quotient is the double nearest to the
 * number, as strtod would give it (W. D. Clinger, "How to read floating point numbers accurately", 1990). Most numbers
 * are money, and need no more. */
static bool read_decimal(const char *text, double *real) {
  static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  bool is_negative = *text == '-';
  int64_t digits = 0;
  int count = 0, decimals = -1; /* -1: no point yet */
  for (text += is_negative; *text; text++) {
    if (*text == '.') {
      decimals = 0;
      continue;
    }
    if (*text < '0' || *text > '9' || ++count > 15) return false;
    digits = digits * 10 + (*text - '0');
    if (decimals >= 0) decimals++;
  }
  double magnitude = (double)digits / powers[decimals > 0 ? decimals : 0];
  *real = is_negative ? -magnitude : magnitude;
  return true;
}

static bool read_real(const json_value *value, double *real) {
  static const struct {
    const char *name;
    double value;
  } specials[] = {{"NaN", NAN}, {"Infinity", INFINITY}, {"-Infinity", -INFINITY}};
  for (size_t i = 0; i < sizeof specials / sizeof *specials && is_text(value); i++) {
    if (!equals(value, specials[i].name)) continue;
    *real = specials[i].value;
    return true;
  }
  char text[NUMBER_SIZE];
  bool is_integer;
  if (!copy_number(value, text, &is_integer)) return false;
  if (!read_decimal(text, real)) *real = strtod(text, NULL);
  return isfinite(*real);
}

static bool read_bool(const json_value *value, protobuf_c_boolean *result) {
  bool is_word = value->kind == KIND_WORD;
  bool yes = value->kind == KIND_TRUE || (is_word && equals(value, "true"));
  bool no = value->kind == KIND_FALSE || (is_word && equals(value, "false"));
  *result = yes;
  return yes || no;
}

static bool read_enum(const ProtobufCEnumDescriptor *descriptor, const json_value *value, void *member) {
  if (is_text(value)) {
    for (unsigned i = 0; i < descriptor->n_value_names; i++) {
      if (!equals(value, descriptor->values_by_name[i].name)) continue;
      *(int *)member = descriptor->values[descriptor->values_by_name[i].index].value;
      return true;
    }
    if (value->kind == KIND_STRING) return false;
  }
  whole number;
  return read_whole(value, &number) && store_whole(&rules[PROTOBUF_C_TYPE_ENUM], number, member);
}

/* protobuf-c's strings end at their first NUL, so one inside would silently cut the text. */
static const char *read_string(rpc_arena *arena, const json_value *value, char **member) {
  if (!is_text(value)) return rules[PROTOBUF_C_TYPE_STRING].error;
  if (memchr(value->text, '\0', value->length)) return "must not contain the character U+0000";
  char *copy = rpc_arena_alloc(arena, value->length + 1);
  if (!copy) return NO_MEMORY;
  memcpy(copy, value->text, value->length);
  *member = copy;
  return utf8_is_valid(copy) ? NULL : "not valid UTF-8";
}

/* Value of a character in the standard or the URL-safe alphabet; -1 for any other. */
static int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

static const char *read_bytes(rpc_arena *arena, const json_value *value, ProtobufCBinaryData *member) {
  const char *error = rules[PROTOBUF_C_TYPE_BYTES].error;
  if (!is_text(value)) return error;
  size_t length = value->length;
  if (length % 4 == 0) { /* padding is optional, and only where it fits */
    for (int i = 0; i < 2 && length > 0 && value->text[length - 1] == '='; i++) length--;
  }
  if (length % 4 == 1) return error;
  uint8_t *bytes = rpc_arena_alloc(arena, length * 3 / 4 + 1);
  if (!bytes) return NO_MEMORY;
  uint32_t bits = 0;
  size_t size = 0;
  for (size_t i = 0; i < length; i++) {
    int six = base64_value(value->text[i]);
    if (six < 0) return error;
    bits = bits << 6 | (uint32_t)six;
    if (i % 4 != 0) bytes[size++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
  }
  *member = (ProtobufCBinaryData){size, bytes};
  return NULL;
}

static const char *read_float(const json_value *value, ProtobufCType type, void *member) {
  double real;
  if (!read_real(value, &real)) return rules[type].error;
  if (type == PROTOBUF_C_TYPE_DOUBLE) {
    *(double *)member = real;
    return NULL;
  }
  if (isfinite(real) && fabs(real) >= FLOAT_END) return rules[type].error;
  *(float *)member = (float)real;
  return NULL;
}

const char *json_scalar_read(rpc_arena *arena, const ProtobufCFieldDescriptor *field, const json_value *value,
                             void *member) {
  const type_rule *rule = &rules[field->type];
  whole number;
  switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
      return read_string(arena, value, member);
    case PROTOBUF_C_TYPE_BYTES:
      return read_bytes(arena, value, member);
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_DOUBLE:
      return read_float(value, field->type, member);
    case PROTOBUF_C_TYPE_BOOL:
      return read_bool(value, member) ? NULL : rule->error;
    case PROTOBUF_C_TYPE_ENUM:
      return read_enum(field->descriptor, value, member) ? NULL : rule->error;
    case PROTOBUF_C_TYPE_MESSAGE:
      return rule->error;
    default:
      return read_whole(value, &number) && store_whole(rule, number, member) ? NULL : rule->error;
  }
}
