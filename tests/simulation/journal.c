/* FNV-1a, 64 bits. */
#include "simulation/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static uint64_t mix(uint64_t hash, const void *bytes, size_t size) {
  const unsigned char *at = bytes;
  for (size_t i = 0; i < size; i++) hash = (hash ^ at[i]) * UINT64_C(1099511628211);
  return hash;
}

void journal_init(event_journal *journal, bool is_printed) {
  *journal = (event_journal){.hash = UINT64_C(14695981039346656037), .is_printed = is_printed};
}

void journal_note(event_journal *journal, int64_t now_us, const char *what, const char *where, const void *bytes,
                  size_t size) {
  journal->events++;
  journal->hash = mix(journal->hash, &now_us, sizeof now_us);
  journal->hash = mix(journal->hash, what, strlen(what) + 1);
  journal->hash = mix(journal->hash, where, strlen(where) + 1);
  journal->hash = mix(journal->hash, bytes, size);
  if (journal->is_printed) {
    printf("%12.6f  %-10s %-50s %5zu bytes  %016" PRIx64 "\n", (double)now_us / 1e6, what, where, size, journal->hash);
  }
}
