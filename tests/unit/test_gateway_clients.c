/* Clients: many at once, slow ones, those that leave, too many, and those that are there at the end. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway_fixture.h"

static void a_connection_is_kept_for_the_next_request(void **state) {
  fixture *f = *state;
  CURL *curl = curl_easy_init();
  for (int i = 0; i < 5; i++) {
    response r = ask_on(curl, f, (request){.path = i % 2 ? "/orders/NOT_FOUND" : "/orders/ORD-1"});
    assert_int_equal(r.status, i % 2 ? 404 : 200);
    assert_int_equal(r.connects, i == 0 ? 1 : 0);
    clear(&r);
  }
  curl_easy_cleanup(curl);
}

static void a_hundred_requests_at_once_are_all_answered(void **state) {
  fixture *f = *state;
  for (int http2 = 0; http2 < 2; http2++) {
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    assert_int_equal(ask_many(f, 100, "/orders/SLOW", http2, 0, 200), 100);
    clock_gettime(CLOCK_MONOTONIC, &to);
    assert_true(to.tv_sec - from.tv_sec < 100 * SLOW_MS / 1000 / 2); /* not one after the other */
  }
}

static void clients_that_leave_early_harm_nobody(void **state) {
  fixture *f = *state;
  assert_int_equal(ask_many(f, 20, "/orders/SLOW", true, 100, 0), 20);
  assert_int_equal(ask_many(f, 20, "/orders/SLOW", false, 100, 0), 20);
  for (int i = 0; i < 20; i++) {
    int fd = connect_to(f);
    static const char half[] = "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"cus";
    assert_int_equal(write(fd, half, sizeof half - 1), sizeof half - 1);
    close(fd);
  }
  response r = ask(f, (request){.path = "/orders/ORD-1"});
  assert_int_equal(r.status, 200);
  clear(&r);
}

static void a_client_that_dawdles_is_let_go(void **state) {
  (void)state;
  fixture *f = fixture_start((gateway_config){.request_timeout_ms = 200});
  int fd = connect_to(f);
  static const char half[] = "GET /orders/1 HTTP/1.1\r\nHost: x\r\nX-Sl";
  assert_int_equal(write(fd, half, sizeof half - 1), sizeof half - 1);
  assert_true(is_closed(fd, 5000));
  close(fd);
  fixture_stop(f);
}

static void past_the_bound_requests_are_refused_at_once(void **state) {
  (void)state;
  fixture *f = fixture_start((gateway_config){.max_in_flight = 10});
  assert_int_equal(ask_many(f, 15, "/orders/SLOW", false, 0, 429), 5);
  assert_int_equal(ask_many(f, 10, "/orders/SLOW", false, 0, 200), 10);
  fixture_stop(f);
}

static void past_the_bound_connections_wait_for_one_to_end(void **state) {
  (void)state;
  fixture *f = fixture_start((gateway_config){.max_connections = 2});
  int first = connect_to(f), second = connect_to(f);
  usleep(50000); /* both are accepted, or the third would be in their place and the test still pass */
  response r = ask(f, (request){.path = "/", .timeout_ms = 200});
  assert_int_equal(r.outcome, CURLE_OPERATION_TIMEDOUT);
  clear(&r);
  close(first);
  r = ask(f, (request){.path = "/"});
  assert_int_equal(r.status, 200);
  clear(&r);
  close(second);
  fixture_stop(f);
}

typedef struct background {
  fixture *f;
  response out;
} background;

static void *ask_slowly(void *arg) {
  background *b = arg;
  b->out = ask(b->f, (request){.path = "/orders/SLOW"});
  return NULL;
}

static void stopping_answers_what_is_in_flight_and_takes_no_more(void **state) {
  (void)state;
  fixture *f = fixture_start((gateway_config){.max_body = 0});
  int idle = connect_to(f);
  background b = {.f = f};
  pthread_t thread;
  pthread_create(&thread, NULL, ask_slowly, &b);
  usleep(SLOW_MS * 1000 / 3);
  assert_true(gateway_stop(f->server, 10000));
  f->is_stopped = true;
  pthread_join(thread, NULL);
  assert_int_equal(b.out.status, 200);
  assert_true(has_header(&b.out, "connection: close\r\n"));
  clear(&b.out);
  assert_int_equal(connect_to(f), -1);
  static const char late[] = "GET /orders/1 HTTP/1.1\r\nHost: x\r\n\r\n";
  assert_int_equal(write(idle, late, sizeof late - 1), sizeof late - 1);
  char answer[64] = "";
  assert_true(read(idle, answer, sizeof answer - 1) > 0);
  assert_memory_equal(answer, "HTTP/1.1 503", 12);
  close(idle);
  fixture_stop(f);
}

static void *stop_in_the_background(void *arg) {
  background *b = arg;
  b->f->is_stopped = gateway_stop(b->f->server, 30000);
  return NULL;
}

static void stopping_answers_a_request_on_an_idle_connection_and_ends_that(void **state) {
  (void)state;
  fixture *f = fixture_start((gateway_config){.drain_grace_ms = 20000});
  int idle = connect_to(f);
  background b = {.f = f};
  pthread_t thread;
  pthread_create(&thread, NULL, stop_in_the_background, &b);
  for (int fd; (fd = connect_to(f)) >= 0;) close(fd);
  static const char late[] = "GET /orders/1 HTTP/1.1\r\nHost: x\r\n\r\n";
  assert_int_equal(write(idle, late, sizeof late - 1), sizeof late - 1);
  char answer[1024] = "";
  assert_true(read(idle, answer, sizeof answer - 1) > 0);
  assert_memory_equal(answer, "HTTP/1.1 200", 12);
  assert_non_null(strcasestr(answer, "\r\nconnection: close\r\n"));
  assert_true(is_closed(idle, 5000));
  close(idle);
  pthread_join(thread, NULL); /* before the grace is over: there is nobody to wait for */
  assert_true(f->is_stopped);
  fixture_stop(f);
}

static void a_port_in_use_is_said_at_the_start(void **state) {
  fixture *f = *state;
  gateway_config config = {
      .port = gateway_port(f->server, 0), .clock = f->clock, .random = &f->random, .metrics = f->metrics};
  rpc_status status;
  assert_null(gateway_create(&config, &status));
  assert_string_equal(status.reason, "LISTEN");
  assert_non_null(strstr(status.message, "in use"));
}

int main(void) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_connection_is_kept_for_the_next_request),
      cmocka_unit_test(a_hundred_requests_at_once_are_all_answered),
      cmocka_unit_test(clients_that_leave_early_harm_nobody),
      cmocka_unit_test(a_client_that_dawdles_is_let_go),
      cmocka_unit_test(past_the_bound_requests_are_refused_at_once),
      cmocka_unit_test(past_the_bound_connections_wait_for_one_to_end),
      cmocka_unit_test(stopping_answers_what_is_in_flight_and_takes_no_more),
      cmocka_unit_test(stopping_answers_a_request_on_an_idle_connection_and_ends_that),
      cmocka_unit_test(a_port_in_use_is_said_at_the_start),
  };
  int failures = cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
  curl_global_cleanup();
  return failures;
}
