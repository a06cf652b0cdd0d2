/* Structured logs: one JSON object a line, with ts (RFC 3339, UTC), level, service, msg and the fields given. */
#pragma once

#include <stdint.h>

typedef struct log_sink log_sink;

typedef enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR } log_level;

/* A field: strings and integers. A NULL text is written as null. */
typedef struct log_field {
  const char *key;
  const char *text; /* used where is_number is 0 */
  int64_t number;
  int is_number;
} log_field;

#define LOG_TEXT(key, text) ((log_field){(key), (text), 0, 0})
#define LOG_NUMBER(key, number) ((log_field){(key), 0, (number), 1})

/* service: in each line; copied. path: appended to, made with mode 0640 where missing; NULL: standard error. Lines
 * below lowest are not written. NULL on failure (errno). */
log_sink *log_open(const char *service, const char *path, log_level lowest);

/* NULL is ignored. */
void log_close(log_sink *sink);

/* Writes one line with one write(2): when it returns, the line survives a crash of the process. Fields are escaped as
 * JSON, invalid UTF-8 replaced by U+FFFD. A line is at most 4 KiB and a value 1 KiB of it: what is longer is cut,
 * fields that find no room are left out, and the line then has "truncated":true. A line that cannot be written is
 * dropped. fields may be NULL where count is 0; sink may be NULL: nothing is done. From any thread. */
void log_write(log_sink *sink, log_level level, const char *message, const log_field *fields, unsigned count);

/* With one field or more: log_at(sink, LOG_INFO, "order confirmed", LOG_TEXT("order_id", id), LOG_NUMBER("attempt", 2))
 */
#define log_at(sink, level, message, ...)                                 \
  log_write((sink), (level), (message), (const log_field[]){__VA_ARGS__}, \
            (unsigned)(sizeof((const log_field[]){__VA_ARGS__}) / sizeof(log_field)))
