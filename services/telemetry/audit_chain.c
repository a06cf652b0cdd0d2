/* Lines are taken apart by their fixed places: {"ts":"<24 characters>","seq":…,"prev":"<64>",…,"hash":"<64>"}. */
#include "telemetry/audit_chain.h"

#include <stdlib.h>
#include <string.h>

#include "telemetry/sha256.h"
#include "telemetry/trace.h"

static const char hash_key[] = ",\"hash\":\"", seq_key[] = ",\"seq\":", prev_key[] = ",\"prev\":\"", tail[] = "\"}";

enum { HASH_LENGTH = AUDIT_HASH_SIZE - 1, SEQ_AT = sizeof "{\"ts\":\"2025-11-24T16:00:00.123Z\"" - 1 };

audit_link audit_chain_begin(void) {
  audit_link link = {.seq = 0};
  memset(link.hash, '0', HASH_LENGTH);
  return link;
}

/* Of the object as it would be closed without the hash. */
static void hash_object(const char *object, size_t length, char hash[AUDIT_HASH_SIZE]) {
  uint8_t digest[SHA256_SIZE];
  if (!sha256_of(object, length, digest)) abort(); /* without memory there is no line to write */
  trace_format_id(hash, digest, sizeof digest);
  hash[HASH_LENGTH] = '\0';
}

size_t audit_chain_seal(const char *object, size_t length, char field[AUDIT_HASH_FIELD_SIZE],
                        char hash[AUDIT_HASH_SIZE]) {
  hash_object(object, length, hash);
  char *at = stpcpy(stpcpy(stpcpy(field, hash_key), hash), tail);
  *at++ = '\n'; /* over the end */
  return (size_t)(at - field);
}

static bool starts_with(const char *text, const char *end, const char *start) {
  size_t length = strlen(start);
  return (size_t)(end - text) >= length && memcmp(text, start, length) == 0;
}

/* The number and the previous hash at their places. */
static bool read_place(const char *line, size_t length, audit_link *link) {
  const char *end = line + length, *at = line + SEQ_AT;
  if (length <= SEQ_AT || !starts_with(at, end, seq_key)) return false;
  const char *after = at + sizeof seq_key - 1;
  link->seq = 0; /* strtoll would want a line that ends with NUL */
  for (; after < end && *after >= '0' && *after <= '9' && link->seq < INT64_MAX / 20; after++) {
    link->seq = link->seq * 10 + (*after - '0');
  }
  if (!starts_with(after, end, prev_key)) return false;
  after += sizeof prev_key - 1;
  if (end - after <= HASH_LENGTH || after[HASH_LENGTH] != '"') return false;
  memcpy(link->prev, after, HASH_LENGTH);
  link->prev[HASH_LENGTH] = '\0';
  return link->seq > 0;
}

audit_line audit_chain_read(const char *line, size_t length, audit_link *link) {
  const size_t field = sizeof hash_key - 1 + HASH_LENGTH + sizeof tail - 1;
  if (length == 0 || line[length - 1] != '}') return AUDIT_LINE_TORN;
  if (length <= field || memcmp(line + length - field, hash_key, sizeof hash_key - 1) != 0 || line[length - 2] != '"') {
    return AUDIT_LINE_EDITED;
  }
  hash_object(line, length - field, link->hash);
  bool own = memcmp(line + length - field + sizeof hash_key - 1, link->hash, HASH_LENGTH) == 0;
  return own && read_place(line, length, link) ? AUDIT_LINE_WHOLE : AUDIT_LINE_EDITED;
}
