/* A prepared statement of a PostgreSQL connection: the parameters bound to it, and the rows it gave. For
 * connection_postgres.c alone. */
#pragma once

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { POSTGRES_PARAMETERS_MAX = 24 };

typedef struct postgres_statement {
  char name[24];
  int parameter_count;
  struct {
    size_t offset; /* into buffer */
    int length;    /* -1: NULL */
    int is_binary;
  } parameters[POSTGRES_PARAMETERS_MAX];
  char *buffer; /* the values */
  size_t used, capacity;
  PGresult *rows; /* NULL: not carried out since begin, or not looked at */
  int row;        /* the ready one; -1: none yet */
} postgres_statement;

/* A zeroed statement gets its name, and from the text the number of its parameters. */
void postgres_statement_init(postgres_statement *statement, size_t index, const char *text);
void postgres_statement_free(postgres_statement *statement);

/* Frees its rows and forgets its parameters. */
void postgres_statement_end(postgres_statement *statement);

/* Copies; text with its NUL. NULL: SQL NULL. False without memory. */
bool postgres_statement_bind(postgres_statement *statement, int parameter, const void *value, size_t size,
                             bool is_binary);

/* False where libpq does not take it: the connection is broken. */
bool postgres_statement_send(const postgres_statement *statement, PGconn *link);

/* A column of the ready row: int2, int4, int8 or digits. 0 for NULL. */
int64_t postgres_statement_integer(const postgres_statement *statement, int column);

/* A script in the dialect of storage.h as PostgreSQL shall read it: text in the order of its bytes, as SQLite has it,
 * whatever the language of the database. malloc'd; NULL without memory. */
char *postgres_translate(const char *script);
