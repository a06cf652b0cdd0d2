/* See json_plain.h. */
#include "telemetry/json_plain.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool is_plain(unsigned char c) {
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* Whether eight bytes are: each minus what it must not be below keeps its highest bit clear. Rather says no. */
static bool are_plain(const char bytes[8]) {
  const uint64_t ones = 0x0101010101010101u, highest = 0x80 * ones;
  uint64_t word;
  memcpy(&word, bytes, sizeof word);
  uint64_t below = (word - 0x20 * ones) | ((word ^ '"' * ones) - ones) | ((word ^ '\\' * ones) - ones);
  return ((word | below) & highest) == 0;
}

size_t json_plain_run(const char *text, size_t length) {
  size_t run = 0;
  while (length - run >= 8 && are_plain(text + run)) run += 8;
  while (run < length && is_plain((unsigned char)text[run])) run++;
  return run;
}
