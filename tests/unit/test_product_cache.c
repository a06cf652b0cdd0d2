/* What is kept is found at its own generation only, and the generation of a database moves with each write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "inventory/product_cache.h"

static product_cache *new_cache(void) {
  product_cache *cache = product_cache_create();
  assert_non_null(cache);
  return cache;
}

static inventory_product product_of(const char *id, int32_t stock) {
  inventory_product product = {.price_cents = 100, .total_stock = stock};
  snprintf(product.product_id, sizeof product.product_id, "%s", id);
  return product;
}

static void a_product_is_found_at_the_generation_it_was_read_at(void **state) {
  (void)state;
  product_cache *cache = new_cache();
  inventory_product kept = product_of("LAPTOP-001", 50), found;
  assert_false(product_cache_find(cache, 7, "LAPTOP-001", &found));
  product_cache_keep(cache, 7, &kept);
  assert_true(product_cache_find(cache, 7, "LAPTOP-001", &found));
  assert_int_equal(50, found.total_stock);
  assert_false(product_cache_find(cache, 8, "LAPTOP-001", &found));
  assert_false(product_cache_find(cache, 7, "PHONE-002", &found));
  product_cache_destroy(cache);
}

static void a_slow_read_does_not_replace_a_later_one(void **state) {
  (void)state;
  product_cache *cache = new_cache();
  inventory_product before = product_of("LAPTOP-001", 50), after = product_of("LAPTOP-001", 49), found;
  product_cache_keep(cache, 8, &after);
  product_cache_keep(cache, 7, &before);
  assert_true(product_cache_find(cache, 8, "LAPTOP-001", &found));
  assert_int_equal(49, found.total_stock);
  assert_false(product_cache_find(cache, 7, "LAPTOP-001", &found));
  product_cache_destroy(cache);
}

static void products_that_share_a_place_are_not_taken_for_each_other(void **state) {
  (void)state;
  product_cache *cache = new_cache();
  enum { PRODUCTS = 2000 };
  char id[32];
  for (int i = 0; i < PRODUCTS; i++) {
    snprintf(id, sizeof id, "P-%d", i);
    inventory_product product = product_of(id, i);
    product_cache_keep(cache, 1, &product);
  }
  int hits = 0;
  for (int i = 0; i < PRODUCTS; i++) {
    inventory_product found;
    snprintf(id, sizeof id, "P-%d", i);
    if (!product_cache_find(cache, 1, id, &found)) continue;
    assert_int_equal(i, found.total_stock);
    hits++;
  }
  assert_in_range(hits, 1, 256);
  product_cache_destroy(cache);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_product_is_found_at_the_generation_it_was_read_at),
      cmocka_unit_test(a_slow_read_does_not_replace_a_later_one),
      cmocka_unit_test(products_that_share_a_place_are_not_taken_for_each_other),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
