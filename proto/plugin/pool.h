/* Memory of one run of the plugin: handed out piece by piece, freed at once. A compiler has nobody to report a failed
 * allocation to, so it ends the process instead; callers need not check. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

typedef struct memory_pool {
  ProtobufCAllocator allocator; /* unpacks messages into the pool; its free does nothing */
  struct pool_piece *pieces;
} memory_pool;

void pool_init(memory_pool *pool);

void pool_free(memory_pool *pool);

/* Zeroed. */
void *pool_alloc(memory_pool *pool, size_t size);

char *pool_printf(memory_pool *pool, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Ends the process where memory has run out (pointer is NULL); returns pointer. */
void *pool_check(void *pointer);
