/* Who is admitted, by the wait and the time alone: both are numbers here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "rpc/admission.h"

enum { MS = 1000, TARGET = 20 * MS, BURST = RPC_ADMISSION_BURST * TARGET, NOW = 7000 * MS };

static rpc_admission make(void) {
  rpc_admission admission;
  rpc_admission_init(&admission, TARGET);
  return admission;
}

/* The wait stays as it is for so long, with a call every millisecond: how many of them are admitted. */
static int admitted(rpc_admission *self, int64_t *now_us, int64_t wait_us, int64_t for_us) {
  int count = 0;
  for (int64_t end_us = *now_us + for_us; *now_us < end_us; *now_us += MS) {
    count += rpc_admission_admits(self, *now_us, (rpc_load){.wait_us = wait_us});
  }
  return count;
}

static void a_short_queue_never_refuses(void **state) {
  (void)state;
  rpc_admission admission = make();
  int64_t now_us = NOW;
  assert_int_equal(admitted(&admission, &now_us, TARGET, 10000 * MS), 10000);
}

static void a_burst_that_passes_is_admitted_whole(void **state) {
  (void)state;
  rpc_admission admission = make();
  int64_t now_us = NOW;
  for (int i = 0; i < 10; i++) {
    assert_int_equal(admitted(&admission, &now_us, BURST, BURST), BURST / MS);
    assert_int_equal(admitted(&admission, &now_us, TARGET / 2, 10 * MS), 10);
  }
  assert_false(rpc_admission_is_overloaded(&admission));
}

static void a_wait_past_the_burst_refuses_at_once(void **state) {
  (void)state;
  rpc_admission admission = make();
  assert_false(rpc_admission_admits(&admission, NOW, (rpc_load){.wait_us = BURST + 1}));
  assert_true(rpc_admission_is_overloaded(&admission));
}

static void a_queue_that_stays_refuses_after_as_long_as_a_burst_may_take(void **state) {
  (void)state;
  rpc_admission admission = make();
  int64_t now_us = NOW;
  assert_int_equal(admitted(&admission, &now_us, TARGET + MS, BURST), BURST / MS);
  assert_int_equal(admitted(&admission, &now_us, TARGET + MS, 1000 * MS), 0);
}

static void while_overloaded_the_queue_is_kept_at_the_target(void **state) {
  (void)state;
  rpc_admission admission = make();
  int64_t now_us = NOW;
  rpc_admission_admits(&admission, NOW, (rpc_load){.wait_us = BURST + 1});
  for (int i = 0; i < 100; i++) {
    assert_int_equal(admitted(&admission, &now_us, TARGET, 10 * MS), 10);
    assert_int_equal(admitted(&admission, &now_us, TARGET + 1, 10 * MS), 0);
  }
}

static void once_the_queue_has_been_short_for_a_while_a_burst_is_admitted_again(void **state) {
  (void)state;
  rpc_admission admission = make();
  int64_t now_us = NOW;
  rpc_admission_admits(&admission, NOW, (rpc_load){.wait_us = BURST + 1});
  admitted(&admission, &now_us, TARGET / 2 - 1, RPC_ADMISSION_CALM_US - MS);
  admitted(&admission, &now_us, TARGET, MS); /* not quite short */
  admitted(&admission, &now_us, TARGET / 2 - 1, RPC_ADMISSION_CALM_US);
  assert_true(rpc_admission_is_overloaded(&admission));
  admitted(&admission, &now_us, TARGET / 2 - 1, MS);
  assert_false(rpc_admission_is_overloaded(&admission));
  assert_int_equal(admitted(&admission, &now_us, BURST, 100 * MS), 100);
}

/* A queue that does a write in a quarter of a millisecond, and orders of four writes: one at once, three when the
 * payment is through, after one to two seconds. Five thousand orders a second arrive; a thousand can be carried. */
static void what_comes_back_later_does_not_make_it_swing(void **state) {
  (void)state;
  enum { SECOND = 1000, END = 20 * SECOND, BEGIN = 8 * SECOND, WRITE_US = 250, OFFERED = 5, CAPACITY = 1 };
  static int back[END + 5 * SECOND], ended[END + 10 * SECOND]; /* orders, by millisecond */
  rpc_admission admission = make();
  rpc_load load = {0};
  int least = END, count = 0; /* of a second */
  unsigned lot = 1;
  for (int ms = 0; ms < END; ms++) {
    int64_t done_us = load.wait_us < MS ? load.wait_us : MS;
    load.busy_us += done_us;
    load.wait_us -= done_us;
    for (; back[ms] > 0; back[ms]--) {
      load.wait_us += 3 * WRITE_US;
      ended[ms + 1 + load.wait_us / MS]++;
    }
    if (ms % SECOND == 0) {
      if (ms > BEGIN && count < least) least = count;
      count = 0;
    }
    count += ended[ms];
    for (; ended[ms] > 0; ended[ms]--) rpc_admission_ended(&admission);
    for (int i = 0; i < OFFERED; i++) {
      if (!rpc_admission_admits(&admission, NOW + ms * MS + i, load)) continue;
      load.wait_us += WRITE_US;
      lot = lot * 1664525 + 1013904223;
      back[ms + SECOND + (int)(lot >> 8) % SECOND + load.wait_us / MS]++;
    }
  }
  assert_in_range(least, SECOND * CAPACITY * 4 / 10, SECOND * CAPACITY);
}

static void without_a_target_everything_is_admitted(void **state) {
  (void)state;
  rpc_admission admission;
  rpc_admission_init(&admission, 0);
  int64_t now_us = NOW;
  assert_int_equal(admitted(&admission, &now_us, INT64_MAX, 1000 * MS), 1000);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_short_queue_never_refuses),
      cmocka_unit_test(a_burst_that_passes_is_admitted_whole),
      cmocka_unit_test(a_wait_past_the_burst_refuses_at_once),
      cmocka_unit_test(a_queue_that_stays_refuses_after_as_long_as_a_burst_may_take),
      cmocka_unit_test(while_overloaded_the_queue_is_kept_at_the_target),
      cmocka_unit_test(once_the_queue_has_been_short_for_a_while_a_burst_is_admitted_again),
      cmocka_unit_test(what_comes_back_later_does_not_make_it_swing),
      cmocka_unit_test(without_a_target_everything_is_admitted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
