/* A table of places, each with a lock of its own; a product's place is given by a hash of its identifier. */
#include "inventory/product_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "telemetry/text_hash.h"

enum { PLACES = 256 };

typedef struct cache_place {
  pthread_mutex_t lock;
  bool is_taken;
  uint64_t generation;
  inventory_product product;
} cache_place;

struct product_cache {
  cache_place places[PLACES];
};

product_cache *product_cache_create(void) {
  product_cache *cache = calloc(1, sizeof *cache);
  for (size_t i = 0; cache && i < PLACES; i++) pthread_mutex_init(&cache->places[i].lock, NULL);
  return cache;
}

void product_cache_destroy(product_cache *cache) {
  for (size_t i = 0; cache && i < PLACES; i++) pthread_mutex_destroy(&cache->places[i].lock);
  free(cache);
}

static cache_place *place_of(product_cache *cache, const char *product_id) {
  return &cache->places[text_hash(product_id) % PLACES];
}

bool product_cache_find(product_cache *cache, uint64_t generation, const char *product_id, inventory_product *product) {
  cache_place *place = place_of(cache, product_id);
  pthread_mutex_lock(&place->lock);
  bool found = place->is_taken && place->generation == generation && strcmp(place->product.product_id, product_id) == 0;
  if (found) *product = place->product;
  pthread_mutex_unlock(&place->lock);
  return found;
}

void product_cache_keep(product_cache *cache, uint64_t generation, const inventory_product *product) {
  cache_place *place = place_of(cache, product->product_id);
  pthread_mutex_lock(&place->lock);
  if (!place->is_taken || place->generation <= generation) { /* a slower read does not undo a later one */
    place->is_taken = true;
    place->generation = generation;
    place->product = *product;
  }
  pthread_mutex_unlock(&place->lock);
}
