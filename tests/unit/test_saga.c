/* The saga's table, every state with every outcome. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#include "order/saga.h"

static const struct {
  saga_state state;
  saga_outcome outcome;
  bool late;
  saga_state next;
  bool again;
  saga_failure failure;
} table[] = {
    {SAGA_RESERVING, SAGA_DONE, false, SAGA_CHARGING, false, SAGA_NO_FAILURE},
    {SAGA_RESERVING, SAGA_DONE, true, SAGA_RELEASING, false, SAGA_DEADLINE_FAILURE},
    {SAGA_RESERVING, SAGA_REFUSED, false, SAGA_FAILED, false, SAGA_STEP_FAILURE},
    {SAGA_RESERVING, SAGA_REFUSED, true, SAGA_FAILED, false, SAGA_STEP_FAILURE},
    {SAGA_RESERVING, SAGA_UNKNOWN, false, SAGA_RESERVING, true, SAGA_NO_FAILURE},
    {SAGA_RESERVING, SAGA_UNKNOWN, true, SAGA_RESERVING, true, SAGA_NO_FAILURE},
    {SAGA_CHARGING, SAGA_DONE, false, SAGA_CONFIRMING, false, SAGA_NO_FAILURE},
    {SAGA_CHARGING, SAGA_DONE, true, SAGA_REFUNDING, false, SAGA_DEADLINE_FAILURE},
    {SAGA_CHARGING, SAGA_REFUSED, false, SAGA_RELEASING, false, SAGA_STEP_FAILURE},
    {SAGA_CHARGING, SAGA_REFUSED, true, SAGA_RELEASING, false, SAGA_STEP_FAILURE},
    {SAGA_CHARGING, SAGA_UNKNOWN, false, SAGA_CHARGING, true, SAGA_NO_FAILURE},
    {SAGA_CHARGING, SAGA_UNKNOWN, true, SAGA_CHARGING, true, SAGA_NO_FAILURE},
    {SAGA_CONFIRMING, SAGA_DONE, false, SAGA_CONFIRMED, false, SAGA_NO_FAILURE},
    {SAGA_CONFIRMING, SAGA_DONE, true, SAGA_CONFIRMED, false, SAGA_NO_FAILURE},
    {SAGA_CONFIRMING, SAGA_REFUSED, false, SAGA_REFUNDING, false, SAGA_STEP_FAILURE},
    {SAGA_CONFIRMING, SAGA_REFUSED, true, SAGA_REFUNDING, false, SAGA_STEP_FAILURE},
    {SAGA_CONFIRMING, SAGA_UNKNOWN, false, SAGA_CONFIRMING, true, SAGA_NO_FAILURE},
    {SAGA_CONFIRMING, SAGA_UNKNOWN, true, SAGA_CONFIRMING, true, SAGA_NO_FAILURE},
    {SAGA_REFUNDING, SAGA_DONE, false, SAGA_RELEASING, false, SAGA_NO_FAILURE},
    {SAGA_REFUNDING, SAGA_DONE, true, SAGA_RELEASING, false, SAGA_NO_FAILURE},
    {SAGA_REFUNDING, SAGA_REFUSED, true, SAGA_REFUNDING, true, SAGA_NO_FAILURE},
    {SAGA_REFUNDING, SAGA_UNKNOWN, true, SAGA_REFUNDING, true, SAGA_NO_FAILURE},
    {SAGA_RELEASING, SAGA_DONE, false, SAGA_FAILED, false, SAGA_NO_FAILURE},
    {SAGA_RELEASING, SAGA_DONE, true, SAGA_FAILED, false, SAGA_NO_FAILURE},
    {SAGA_RELEASING, SAGA_REFUSED, true, SAGA_RELEASING, true, SAGA_NO_FAILURE},
    {SAGA_RELEASING, SAGA_UNKNOWN, true, SAGA_RELEASING, true, SAGA_NO_FAILURE},
};

static void each_outcome_leads_where_the_table_says(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
    saga_transition transition = saga_step(table[i].state, table[i].outcome, table[i].late);
    if (transition.next != table[i].next || transition.again != table[i].again ||
        transition.failure != table[i].failure) {
      fail_msg("row %zu: %s -> %s", i, saga_state_name(table[i].state), saga_state_name(transition.next));
    }
  }
}

/* Whatever happens, what was reserved is released or sold, and what was charged is refunded or delivered. */
typedef struct walk {
  bool reserved, charged, failed;
} walk;

static void explore(saga_state state, walk so_far, int depth) {
  if (saga_is_final(state)) {
    assert_int_equal(so_far.reserved, state == SAGA_CONFIRMED);
    assert_int_equal(so_far.charged, state == SAGA_CONFIRMED);
    assert_int_equal(so_far.failed, state == SAGA_FAILED);
    return;
  }
  assert_true(depth < 8);
  for (int outcome = SAGA_DONE; outcome <= SAGA_REFUSED; outcome++) {
    for (int late = 0; late <= 1; late++) {
      walk next = so_far;
      saga_transition transition = saga_step(state, (saga_outcome)outcome, late);
      if (transition.again) continue;
      if (outcome == SAGA_DONE && state == SAGA_RESERVING) next.reserved = true;
      if (outcome == SAGA_DONE && state == SAGA_CHARGING) next.charged = true;
      if (outcome == SAGA_DONE && state == SAGA_REFUNDING) next.charged = false;
      if (outcome == SAGA_DONE && state == SAGA_RELEASING) next.reserved = false;
      if (transition.failure != SAGA_NO_FAILURE) next.failed = true;
      explore(transition.next, next, depth + 1);
    }
  }
}

static void every_way_through_ends_with_nothing_half_done(void **state) {
  (void)state;
  explore(SAGA_RESERVING, (walk){0}, 0);
}

static void states_have_names_both_ways(void **state) {
  (void)state;
  for (int i = 0; i < SAGA_STATE_COUNT; i++) {
    saga_state found;
    assert_true(saga_state_from_name(saga_state_name((saga_state)i), &found));
    assert_int_equal(found, i);
  }
  saga_state found;
  assert_false(saga_state_from_name("shipped", &found));
}

static void overload_and_lost_answers_are_unknown_and_refusals_are_not(void **state) {
  (void)state;
  const rpc_code unknown[] = {RPC_UNAVAILABLE, RPC_DEADLINE_EXCEEDED,  RPC_INTERNAL, RPC_UNKNOWN,
                              RPC_CANCELLED,   RPC_RESOURCE_EXHAUSTED, RPC_DATA_LOSS};
  const rpc_code refused[] = {RPC_INVALID_ARGUMENT, RPC_NOT_FOUND,         RPC_FAILED_PRECONDITION, RPC_ABORTED,
                              RPC_UNIMPLEMENTED,    RPC_PERMISSION_DENIED, RPC_OUT_OF_RANGE};
  for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
    assert_int_equal(saga_outcome_of(unknown[i]), SAGA_UNKNOWN);
  }
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    assert_int_equal(saga_outcome_of(refused[i]), SAGA_REFUSED);
  }
  assert_int_equal(saga_outcome_of(RPC_OK), SAGA_DONE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(each_outcome_leads_where_the_table_says),
      cmocka_unit_test(every_way_through_ends_with_nothing_half_done),
      cmocka_unit_test(states_have_names_both_ways),
      cmocka_unit_test(overload_and_lost_answers_are_unknown_and_refusals_are_not),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
