/* Idempotency keys, seen from a caller: a server whose ProcessPayment counts how often it is carried out, and answers
 * as the customer's name asks it to, a second after it was called. */
#include "database_fixture.h"
#include "storage/idempotency.h"
#include "store/v1/payment.rpc.h"

static const char *const migrations[] = {IDEMPOTENCY_MIGRATION "CREATE TABLE effects (id BIGINT NOT NULL);", NULL};
enum { EFFECT = IDEMPOTENCY_STATEMENT_COUNT, STATEMENT_COUNT };
static const char *const statements[STATEMENT_COUNT] = {
    IDEMPOTENCY_STATEMENTS, [EFFECT] = "INSERT INTO effects VALUES ($1)"};
static const char schema[] = "test_idempotency";
enum { WORK_MS = 1000, HOUR_MS = 3600000 };

typedef struct stage {
  fixture f;
  storage *db;
  idempotency *keys;
  int effects;
} stage;

typedef struct work {
  storage_job job;
  stage *stage;
  rpc_call *call;
  const char *wanted; /* "passing", "declined", "error", else success */
  rpc_status failure;
  Store__V1__ProcessPaymentResponse response;
} work;

static rpc_status run_work(storage_job *job, storage_tx *tx) {
  work *w = (work *)job;
  w->stage->effects++;
  storage_run(tx, EFFECT, "i", (int64_t)w->stage->effects);
  store__v1__process_payment_response__init(&w->response);
  w->response.payment_id = rpc_arena_printf(rpc_call_arena(w->call), "PAY-%d", w->stage->effects);
  w->response.amount = 12.34;
  w->failure = rpc_status_ok();
  if (strcmp(w->wanted, "error") == 0) return rpc_status_error(RPC_INTERNAL, "BROKEN", "broken");
  if (strcmp(w->wanted, "declined") == 0) {
    w->failure =
        rpc_status_error(RPC_FAILED_PRECONDITION, "PAYMENT_DECLINED", "declined, the %d. time", w->stage->effects);
    rpc_status_set_fact(&w->failure, "payment_id", w->response.payment_id);
  }
  bool failed = w->failure.code != RPC_OK;
  idempotency_save(w->stage->keys, tx, w->call, failed ? NULL : &w->response.base, failed ? &w->failure : NULL);
  return storage_tx_status(tx);
}

static void end_work(storage_job *job, const rpc_status *status) {
  work *w = (work *)job;
  if (status->code == RPC_OK) status = &w->failure;
  idempotency_finish(w->stage->keys, w->call, &w->response.base, status->code == RPC_OK ? NULL : status);
}

static void start_work(void *arg) {
  work *w = arg;
  if (strcmp(w->wanted, "passing") == 0) {
    w->stage->effects++;
    rpc_status status = rpc_status_error(RPC_UNAVAILABLE, "TEMPORARY_ERROR", "try again");
    idempotency_finish(w->stage->keys, w->call, NULL, &status);
    return;
  }
  storage_write(w->stage->db, &w->job);
}

static void set_to_work(void *arg) {
  work *w = arg;
  int64_t due_us = rpc_clock_now_us(w->stage->f.clock) + WORK_MS * 1000;
  rpc_clock_set(w->stage->f.clock, rpc_call_timer(w->call), due_us, start_work, w);
}

static void process_payment(void *self, rpc_call *call, const Store__V1__ProcessPaymentRequest *request) {
  stage *s = self;
  work *w = rpc_arena_alloc(rpc_call_arena(call), sizeof *w);
  *w = (work){.job = {.run = run_work, .done = end_work}, .stage = s, .call = call, .wanted = request->customer_id};
  idempotency_begin(s->keys, call, &request->base, set_to_work, w);
}

static void open_stage_on(stage *s, const char *path) {
  static const store_v1_payment_service_handlers handlers = {.process_payment = process_payment};
  memset(s, 0, sizeof *s);
  fixture_open(&s->f);
  rpc_status status;
  s->db = storage_open(&(storage_config){.database = path,
                                         .schema = schema,
                                         .migrations = migrations,
                                         .statements = statements,
                                         .statement_count = STATEMENT_COUNT},
                       &status);
  assert_int_equal(status.code, RPC_OK);
  s->keys = idempotency_create(s->db, s->f.clock, 0);
  store_v1_payment_service_register(s->f.server, &handlers, s);
}

static int open_stage(void **state) {
  stage *s = calloc(1, sizeof *s);
  open_stage_on(s, fresh_database(":memory:", schema));
  *state = s;
  return 0;
}

static void close_stage(stage *s) {
  fixture_close_server(&s->f);
  idempotency_destroy(s->keys);
  storage_close(s->db);
  fixture_close(&s->f);
}

static int free_stage(void **state) {
  close_stage(*state);
  free(*state);
  return 0;
}

static void begin_payment(stage *s, call_reply *reply, const char *customer, const char *key) {
  Store__V1__ProcessPaymentRequest request = STORE__V1__PROCESS_PAYMENT_REQUEST__INIT;
  request.customer_id = (char *)customer;
  send_call(s->f.server, reply, &api_store_v1_payment_service.methods[0], &request.base, key, 0);
}

static void pay(stage *s, call_reply *reply, const char *customer, const char *key) {
  begin_payment(s, reply, customer, key);
  await_reply(&s->f, reply);
}

static const char *payment_of(const call_reply *reply) {
  assert_int_equal(reply->status.code, RPC_OK);
  return ((const Store__V1__ProcessPaymentResponse *)reply->message)->payment_id;
}

static void a_success_is_answered_again_without_being_carried_out(void **state) {
  stage *s = *state;
  call_reply first, second;
  pay(s, &first, "alice", "key-1");
  pay(s, &second, "alice", "key-1");
  assert_string_equal(payment_of(&first), "PAY-1");
  assert_string_equal(payment_of(&second), "PAY-1");
  assert_true(((const Store__V1__ProcessPaymentResponse *)second.message)->amount == 12.34);
  assert_int_equal(s->effects, 1);
  free_reply(&first);
  free_reply(&second);
}

static void a_final_failure_is_answered_again_with_all_it_said(void **state) {
  stage *s = *state;
  call_reply first, second;
  pay(s, &first, "declined", "key-1");
  pay(s, &second, "declined", "key-1");
  assert_int_equal(second.status.code, RPC_FAILED_PRECONDITION);
  assert_string_equal(second.status.reason, "PAYMENT_DECLINED");
  assert_string_equal(second.status.message, first.status.message);
  assert_string_equal(rpc_status_fact_of(&second.status, "payment_id"), "PAY-1");
  assert_int_equal(s->effects, 1);
  free_reply(&first);
  free_reply(&second);
}

static void a_passing_failure_leaves_the_key_free(void **state) {
  stage *s = *state;
  static const char *const passing[] = {"passing", "error"};
  for (size_t i = 0; i < 2; i++) {
    call_reply first, second;
    int before = s->effects;
    pay(s, &first, passing[i], passing[i]);
    pay(s, &second, passing[i], passing[i]);
    assert_int_not_equal(first.status.code, RPC_OK);
    assert_int_not_equal(second.status.code, RPC_OK);
    assert_int_equal(s->effects, before + 2);
    free_reply(&first);
    free_reply(&second);
  }
}

static void another_request_under_the_same_key_is_refused(void **state) {
  stage *s = *state;
  call_reply first, meanwhile, later;
  begin_payment(s, &first, "alice", "key-1");
  begin_payment(s, &meanwhile, "bob", "key-1");
  assert_int_equal(meanwhile.count, 1);
  assert_string_equal(meanwhile.status.reason, "IDEMPOTENCY_KEY_REUSED");
  await_reply(&s->f, &first);
  pay(s, &later, "bob", "key-1");
  assert_int_equal(later.status.code, RPC_FAILED_PRECONDITION);
  assert_string_equal(later.status.reason, "IDEMPOTENCY_KEY_REUSED");
  assert_string_equal(payment_of(&first), "PAY-1");
  assert_int_equal(s->effects, 1);
  free_reply(&first);
  free_reply(&meanwhile);
  free_reply(&later);
}

static void duplicates_that_come_meanwhile_wait_for_the_first(void **state) {
  stage *s = *state;
  enum { DUPLICATES = 5 };
  call_reply replies[DUPLICATES];
  for (int i = 0; i < DUPLICATES; i++) begin_payment(s, &replies[i], "alice", "key-1");
  for (int i = 0; i < DUPLICATES; i++) assert_int_equal(replies[i].count, 0);
  pass_time(&s->f, WORK_MS);
  for (int i = 0; i < DUPLICATES; i++) {
    assert_int_equal(replies[i].count, 1);
    assert_string_equal(payment_of(&replies[i]), "PAY-1");
    free_reply(&replies[i]);
  }
  assert_int_equal(s->effects, 1);
}

static void calls_without_a_key_or_with_others_are_each_carried_out(void **state) {
  stage *s = *state;
  static const char *const keys[] = {NULL, NULL, "key-1", "key-2"};
  for (int i = 0; i < 4; i++) {
    call_reply reply;
    pay(s, &reply, "alice", keys[i]);
    assert_int_equal(s->effects, i + 1);
    payment_of(&reply);
    free_reply(&reply);
  }
}

static void a_key_is_1_to_255_printable_characters(void **state) {
  stage *s = *state;
  char longest[257];
  memset(longest, 'k', sizeof longest);
  longest[255] = '\0';
  call_reply reply;
  pay(s, &reply, "alice", longest);
  assert_int_equal(reply.status.code, RPC_OK);
  free_reply(&reply);
  longest[255] = 'k';
  longest[256] = '\0';
  const char *const wrong[] = {"", "two words", "caf\xc3\xa9", "line\n", longest};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    pay(s, &reply, "alice", wrong[i]);
    assert_int_equal(reply.status.code, RPC_INVALID_ARGUMENT);
    assert_string_equal(reply.status.field, "idempotency-key");
    free_reply(&reply);
  }
  assert_int_equal(s->effects, 1);
}

static void a_key_is_kept_for_a_day(void **state) {
  stage *s = *state;
  call_reply reply;
  pay(s, &reply, "alice", "key-1");
  free_reply(&reply);
  pass_time(&s->f, 23 * HOUR_MS);
  pay(s, &reply, "alice", "key-1");
  assert_string_equal(payment_of(&reply), "PAY-1");
  free_reply(&reply);
  pass_time(&s->f, 2 * HOUR_MS);
  pay(s, &reply, "alice", "key-1");
  assert_string_equal(payment_of(&reply), "PAY-2");
  free_reply(&reply);
}

static void keys_outlive_the_process(void **state) {
  (void)state;
  char folder[64], path[128];
  make_folder(folder);
  snprintf(path, sizeof path, "%s/keys.db", folder);
  const char *database = fresh_database(path, schema);
  stage s;
  call_reply reply;
  open_stage_on(&s, database);
  pay(&s, &reply, "alice", "key-1");
  free_reply(&reply);
  close_stage(&s);

  open_stage_on(&s, database);
  pay(&s, &reply, "alice", "key-1");
  assert_string_equal(payment_of(&reply), "PAY-1");
  assert_int_equal(s.effects, 0);
  free_reply(&reply);
  close_stage(&s);
  remove_folder(folder, (const char *const[]){"keys.db", NULL});
}

/* Two processes on one database: the second begins while the first has not committed. */
static void of_two_replicas_one_carries_the_call_out(void **state) {
  (void)state;
  char folder[64], path[128];
  make_folder(folder);
  snprintf(path, sizeof path, "%s/keys.db", folder);
  const char *database = fresh_database(path, schema);
  stage one, other;
  call_reply first, second;
  open_stage_on(&one, database);
  open_stage_on(&other, database);
  begin_payment(&one, &first, "alice", "key-1");
  begin_payment(&other, &second, "alice", "key-1");
  await_reply(&one.f, &first);
  await_reply(&other.f, &second);
  assert_int_equal(one.effects + other.effects, 2); /* of which one was undone, */
  assert_string_equal(payment_of(&first), "PAY-1");
  assert_string_equal(payment_of(&second), "PAY-1"); /* and its caller told what the other did */
  free_reply(&second);
  begin_payment(&other, &second, "bob", "key-1");
  await_reply(&other.f, &second);
  assert_string_equal(second.status.reason, "IDEMPOTENCY_KEY_REUSED");
  free_reply(&first);
  free_reply(&second);
  close_stage(&one);
  close_stage(&other);
  remove_folder(folder, (const char *const[]){"keys.db", NULL});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_success_is_answered_again_without_being_carried_out, open_stage, free_stage),
      cmocka_unit_test_setup_teardown(a_final_failure_is_answered_again_with_all_it_said, open_stage, free_stage),
      cmocka_unit_test_setup_teardown(a_passing_failure_leaves_the_key_free, open_stage, free_stage),
      cmocka_unit_test_setup_teardown(another_request_under_the_same_key_is_refused, open_stage, free_stage),
      cmocka_unit_test_setup_teardown(duplicates_that_come_meanwhile_wait_for_the_first, open_stage, free_stage),
      cmocka_unit_test_setup_teardown(calls_without_a_key_or_with_others_are_each_carried_out, open_stage, free_stage),
      cmocka_unit_test_setup_teardown(a_key_is_1_to_255_printable_characters, open_stage, free_stage),
      cmocka_unit_test_setup_teardown(a_key_is_kept_for_a_day, open_stage, free_stage),
      cmocka_unit_test(keys_outlive_the_process),
      cmocka_unit_test(of_two_replicas_one_carries_the_call_out),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
