/* Values on their way to and from PostgreSQL, see postgres_values.h. */
#include "storage/postgres_values.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/storage.h"

void postgres_statement_init(postgres_statement *statement, size_t index, const char *text) {
  snprintf(statement->name, sizeof statement->name, "s%zu", index);
  for (const char *at = strchr(text, '$'); at; at = strchr(at + 1, '$')) {
    int number = atoi(at + 1);
    if (number > statement->parameter_count) statement->parameter_count = number;
  }
  assert(statement->parameter_count <= POSTGRES_PARAMETERS_MAX);
  postgres_statement_end(statement);
}

void postgres_statement_free(postgres_statement *statement) {
  PQclear(statement->rows);
  free(statement->buffer);
}

void postgres_statement_end(postgres_statement *statement) {
  PQclear(statement->rows);
  statement->rows = NULL;
  statement->used = 0;
  for (int i = 0; i < statement->parameter_count; i++) statement->parameters[i].length = -1;
}

bool postgres_statement_bind(postgres_statement *statement, int parameter, const void *value, size_t size,
                             bool is_binary) {
  assert(parameter >= 1 && parameter <= statement->parameter_count);
  if (!value) return true;
  if (statement->used + size > statement->capacity) {
    size_t capacity = 2 * statement->capacity + size;
    char *buffer = realloc(statement->buffer, capacity);
    if (!buffer) return false;
    statement->buffer = buffer;
    statement->capacity = capacity;
  }
  if (size > 0) memcpy(statement->buffer + statement->used, value, size);
  statement->parameters[parameter - 1].offset = statement->used;
  statement->parameters[parameter - 1].length = (int)size;
  statement->parameters[parameter - 1].is_binary = is_binary;
  statement->used += size;
  return true;
}

bool postgres_statement_send(const postgres_statement *statement, PGconn *link) {
  enum { ROWS_IN_BINARY = 1 };
  const char *values[POSTGRES_PARAMETERS_MAX];
  int lengths[POSTGRES_PARAMETERS_MAX], formats[POSTGRES_PARAMETERS_MAX];
  for (int i = 0; i < statement->parameter_count; i++) {
    bool is_null = statement->parameters[i].length < 0;
    const char *value = statement->buffer ? statement->buffer + statement->parameters[i].offset : "";
    values[i] = is_null ? NULL : value;
    lengths[i] = statement->parameters[i].length;
    formats[i] = statement->parameters[i].is_binary;
  }
  return PQsendQueryPrepared(link, statement->name, statement->parameter_count, values, lengths, formats,
                             ROWS_IN_BINARY);
}

int64_t postgres_statement_integer(const postgres_statement *statement, int column) {
  enum { TYPE_TEXT = 25 };
  const PGresult *rows = statement->rows;
  const unsigned char *bytes = (const unsigned char *)PQgetvalue(rows, statement->row, column);
  int length = PQgetlength(rows, statement->row, column);
  if (PQftype(rows, column) == TYPE_TEXT) return strtoll((const char *)bytes, NULL, 10);
  if (length == 0) return 0;
  int64_t value = bytes[0] < 128 ? bytes[0] : bytes[0] - 256; /* the sign's byte comes first */
  for (int i = 1; i < length; i++) value = (int64_t)((uint64_t)value << 8 | bytes[i]);
  return value;
}

/* How SQLite keeps a table is no matter of PostgreSQL's. */
static void blank_out(char *script, const char *words) {
  for (char *at = strstr(script, words); at; at = strstr(at, words)) memset(at, ' ', strlen(words));
}

char *postgres_translate(const char *script) {
  static const char type[] = " TEXT", order[] = " COLLATE \"C\"";
  size_t found = 0;
  for (const char *at = strstr(script, type); at; at = strstr(at + 1, type)) found++;
  char *translated = malloc(strlen(script) + found * strlen(order) + 1);
  if (!translated) return NULL;
  char *end = translated;
  for (const char *at = script;;) {
    const char *next = strstr(at, type);
    if (!next) {
      strcpy(end, at);
      blank_out(translated, STORAGE_BY_KEY);
      return translated;
    }
    next += strlen(type);
    memcpy(end, at, (size_t)(next - at));
    end += next - at;
    at = next;
    if (isalnum((unsigned char)*at) || *at == '_') continue;
    memcpy(end, order, strlen(order));
    end += strlen(order);
  }
}
