/* A whole number as JSON has it, without printf: most of what log, audit and the gateway's answers write. */
#pragma once

#include <stdint.h>

enum { JSON_DIGITS_MAX = 20 }; /* of 2^64 - 1 */

/* Writes the digits so that they end right before `end`; where they begin. */
static inline char *json_digits(char *end, uint64_t value) {
  do {
    *--end = (char)('0' + value % 10);
    value /= 10;
  } while (value > 0);
  return end;
}

/* What is to be written behind a '-' where the number is negative: INT64_MIN has no positive twin. */
static inline uint64_t json_magnitude(int64_t value) {
  return value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
}
