/* The plugin's memory: a list of pieces, each from calloc. Used by every other file of the plugin. */
#include "pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct pool_piece {
  struct pool_piece *next;
  max_align_t data[];
};

void *pool_check(void *pointer) {
  if (pointer == NULL) {
    fputs("protoc-gen-store: out of memory\n", stderr);
    exit(EXIT_FAILURE);
  }
  return pointer;
}

void *pool_alloc(memory_pool *pool, size_t size) {
  struct pool_piece *piece = pool_check(calloc(1, sizeof(struct pool_piece) + size));
  piece->next = pool->pieces;
  pool->pieces = piece;
  return piece->data;
}

static void *allocate(void *data, size_t size) {
  return pool_alloc(data, size);
}

static void release(void *data, void *pointer) {
  (void)data;
  (void)pointer;
}

void pool_init(memory_pool *pool) {
  pool->allocator = (ProtobufCAllocator){.alloc = allocate, .free = release, .allocator_data = pool};
  pool->pieces = NULL;
}

void pool_free(memory_pool *pool) {
  while (pool->pieces != NULL) {
    struct pool_piece *piece = pool->pieces;
    pool->pieces = piece->next;
    free(piece);
  }
}

char *pool_printf(memory_pool *pool, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  size_t size = length < 0 ? 1 : (size_t)length + 1;
  char *text = pool_alloc(pool, size);
  va_start(arguments, format);
  vsnprintf(text, size, format, arguments);
  va_end(arguments);
  return text;
}
