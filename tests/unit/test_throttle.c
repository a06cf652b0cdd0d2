/* What a client lets through to a server that takes so many calls a tenth of a second, in simulated time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "rpc/throttle.h"

enum { EPOCH = RPC_THROTTLE_EPOCH_US, SECOND = 10 };

typedef struct counts {
  int offered, sent, accepted;
} counts;

typedef struct world {
  rpc_throttle throttle;
  int64_t now_us;
  int capacity; /* calls an epoch */
} world;

/* So many epochs, each with so many calls, evenly; refusals come at once. */
static counts offer(world *self, int epochs, int calls) {
  counts all = {0};
  for (int epoch = 0; epoch < epochs; epoch++) {
    int room = self->capacity;
    for (int i = 0; i < calls; i++) {
      self->now_us += EPOCH / calls;
      all.offered++;
      if (!rpc_throttle_passes(&self->throttle, self->now_us)) continue;
      all.sent++;
      if (room > 0) {
        room--;
        all.accepted++;
      } else {
        rpc_throttle_refused(&self->throttle, self->now_us);
      }
    }
  }
  return all;
}

static void nothing_is_kept_back_from_a_server_that_takes_all(void **state) {
  (void)state;
  world self = {.now_us = EPOCH, .capacity = 1000};
  assert_int_equal(offer(&self, 100, 1000).sent, 100 * 1000);
}

static void at_five_times_its_capacity_a_server_is_sent_little_more_than_it_takes(void **state) {
  (void)state;
  world self = {.now_us = EPOCH, .capacity = 200};
  offer(&self, 2 * SECOND, 1000);
  counts seen = offer(&self, 10 * SECOND, 1000);
  assert_in_range(seen.sent, 100 * 200, 100 * 200 * 112 / 100);
  assert_in_range(seen.accepted, 100 * 200 * 97 / 100, 100 * 200);
}

static void what_is_let_through_is_spread_evenly(void **state) {
  (void)state;
  world self = {.now_us = EPOCH, .capacity = 100};
  offer(&self, 2 * SECOND, 1000);
  int longest = 0, in_a_row = 0;
  for (int i = 0; i < 1000; i++) {
    in_a_row = rpc_throttle_passes(&self.throttle, ++self.now_us) ? 0 : in_a_row + 1;
    if (in_a_row > longest) longest = in_a_row;
  }
  assert_in_range(longest, 5, 12);
}

static void a_server_that_takes_more_again_gets_all_within_two_seconds(void **state) {
  (void)state;
  world self = {.now_us = EPOCH, .capacity = 100};
  offer(&self, 3 * SECOND, 1000);
  self.capacity = 1000;
  offer(&self, 2 * SECOND, 1000);
  counts seen = offer(&self, SECOND, 1000);
  assert_int_equal(seen.sent, seen.offered);
  assert_false(self.throttle.is_active);
}

static void a_server_that_takes_nothing_is_still_asked_each_tenth_time(void **state) {
  (void)state;
  world self = {.now_us = EPOCH, .capacity = 0};
  offer(&self, 5 * SECOND, 1000);
  counts seen = offer(&self, 10 * SECOND, 1000);
  assert_in_range(seen.sent, seen.offered / 11, seen.offered / 9);
}

static void after_a_pause_the_past_does_not_count(void **state) {
  (void)state;
  world self = {.now_us = EPOCH, .capacity = 10};
  offer(&self, 3 * SECOND, 1000);
  self.now_us += 3 * SECOND * (int64_t)EPOCH;
  self.capacity = 1000;
  counts seen = offer(&self, SECOND, 1000);
  assert_in_range(seen.sent, seen.offered - 1, seen.offered);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(nothing_is_kept_back_from_a_server_that_takes_all),
      cmocka_unit_test(at_five_times_its_capacity_a_server_is_sent_little_more_than_it_takes),
      cmocka_unit_test(what_is_let_through_is_spread_evenly),
      cmocka_unit_test(a_server_that_takes_more_again_gets_all_within_two_seconds),
      cmocka_unit_test(a_server_that_takes_nothing_is_still_asked_each_tenth_time),
      cmocka_unit_test(after_a_pause_the_past_does_not_count),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
