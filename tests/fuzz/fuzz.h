/* What the fuzz targets share. A target is one function that takes any bytes: libFuzzer calls it with inputs that it
 * evolves (preset fuzz, tests/fuzz/run), replay.c with the committed corpus in every other build. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/arena.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold for every input. */
#define FUZZ_CHECK(condition)                                                      \
  do {                                                                             \
    if (condition) break;                                                          \
    fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
    abort();                                                                       \
  } while (0)

/* An input, taken apart from its front. */
typedef struct fuzz_input {
  const uint8_t *at;
  size_t left;
} fuzz_input;

/* 0 where nothing is left. */
static inline uint8_t fuzz_take_byte(fuzz_input *input) {
  if (input->left == 0) return 0;
  input->left--;
  return *input->at++;
}

/* The next length bytes, or what is left of them. */
static inline fuzz_input fuzz_take(fuzz_input *input, size_t length) {
  fuzz_input part = {input->at, length < input->left ? length : input->left};
  input->at += part.left;
  input->left -= part.left;
  return part;
}

/* What comes before the next `separator`, which is passed over; all where there is none. */
static inline fuzz_input fuzz_take_until(fuzz_input *input, char separator) {
  const uint8_t *end = input->left ? memchr(input->at, separator, input->left) : NULL;
  fuzz_input part = fuzz_take(input, end ? (size_t)(end - input->at) : input->left);
  if (end) fuzz_take_byte(input);
  return part;
}

/* A copy in memory of exactly its size (and a NUL with `ended`), so that reading past it is seen. The caller's to free.
 */
static inline char *fuzz_copy(fuzz_input part, bool ended) {
  char *copy = malloc(part.left + (ended || part.left == 0 ? 1 : 0));
  if (!copy) abort();
  if (part.left) memcpy(copy, part.at, part.left);
  if (ended) copy[part.left] = '\0';
  return copy;
}

/* A message as it goes over the wire. The caller's to free. */
static inline uint8_t *fuzz_pack(const ProtobufCMessage *message, size_t *size) {
  *size = protobuf_c_message_get_packed_size(message);
  uint8_t *bytes = malloc(*size + 1);
  if (!bytes) abort();
  protobuf_c_message_pack(message, bytes);
  return bytes;
}

static inline bool fuzz_equal(const ProtobufCMessage *a, const ProtobufCMessage *b) {
  size_t a_size, b_size;
  uint8_t *a_bytes = fuzz_pack(a, &a_size), *b_bytes = fuzz_pack(b, &b_size);
  bool equal = a_size == b_size && memcmp(a_bytes, b_bytes, a_size) == 0;
  free(a_bytes);
  free(b_bytes);
  return equal;
}
