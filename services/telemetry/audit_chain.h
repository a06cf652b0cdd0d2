/* The chain that runs through an audit log: each line carries its number (seq, from 1), the hash of the line before it
 * (prev; 64 zeros in the first), and, last, the SHA-256 of itself without that field. So a line that is edited, removed
 * or inserted later shows, unless all that follow are made anew. Written by audit.c, verified by `store-runner audit`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AUDIT_HASH_SIZE = 65 /* hexadecimal, with its end */, AUDIT_HASH_FIELD_SIZE = 76 };

/* A line's place in the chain. */
typedef struct audit_link {
  int64_t seq;
  char prev[AUDIT_HASH_SIZE];
  char hash[AUDIT_HASH_SIZE];
} audit_link;

/* What stands before the first line. */
audit_link audit_chain_begin(void);

/* Writes `,"hash":"…"}` and a newline to field (not ended), for a line that so far is object, an open JSON object of
 * length bytes without its closing brace, and the hash to hash. How many bytes. */
size_t audit_chain_seal(const char *object, size_t length, char field[AUDIT_HASH_FIELD_SIZE],
                        char hash[AUDIT_HASH_SIZE]);

typedef enum audit_line {
  AUDIT_LINE_WHOLE,  /* with the hash that it says */
  AUDIT_LINE_TORN,   /* its end is missing: a crash while it was written, before the change was acknowledged */
  AUDIT_LINE_EDITED, /* anything else */
} audit_line;

/* Reads a line without its newline; *link is set where it is whole. */
audit_line audit_chain_read(const char *line, size_t length, audit_link *link);
