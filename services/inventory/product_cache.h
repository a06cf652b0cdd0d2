/* The products last read, for as long as nothing has been written since: most calls ask for stock that has not moved.
 * A product is kept with the generation of the database it was read at (storage_generation), and is found only at that
 * same generation, so that an answer from here is never older than what was acknowledged before it was asked for.
 * Called by handlers.c, from any thread. */
#pragma once

#include <stdint.h>

#include "inventory/store.h"

typedef struct product_cache product_cache;

/* A fixed number of places, some 60 KiB. NULL without memory. */
product_cache *product_cache_create(void);

/* NULL is ignored. */
void product_cache_destroy(product_cache *cache);

/* Copies the product where it was kept at this generation. */
bool product_cache_find(product_cache *cache, uint64_t generation, const char *product_id, inventory_product *product);

/* Keeps what was read by a read that began at this generation, in place of whatever shares its place. */
void product_cache_keep(product_cache *cache, uint64_t generation, const inventory_product *product);
