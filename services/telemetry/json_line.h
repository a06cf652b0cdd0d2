/* One JSON object on one line in a buffer of fixed size: what log and audit write. Whatever it is given, the line is
 * valid JSON in UTF-8: a value that is too long is cut, a field that does not fit is left out, and the line then says
 * "truncated":true. */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
  JSON_LINE_MAX = PIPE_BUF,   /* with its newline: lines of several writers to one pipe do not mix */
  JSON_LINE_VALUE_MAX = 1024, /* bytes of one value as written, so that one does not crowd out the others */
};

typedef struct json_line {
  size_t length;
  bool truncated;
  char text[JSON_LINE_MAX]; /* not ended by NUL */
} json_line;

/* Opens the object with ts: RFC 3339, UTC, milliseconds. */
void json_line_begin(json_line *line, int64_t unix_ms);

/* A NULL value is written as null. */
void json_line_text(json_line *line, const char *key, const char *value);
void json_line_number(json_line *line, const char *key, int64_t value);

/* Closes the object and the line: text and length are what to write. */
void json_line_end(json_line *line);
