/* Steps along protobuf's wire format (https://protobuf.dev/programming-guides/encoding/), for who reads bytes without
 * protobuf-c. Each goes past what it takes, and is false, with *at anywhere, where that is not whole before end. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool wire_take_varint(const uint8_t **at, const uint8_t *end, uint64_t *value) {
  *value = 0;
  for (int shift = 0; *at < end && shift < 64; shift += 7) {
    uint8_t byte = *(*at)++;
    *value |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

static inline bool wire_skip(const uint8_t **at, const uint8_t *end, uint64_t size) {
  if (size > (size_t)(end - *at)) return false;
  *at += size;
  return true;
}
