/* What happens in a simulated world, in order: a hash of it all, so that two runs of a seed can be held against each
 * other, and lines to read where somebody wants them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct event_journal {
  uint64_t hash;
  uint64_t events;
  bool is_printed; /* a line each on standard output */
} event_journal;

void journal_init(event_journal *journal, bool is_printed);

/* what happened, to whom or where; bytes: more that must be the same when it happens again, not printed. */
void journal_note(event_journal *journal, int64_t now_us, const char *what, const char *where, const void *bytes,
                  size_t size);
