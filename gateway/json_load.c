/* The text is read as it is first, and only where jansson finds a number too large is it written anew. */
#include "gateway/json_load.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS_MIN = 19 }; /* of a number that may be past 64 bits */

static const char open[] = "[[\"", close[] = "\"]]";

static json_t *load(const char *text, size_t length, json_error_t *error) {
  return json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, error);
}

/* The length of the string or number, or of the one character, that begins at `at`. */
static size_t token_length(const char *at, const char *end, bool *is_integer) {
  static const char in_numbers[] = "+-.eE0123456789";
  *is_integer = false;
  size_t left = (size_t)(end - at), length = 1;
  if (*at == '"') {
    while (length < left && at[length] != '"') length += at[length] == '\\' ? 2 : 1;
    return length < left ? length + 1 : left;
  }
  if (*at != '-' && (*at < '0' || *at > '9')) return 1;
  *is_integer = true;
  for (; length < left && at[length] != '\0' && strchr(in_numbers, at[length]); length++) {
    *is_integer = *is_integer && at[length] >= '0' && at[length] <= '9';
  }
  return length;
}

static bool is_past_64_bits(const char *digits, size_t length) {
  if (*digits == '-') {
    digits++;
    length--;
  }
  if (length < DIGITS_MIN || *digits == '0') return false; /* a leading zero is the parser's to refuse */
  return length > DIGITS_MIN || memcmp(digits, "9223372036854775807", DIGITS_MIN) > 0;
}

/* Room for what is put around numbers of at least DIGITS_MIN characters. */
static size_t quoted_size(size_t length) {
  return length + (length / DIGITS_MIN + 1) * (sizeof open + sizeof close);
}

static json_t *load_quoted(const char *text, size_t length, json_error_t *error) {
  char *copy = malloc(quoted_size(length)), *to = copy;
  if (!copy) return NULL;
  bool is_integer;
  size_t token;
  for (const char *at = text, *end = text + length; at < end; at += token) {
    token = token_length(at, end, &is_integer);
    bool quote = is_integer && is_past_64_bits(at, token);
    if (quote) to = stpcpy(to, open);
    memcpy(to, at, token);
    to += token;
    if (quote) to = stpcpy(to, close);
  }
  json_t *json = load(copy, (size_t)(to - copy), error);
  free(copy);
  return json;
}

json_t *json_load(const char *text, size_t length, json_error_t *error) {
  json_t *json = load(text, length, error);
  return json || json_error_code(error) != json_error_numeric_overflow ? json : load_quoted(text, length, error);
}

const char *json_load_big_integer(const json_t *value) {
  const json_t *inner = json_array_size(value) == 1 ? json_array_get(value, 0) : NULL;
  const json_t *digits = json_array_size(inner) == 1 ? json_array_get(inner, 0) : NULL;
  const char *text = json_string_value(digits);
  return text && is_past_64_bits(text, json_string_length(digits)) ? text : NULL;
}
