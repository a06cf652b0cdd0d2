/* Writes the lines of log.c and audit.c without allocating. jansson would refuse invalid UTF-8 and cannot bound a line,
 * and a log must take whatever it is given. */
#include "telemetry/json_line.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "telemetry/json_digits.h"
#include "telemetry/json_plain.h"
#include "telemetry/utf8.h"

static const char truncated_mark[] = ",\"truncated\":true";

enum { FIELDS_END = JSON_LINE_MAX - (sizeof truncated_mark - 1) - 2 }; /* room is kept for the mark, "}" and newline */

/* False, with nothing written, where it would go past end. */
static bool put(json_line *line, size_t end, const char *bytes, size_t count) {
  if (line->length + count > end) return false;
  memcpy(line->text + line->length, bytes, count);
  line->length += count;
  return true;
}

/* Writes the character at *text as it stands inside a JSON string, and goes past it. False where there is no room. */
static bool put_character(json_line *line, size_t end, const char **text) {
  static const char short_escapes[][3] = {
      ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n", ['\f'] = "\\f", ['\r'] = "\\r", ['"'] = "\\\"", ['\\'] = "\\\\"};
  unsigned char byte = (unsigned char)**text;
  size_t length = utf8_sequence_length(*text);
  bool fits;
  if (byte < sizeof short_escapes / sizeof *short_escapes && short_escapes[byte][0] != '\0') {
    fits = put(line, end, short_escapes[byte], 2);
  } else if (byte < 0x20) {
    char escape[sizeof "\\u0000"];
    snprintf(escape, sizeof escape, "\\u%04x", (unsigned)byte);
    fits = put(line, end, escape, sizeof escape - 1);
  } else if (length == 0) {
    fits = put(line, end, UTF8_REPLACEMENT, sizeof UTF8_REPLACEMENT - 1);
    length = 1;
  } else {
    fits = put(line, end, *text, length);
  }
  if (fits) *text += length;
  return fits;
}

/* A quoted string. False where it had to be cut; it is closed all the same unless not even "" fits. */
static bool put_string(json_line *line, size_t end, const char *text) {
  if (line->length + 2 > end) return false;
  put(line, end, "\"", 1);
  size_t room = end - 1 - line->length, run = json_plain_run(text, strnlen(text, room));
  put(line, end, text, run);
  text += run;
  while (*text != '\0' && put_character(line, end - 1, &text)) continue;
  put(line, end, "\"", 1);
  return *text == '\0';
}

/* A key and a value already written as JSON; the whole field or none of it. */
static bool put_field(json_line *line, const char *key, const char *value) {
  size_t start = line->length;
  bool first = line->length == 1;
  if ((first || put(line, FIELDS_END, ",", 1)) && put_string(line, FIELDS_END, key) && put(line, FIELDS_END, ":", 1) &&
      put(line, FIELDS_END, value, strlen(value))) {
    return true;
  }
  line->length = start;
  line->truncated = true;
  return false;
}

/* Writes the last digits of a number, and one more character. */
static char *put_digits(char *at, int number, int digits, char after) {
  for (int i = digits - 1; i >= 0; i--, number /= 10) at[i] = (char)('0' + number % 10);
  at[digits] = after;
  return at + digits + 1;
}

void json_line_begin(json_line *line, int64_t unix_ms) {
  int64_t milliseconds = unix_ms % 1000;
  if (milliseconds < 0) milliseconds += 1000;
  time_t seconds = (time_t)((unix_ms - milliseconds) / 1000);
  struct tm utc = {0};
  gmtime_r(&seconds, &utc);
  char ts[sizeof "2026-01-31T12:00:00.000Z"], *at = put_digits(ts, utc.tm_year + 1900, 4, '-');
  at = put_digits(at, utc.tm_mon + 1, 2, '-');
  at = put_digits(at, utc.tm_mday, 2, 'T');
  at = put_digits(at, utc.tm_hour, 2, ':');
  at = put_digits(at, utc.tm_min, 2, ':');
  at = put_digits(at, utc.tm_sec, 2, '.');
  at = put_digits(at, (int)milliseconds, 3, 'Z');
  *at = '\0';
  line->length = 0;
  line->truncated = false;
  put(line, FIELDS_END, "{", 1);
  json_line_text(line, "ts", ts);
}

void json_line_text(json_line *line, const char *key, const char *value) {
  if (value == NULL) {
    put_field(line, key, "null");
    return;
  }
  if (!put_field(line, key, "\"\"")) return;
  line->length -= 2; /* the empty string was there to make sure that one fits */
  size_t end = line->length + JSON_LINE_VALUE_MAX;
  if (!put_string(line, end < FIELDS_END ? end : FIELDS_END, value)) line->truncated = true;
}

void json_line_number(json_line *line, const char *key, int64_t value) {
  char text[1 + JSON_DIGITS_MAX + 1], *end = text + sizeof text - 1;
  *end = '\0';
  char *at = json_digits(end, json_magnitude(value));
  if (value < 0) *--at = '-';
  put_field(line, key, at);
}

void json_line_end(json_line *line) {
  if (line->truncated) put(line, JSON_LINE_MAX, truncated_mark, sizeof truncated_mark - 1);
  put(line, JSON_LINE_MAX, "}\n", 2);
}
