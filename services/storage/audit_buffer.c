/* Changes packed behind each other: the time, then each text with its NUL, before it a byte that says whether it is
 * there. Called by connection.c and outbox.c. */
#include "storage/audit_buffer.h"

#include <stdlib.h>
#include <string.h>

enum { TEXTS = 6 };

static bool reserve(audit_buffer *buffer, size_t more) {
  if (buffer->used + more <= buffer->capacity) return true;
  size_t capacity = 2 * buffer->capacity + more;
  char *bytes = realloc(buffer->bytes, capacity);
  if (!bytes) return false;
  buffer->bytes = bytes;
  buffer->capacity = capacity;
  return true;
}

void audit_buffer_add(audit_buffer *buffer, const audit_change *change) {
  const char *texts[TEXTS] = {change->entity,         change->id,    change->from, change->to,
                              change->correlation_id, change->detail};
  size_t size = sizeof change->unix_ms;
  for (int i = 0; i < TEXTS; i++) size += 1 + (texts[i] ? strlen(texts[i]) + 1 : 0);
  if (!reserve(buffer, size)) {
    buffer->lost = true;
    return;
  }
  char *end = buffer->bytes + buffer->used;
  memcpy(end, &change->unix_ms, sizeof change->unix_ms);
  end += sizeof change->unix_ms;
  for (int i = 0; i < TEXTS; i++) {
    *end++ = texts[i] != NULL;
    if (texts[i]) end = stpcpy(end, texts[i]) + 1;
  }
  buffer->used += size;
}

void audit_buffer_append(const char *bytes, size_t size, size_t first, audit_log *audit) {
  const char *at = bytes;
  for (size_t change = 0; at < bytes + size; change++) {
    int64_t unix_ms;
    const char *texts[TEXTS];
    memcpy(&unix_ms, at, sizeof unix_ms);
    at += sizeof unix_ms;
    for (int i = 0; i < TEXTS; i++) {
      bool is_there = *at++ != 0;
      texts[i] = is_there ? at : NULL;
      if (is_there) at += strlen(at) + 1;
    }
    if (change >= first) audit_append(audit, unix_ms, texts[0], texts[1], texts[2], texts[3], texts[4], texts[5]);
  }
}

bool audit_buffer_flush(audit_buffer *buffer, audit_log *audit) {
  if (buffer->used > 0) audit_buffer_append(buffer->bytes, buffer->used, 0, audit);
  audit_buffer_clear(buffer);
  return audit_flush(audit);
}

void audit_buffer_clear(audit_buffer *buffer) {
  buffer->used = 0;
  buffer->lost = false;
}

void audit_buffer_free(audit_buffer *buffer) {
  free(buffer->bytes);
}
