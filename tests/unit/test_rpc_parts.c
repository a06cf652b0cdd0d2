/* The small parts that RPC stands on: clock, arena, random, status, message checks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "rpc/arena.h"
#include "rpc/clock.h"
#include "rpc/message_check.h"
#include "rpc/random.h"
#include "rpc/status.h"
#include "store/v1/order.pb-c.h"

/* --- clock --- */

typedef struct timer_firing {
  int *next;
  int order; /* 0: has not fired */
} timer_firing;

static void fire(void *arg) {
  timer_firing *firing = arg;
  firing->order = ++*firing->next;
}

static void virtual_timers_fire_by_due_time_and_then_by_age(void **state) {
  (void)state;
  rpc_clock *clock = rpc_clock_create_virtual(1000);
  int next = 0;
  timer_firing firings[5] = {{&next, 0}, {&next, 0}, {&next, 0}, {&next, 0}, {&next, 0}};
  rpc_timer timers[5] = {0};
  const int64_t due_us[5] = {300, 100, 200, 100, 50};
  for (int i = 0; i < 5; i++) rpc_clock_set(clock, &timers[i], due_us[i], fire, &firings[i]);
  assert_true(rpc_clock_cancel(clock, &timers[4]));
  assert_false(rpc_clock_cancel(clock, &timers[4]));
  while (rpc_clock_advance(clock)) continue;
  const int expected[5] = {4, 1, 3, 2, 0};
  for (int i = 0; i < 5; i++) assert_int_equal(firings[i].order, expected[i]);
  assert_int_equal(rpc_clock_now_us(clock), 300);
  assert_int_equal(rpc_clock_unix_ms(clock), 1000);
  rpc_clock_destroy(clock);
}

static void many_timers_keep_their_order_through_cancellations(void **state) {
  (void)state;
  enum { COUNT = 2000 };
  static rpc_timer timers[COUNT];
  static timer_firing firings[COUNT];
  memset(timers, 0, sizeof timers);
  rpc_random random;
  rpc_random_init(&random, 4);
  rpc_clock *clock = rpc_clock_create_virtual(0);
  int next = 0, left = COUNT;
  for (int i = 0; i < COUNT; i++) {
    firings[i] = (timer_firing){&next, 0};
    rpc_clock_set(clock, &timers[i], rpc_random_between(&random, 0, 500), fire, &firings[i]);
  }
  for (int i = 0; i < COUNT; i += 3) left -= rpc_clock_cancel(clock, &timers[i]) ? 1 : 0;
  int64_t last_us = 0;
  while (rpc_clock_advance(clock)) {
    assert_true(rpc_clock_now_us(clock) >= last_us);
    last_us = rpc_clock_now_us(clock);
  }
  assert_int_equal(next, left);
  rpc_clock_destroy(clock);
}

static void count_firing(void *arg) {
  atomic_fetch_add((atomic_int *)arg, 1);
}

static void wait_for(atomic_int *counter, int value) {
  for (int i = 0; i < 20000 && atomic_load(counter) < value; i++) usleep(1000);
  assert_int_equal(atomic_load(counter), value);
}

static void a_timer_set_while_the_thread_sleeps_for_a_later_one_fires_first(void **state) {
  (void)state;
  rpc_clock *clock = rpc_clock_create();
  atomic_int late = 0, soon = 0, at_once = 0;
  rpc_timer late_timer = {0}, soon_timer = {0}, past_timer = {0};
  int64_t now_us = rpc_clock_now_us(clock);
  rpc_clock_set(clock, &late_timer, now_us + 3600 * 1000000ll, count_firing, &late);
  usleep(20000); /* the thread is asleep by now, most likely; the test holds either way */
  rpc_clock_set(clock, &soon_timer, now_us + 50000, count_firing, &soon);
  rpc_clock_set(clock, &past_timer, 0, count_firing, &at_once);
  wait_for(&at_once, 1);
  wait_for(&soon, 1);
  assert_true(rpc_clock_cancel(clock, &late_timer));
  assert_int_equal(late, 0);
  rpc_clock_destroy(clock);
}

typedef struct timer_setter {
  rpc_clock *clock;
  atomic_int *fired;
  rpc_timer timers[500];
} timer_setter;

static void *set_many(void *arg) {
  timer_setter *setter = arg;
  for (int i = 0; i < 500; i++) {
    rpc_clock_set(setter->clock, &setter->timers[i], rpc_clock_now_us(setter->clock) + i % 7 * 100, count_firing,
                  setter->fired);
  }
  return NULL;
}

static void timers_of_many_threads_all_fire(void **state) {
  (void)state;
  rpc_clock *clock = rpc_clock_create();
  atomic_int fired = 0;
  static timer_setter setters[4];
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) {
    setters[i] = (timer_setter){.clock = clock, .fired = &fired};
    assert_int_equal(pthread_create(&threads[i], NULL, set_many, &setters[i]), 0);
  }
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  wait_for(&fired, 2000);
  rpc_clock_destroy(clock);
}

/* --- arena --- */

static void an_arena_gives_zeroed_aligned_memory_up_to_its_limit(void **state) {
  (void)state;
  rpc_arena arena;
  rpc_arena_init(&arena, 100000);
  size_t taken = 0;
  for (size_t size = 1; size < 3000; size += 97) {
    unsigned char *memory = rpc_arena_alloc(&arena, size);
    assert_non_null(memory);
    assert_int_equal((uintptr_t)memory % _Alignof(max_align_t), 0);
    for (size_t i = 0; i < size; i++) assert_int_equal(memory[i], 0);
    memset(memory, 0xff, size);
    taken += size;
  }
  assert_null(rpc_arena_alloc(&arena, 100000 - taken + 1));
  assert_null(rpc_arena_alloc(&arena, SIZE_MAX));
  assert_string_equal(rpc_arena_printf(&arena, "%s-%d", "a", 7), "a-7");
  assert_null(rpc_arena_strdup(&arena, NULL));
  rpc_arena_free(&arena);
}

/* --- status --- */

static void texts_of_a_status_are_cut_between_characters(void **state) {
  (void)state;
  char text[400];
  for (size_t shift = 0; shift < 4; shift++) {
    memset(text, 'a', shift);
    for (size_t i = shift; i + 3 < sizeof text; i += 3) memcpy(text + i, "\xe2\x82\xac", 4); /* euro signs */
    rpc_status status = rpc_status_error(RPC_INTERNAL, text, "%s", text);
    size_t length = strlen(status.message);
    assert_int_equal((length - shift) % 3, 0);
    assert_in_range(length, sizeof status.message - 4, sizeof status.message - 1);
    assert_int_equal((strlen(status.reason) - shift) % 3, 0);
  }
}

static void facts_are_replaced_by_key_and_bounded(void **state) {
  (void)state;
  rpc_status status = rpc_status_invalid("items[0].quantity", "must be from 1 to %d", 5);
  assert_string_equal(status.message, "items[0].quantity: must be from 1 to 5");
  rpc_status_set_fact(&status, "a", "1");
  rpc_status_set_fact(&status, "b", "2");
  rpc_status_set_fact(&status, "a", "3");
  rpc_status_set_fact(&status, "c", "4");
  assert_string_equal(rpc_status_fact_of(&status, "a"), "3");
  assert_string_equal(rpc_status_fact_of(&status, "b"), "2");
  assert_null(rpc_status_fact_of(&status, "c"));
}

static void codes_have_the_canonical_names(void **state) {
  (void)state;
  assert_string_equal(rpc_code_name(RPC_OK), "OK");
  assert_string_equal(rpc_code_name(RPC_UNAUTHENTICATED), "UNAUTHENTICATED");
  assert_string_equal(rpc_code_name((rpc_code)99), "UNKNOWN");
  for (int i = 0; i < RPC_CODE_COUNT; i++) {
    rpc_code code;
    assert_true(rpc_code_from_name(rpc_code_name((rpc_code)i), &code));
    assert_int_equal(code, i);
  }
}

/* --- message checks --- */

static void ill_formed_utf8_is_found_wherever_it_is(void **state) {
  (void)state;
  const char *const bad[] = {"\xc3\x28", "\xc0\xaf", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82", "a\xff"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    Store__V1__OrderItem good_item = STORE__V1__ORDER_ITEM__INIT, bad_item = STORE__V1__ORDER_ITEM__INIT;
    Store__V1__OrderItem *items[] = {&good_item, &bad_item};
    good_item.product_id = (char *)"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80";
    bad_item.product_id = (char *)bad[i];
    Store__V1__CreateOrderRequest request = STORE__V1__CREATE_ORDER_REQUEST__INIT;
    request.items = items;
    request.n_items = 1;
    assert_int_equal(message_check_text(&request.base).code, RPC_OK);
    request.n_items = 2;
    rpc_status status = message_check_text(&request.base);
    assert_int_equal(status.code, RPC_INVALID_ARGUMENT);
    assert_string_equal(status.field, "items[1].product_id");
  }
}

static void a_text_with_a_nul_is_found_in_the_bytes(void **state) {
  (void)state;
  static const struct {
    const char *bytes;
    size_t size;
    const char *field; /* NULL: nothing is wrong */
  } rows[] = {
      {"\x0a\x01"
       "C",
       3, NULL},
      {"\x0a\x03"
       "C\0D",
       5, "customer_id"},
      {"\x0a\x01\0", 3, "customer_id"},
      {"\x12\x05\x0a\x03"
       "A\0B",
       7, "items.product_id"},
      {"\x12\x02\x10\0", 4, NULL},                /* a zero that is no text */
      {"\x12\x09\x19\0\0\0\0\0\0\0\0", 11, NULL}, /* eight of them */
      {"\x7a\x02\0\0", 4, NULL},                  /* an unknown field */
      {"\x0a\x7f\0", 3, NULL},                    /* malformed: for the unpacking to refuse */
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    rpc_status status =
        message_check_bytes(&store__v1__create_order_request__descriptor, (const uint8_t *)rows[i].bytes, rows[i].size);
    assert_int_equal(status.code, rows[i].field ? RPC_INVALID_ARGUMENT : RPC_OK);
    if (rows[i].field) assert_string_equal(status.field, rows[i].field);
  }
}

static void random_numbers_repeat_from_their_seed_and_stay_in_range(void **state) {
  (void)state;
  rpc_random a, b;
  rpc_random_init(&a, 42);
  rpc_random_init(&b, 42);
  bool low = false, high = false;
  for (int i = 0; i < 10000; i++) {
    assert_int_equal(rpc_random_next(&a), rpc_random_next(&b));
    int64_t drawn = rpc_random_between(&a, -3, 3);
    assert_int_equal(drawn, rpc_random_between(&b, -3, 3));
    assert_in_range(drawn + 3, 0, 6);
    low = low || drawn == -3;
    high = high || drawn == 3;
  }
  assert_true(low && high);
  assert_int_equal(rpc_random_between(&a, 5, 2), 5);
}

static void uuids_are_of_version_7_and_sort_by_their_time(void **state) {
  (void)state;
  rpc_random random;
  rpc_random_init(&random, 9);
  char uuid[RPC_RANDOM_UUID_SIZE], again[RPC_RANDOM_UUID_SIZE], before[RPC_RANDOM_UUID_SIZE] = "";
  rpc_random_uuid(&random, 0x017F22E279B0, uuid); /* the example of RFC 9562, A.6 */
  assert_memory_equal(uuid, "017f22e2-79b0-7", 15);
  rpc_random_uuid(&random, 0x017F22E279B0, again);
  assert_string_not_equal(uuid, again);
  for (int64_t unix_ms = 1; unix_ms < INT64_C(1) << 47; unix_ms *= 2) {
    rpc_random_uuid(&random, unix_ms, uuid);
    assert_int_equal(strspn(uuid, "0123456789abcdef-"), RPC_RANDOM_UUID_SIZE - 1);
    assert_true(uuid[8] == '-' && uuid[13] == '-' && uuid[18] == '-' && uuid[23] == '-');
    assert_true(uuid[14] == '7' && strchr("89ab", uuid[19]));
    assert_true(strcmp(before, uuid) < 0);
    strcpy(before, uuid);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(virtual_timers_fire_by_due_time_and_then_by_age),
      cmocka_unit_test(many_timers_keep_their_order_through_cancellations),
      cmocka_unit_test(a_timer_set_while_the_thread_sleeps_for_a_later_one_fires_first),
      cmocka_unit_test(timers_of_many_threads_all_fire),
      cmocka_unit_test(an_arena_gives_zeroed_aligned_memory_up_to_its_limit),
      cmocka_unit_test(texts_of_a_status_are_cut_between_characters),
      cmocka_unit_test(facts_are_replaced_by_key_and_bounded),
      cmocka_unit_test(codes_have_the_canonical_names),
      cmocka_unit_test(ill_formed_utf8_is_found_wherever_it_is),
      cmocka_unit_test(a_text_with_a_nul_is_found_in_the_bytes),
      cmocka_unit_test(random_numbers_repeat_from_their_seed_and_stay_in_range),
      cmocka_unit_test(uuids_are_of_version_7_and_sort_by_their_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
