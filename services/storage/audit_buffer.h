/* The audit lines of the transaction under way on one connection, packed as the outbox stores them (outbox.h). Private
 * to this folder. */
#pragma once

#include <stddef.h>

#include "telemetry/audit.h"

typedef struct audit_buffer {
  char *bytes; /* one change after the other; zeroed: none */
  size_t used, capacity;
  bool lost; /* a change found no memory */
} audit_buffer;

/* A change, as audit_append takes it. */
typedef struct audit_change {
  int64_t unix_ms;
  const char *entity, *id, *from, *to, *correlation_id, *detail;
} audit_change;

void audit_buffer_add(audit_buffer *buffer, const audit_change *change);

/* Appends the changes that are packed in bytes to the log, from the one of that number on. */
void audit_buffer_append(const char *bytes, size_t size, size_t first, audit_log *audit);

/* Appends all to the log, flushes it, as audit_flush says, and forgets them. */
bool audit_buffer_flush(audit_buffer *buffer, audit_log *audit);

void audit_buffer_clear(audit_buffer *buffer);
void audit_buffer_free(audit_buffer *buffer);
