/* A call's memory: blocks handed out from the newest and freed all at once. The first ones are small, since thousands
 * of calls may wait with two or three of them, and fit into what malloc keeps at hand for each thread (1,032 bytes);
 * then each is as large as all before. */
#include "rpc/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_BLOCK = 992, SMALL_ARENA = 4 * FIRST_BLOCK, LARGEST_BLOCK = 64 * 1024 };

struct rpc_arena_block {
  rpc_arena_block *next;
  size_t size;
  size_t used;
  _Alignas(max_align_t) unsigned char bytes[];
};

static void *allocator_alloc(void *data, size_t size) {
  return rpc_arena_alloc(data, size);
}

static void allocator_free(void *data, void *pointer) {
  (void)data;
  (void)pointer;
}

void rpc_arena_init(rpc_arena *arena, size_t limit) {
  arena->allocator = (ProtobufCAllocator){allocator_alloc, allocator_free, arena};
  arena->blocks = NULL;
  arena->limit = limit;
  arena->reserved = 0;
}

void rpc_arena_free(rpc_arena *arena) {
  rpc_arena_block *next;
  for (rpc_arena_block *block = arena->blocks; block; block = next) {
    next = block->next;
    free(block);
  }
  arena->blocks = NULL;
  arena->reserved = 0;
}

static rpc_arena_block *add_block(rpc_arena *arena, size_t at_least) {
  size_t size = arena->reserved < SMALL_ARENA ? FIRST_BLOCK : arena->reserved;
  if (size > LARGEST_BLOCK) size = LARGEST_BLOCK;
  if (size < at_least) size = at_least;
  rpc_arena_block *block = malloc(sizeof *block + size);
  if (!block) return NULL;
  *block = (rpc_arena_block){.next = arena->blocks, .size = size};
  arena->blocks = block;
  arena->reserved += size;
  return block;
}

void *rpc_arena_alloc(rpc_arena *arena, size_t size) {
  const size_t unit = _Alignof(max_align_t);
  if (size > SIZE_MAX - unit) return NULL;
  size = (size + unit - 1) / unit * unit;
  if (size > arena->limit) return NULL;
  rpc_arena_block *block = arena->blocks;
  if (!block || block->size - block->used < size) block = add_block(arena, size);
  if (!block) return NULL;
  void *memory = block->bytes + block->used;
  block->used += size;
  arena->limit -= size;
  return memset(memory, 0, size);
}

char *rpc_arena_strdup(rpc_arena *arena, const char *text) {
  if (!text) return NULL;
  size_t size = strlen(text) + 1;
  char *copy = rpc_arena_alloc(arena, size);
  return copy ? memcpy(copy, text, size) : NULL;
}

char *rpc_arena_printf(rpc_arena *arena, const char *format, ...) {
  va_list arguments, again;
  va_start(arguments, format);
  va_copy(again, arguments);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  char *text = length < 0 ? NULL : rpc_arena_alloc(arena, (size_t)length + 1);
  if (text) vsnprintf(text, (size_t)length + 1, format, again);
  va_end(again);
  return text;
}
