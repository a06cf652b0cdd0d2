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
    count += rpc_admission_admits(self, *now_us, wait_us);
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
  assert_false(rpc_admission_admits(&admission, NOW, BURST + 1));
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
  rpc_admission_admits(&admission, NOW, BURST + 1);
  for (int i = 0; i < 100; i++) {
    assert_int_equal(admitted(&admission, &now_us, TARGET, 10 * MS), 10);
    assert_int_equal(admitted(&admission, &now_us, TARGET + 1, 10 * MS), 0);
  }
}

static void once_the_queue_has_been_short_for_a_while_a_burst_is_admitted_again(void **state) {
  (void)state;
  rpc_admission admission = make();
  int64_t now_us = NOW;
  rpc_admission_admits(&admission, NOW, BURST + 1);
  admitted(&admission, &now_us, TARGET / 2 - 1, RPC_ADMISSION_CALM_US - MS);
  admitted(&admission, &now_us, TARGET, MS); /* not quite short */
  admitted(&admission, &now_us, TARGET / 2 - 1, RPC_ADMISSION_CALM_US);
  assert_true(rpc_admission_is_overloaded(&admission));
  admitted(&admission, &now_us, TARGET / 2 - 1, MS);
  assert_false(rpc_admission_is_overloaded(&admission));
  assert_int_equal(admitted(&admission, &now_us, BURST, 100 * MS), 100);
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
      cmocka_unit_test(without_a_target_everything_is_admitted),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
