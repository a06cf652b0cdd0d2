/* Memory that lives as long as one call: allocated piece by piece, freed at once. Not thread-safe: one holder
 * at a time. Also serves as protobuf-c's allocator, so an unpacked message needs no free of its own. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

typedef struct rpc_arena_block rpc_arena_block;

typedef struct rpc_arena {
  ProtobufCAllocator allocator; /* its free does nothing */
  rpc_arena_block *blocks;      /* newest first */
  size_t limit;                 /* bytes that may still be taken */
  size_t reserved;              /* bytes of the blocks */
} rpc_arena;

/* limit: bytes in all that this arena may hand out, against messages that unpack to far more than their size. */
void rpc_arena_init(rpc_arena *arena, size_t limit);

/* Frees all that was handed out; the arena can then be used again with what is left of its limit. */
void rpc_arena_free(rpc_arena *arena);

/* Zeroed, aligned for any type; NULL past the limit or without memory. */
void *rpc_arena_alloc(rpc_arena *arena, size_t size);

/* NULL for NULL, and as rpc_arena_alloc. */
char *rpc_arena_strdup(rpc_arena *arena, const char *text);

/* printf into the arena; NULL as rpc_arena_alloc. */
char *rpc_arena_printf(rpc_arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
