/* runner/door_gateway against an HTTP server of the test's own on an ephemeral port: what it sends, how it takes
 * answers, silence and refusal, and how it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the headers above */
#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runner/door.h"
#include "store/v1/order.pb-c.h"

enum { CONNECTIONS_MAX = 512, TIMEOUT_MS = 20000 };

/* Answers GET /orders/{id}: with that order; 409 and a problem for FAILED; not at all for SILENT. */
typedef struct http_server {
  int listener;
  char url[64];
  pthread_t acceptor, threads[CONNECTIONS_MAX];
  int sockets[CONNECTIONS_MAX];
  atomic_int connections, requests;
  pthread_mutex_t lock;
  char last_request[4096];
} http_server;

typedef struct http_connection {
  http_server *server;
  int socket;
} http_connection;

static void answer(int socket, const char *order_id) {
  char body[256], head[256];
  bool failed = strcmp(order_id, "FAILED") == 0;
  if (failed) {
    snprintf(body, sizeof body, "{\"code\":\"ABORTED\",\"reason\":\"RESERVATION_CONFLICT\",\"order_id\":\"ORD-9\"}");
  } else {
    snprintf(body, sizeof body, "{\"order_id\":\"%s\",\"status\":\"confirmed\"}", order_id);
  }
  snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Type: application/%sjson\r\nContent-Length: %zu\r\n\r\n",
           failed ? "409 Conflict" : "200 OK", failed ? "problem+" : "", strlen(body));
  send(socket, head, strlen(head), MSG_NOSIGNAL | MSG_MORE);
  send(socket, body, strlen(body), MSG_NOSIGNAL);
}

static void *serve(void *arg) {
  http_connection connection = *(http_connection *)arg;
  free(arg);
  char buffer[4096] = "";
  size_t length = 0;
  for (ssize_t got; (got = recv(connection.socket, buffer + length, sizeof buffer - 1 - length, 0)) > 0;) {
    length += (size_t)got;
    buffer[length] = '\0';
    if (strstr(buffer, "\r\n\r\n") == NULL) continue;
    char order_id[64] = "";
    sscanf(buffer, "GET /orders/%63[^ ?]", order_id);
    pthread_mutex_lock(&connection.server->lock);
    memcpy(connection.server->last_request, buffer, length + 1);
    pthread_mutex_unlock(&connection.server->lock);
    length = 0;
    atomic_fetch_add(&connection.server->requests, 1);
    if (strcmp(order_id, "SILENT") != 0) answer(connection.socket, order_id);
  }
  return NULL;
}

static void *accept_all(void *arg) {
  http_server *server = arg;
  for (int socket; (socket = accept(server->listener, NULL, NULL)) >= 0;) {
    http_connection *connection = malloc(sizeof *connection);
    *connection = (http_connection){server, socket};
    int index = atomic_fetch_add(&server->connections, 1);
    if (index >= CONNECTIONS_MAX) abort();
    server->sockets[index] = socket;
    pthread_create(&server->threads[index], NULL, serve, connection);
  }
  return NULL;
}

static http_server *server_start(void) {
  http_server *server = calloc(1, sizeof *server);
  pthread_mutex_init(&server->lock, NULL);
  server->listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  assert_int_equal(bind(server->listener, (struct sockaddr *)&address, size), 0);
  assert_int_equal(listen(server->listener, CONNECTIONS_MAX), 0);
  getsockname(server->listener, (struct sockaddr *)&address, &size);
  snprintf(server->url, sizeof server->url, "http://127.0.0.1:%u", ntohs(address.sin_port));
  pthread_create(&server->acceptor, NULL, accept_all, server);
  return server;
}

static void server_stop(http_server *server) {
  shutdown(server->listener, SHUT_RDWR);
  pthread_join(server->acceptor, NULL);
  close(server->listener);
  for (int i = 0; i < atomic_load(&server->connections); i++) {
    shutdown(server->sockets[i], SHUT_RDWR);
    pthread_join(server->threads[i], NULL);
    close(server->sockets[i]);
  }
  pthread_mutex_destroy(&server->lock);
  free(server);
}

static runner_door *open_door(const char *url, uint32_t timeout_ms, uint32_t max_in_flight) {
  runner_door_target target = {&api_store_v1_order_service, url};
  runner_door_config config = {
      .targets = &target, .target_count = 1, .timeout_ms = timeout_ms, .max_in_flight = max_in_flight};
  rpc_status status;
  runner_door *door = runner_door_create_gateway(&config, &status);
  assert_non_null(door);
  return door;
}

/* What came of several calls. */
typedef struct call_tally {
  pthread_mutex_t lock;
  pthread_cond_t changed;
  int answered, by_code[RPC_CODE_COUNT];
  rpc_status last;
  char last_order_id[64];
} call_tally;

static void count(void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  call_tally *tally = arg;
  pthread_mutex_lock(&tally->lock);
  tally->answered++;
  tally->by_code[status->code]++;
  tally->last = *status;
  if (response != NULL) {
    const char *order_id = ((const Store__V1__Order *)(const void *)response)->order_id;
    snprintf(tally->last_order_id, sizeof tally->last_order_id, "%s", order_id);
  }
  pthread_cond_signal(&tally->changed);
  pthread_mutex_unlock(&tally->lock);
}

static void get_order(runner_door *door, const char *order_id, call_tally *tally) {
  Store__V1__GetOrderRequest request = STORE__V1__GET_ORDER_REQUEST__INIT;
  request.order_id = (char *)(uintptr_t)order_id;
  runner_door_options options = {.correlation_id = "corr-1", .idempotency_key = "key-1"};
  door->call(door, runner_door_method("/store.v1.OrderService/GetOrder"), &request.base, &options, count, tally);
}

static void wait_for(call_tally *tally, int answers) {
  pthread_mutex_lock(&tally->lock);
  while (tally->answered < answers) pthread_cond_wait(&tally->changed, &tally->lock);
  pthread_mutex_unlock(&tally->lock);
}

#define TALLY \
  { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER }

static void a_call_carries_its_headers_and_gets_its_message(void **state) {
  (void)state;
  http_server *server = server_start();
  runner_door *door = open_door(server->url, TIMEOUT_MS, 8);
  call_tally tally = TALLY;
  get_order(door, "ORD-1", &tally);
  wait_for(&tally, 1);
  assert_int_equal(tally.last.code, RPC_OK);
  assert_string_equal(tally.last_order_id, "ORD-1");
  pthread_mutex_lock(&server->lock);
  assert_non_null(strstr(server->last_request, "GET /orders/ORD-1 HTTP/1.1\r\n"));
  assert_non_null(strcasestr(server->last_request, "\r\nX-Correlation-ID: corr-1\r\n"));
  assert_non_null(strcasestr(server->last_request, "\r\nIdempotency-Key: key-1\r\n"));
  pthread_mutex_unlock(&server->lock);
  runner_door_destroy(door);
  server_stop(server);
}

static void a_problem_arrives_as_its_status(void **state) {
  (void)state;
  http_server *server = server_start();
  runner_door *door = open_door(server->url, TIMEOUT_MS, 8);
  call_tally tally = TALLY;
  get_order(door, "FAILED", &tally);
  wait_for(&tally, 1);
  assert_int_equal(tally.last.code, RPC_ABORTED);
  assert_string_equal(tally.last.reason, "RESERVATION_CONFLICT");
  assert_string_equal(rpc_status_fact_of(&tally.last, "order_id"), "ORD-9");
  runner_door_destroy(door);
  server_stop(server);
}

static void calls_one_after_another_share_a_connection(void **state) {
  (void)state;
  http_server *server = server_start();
  runner_door *door = open_door(server->url, TIMEOUT_MS, 8);
  call_tally tally = TALLY;
  for (int i = 1; i <= 50; i++) {
    get_order(door, i % 2 == 0 ? "FAILED" : "ORD-1", &tally);
    wait_for(&tally, i);
  }
  assert_int_equal(tally.by_code[RPC_OK], 25);
  assert_int_equal(atomic_load(&server->connections), 1);
  runner_door_destroy(door);
  server_stop(server);
}

static void hundreds_at_once_are_each_answered_once(void **state) {
  (void)state;
  http_server *server = server_start();
  runner_door *door = open_door(server->url, TIMEOUT_MS, 200);
  call_tally tally = TALLY;
  for (int round = 1; round <= 5; round++) {
    for (int i = 0; i < 200; i++) get_order(door, "ORD-1", &tally);
    wait_for(&tally, round * 200);
  }
  assert_int_equal(tally.by_code[RPC_OK], 1000);
  assert_int_equal(atomic_load(&server->requests), 1000);
  assert_in_range(atomic_load(&server->connections), 1, 200);
  runner_door_destroy(door);
  server_stop(server);
}

static void silence_ends_at_the_timeout(void **state) {
  (void)state;
  http_server *server = server_start();
  runner_door *door = open_door(server->url, 50, 8);
  call_tally tally = TALLY;
  get_order(door, "SILENT", &tally);
  wait_for(&tally, 1);
  assert_int_equal(tally.last.code, RPC_DEADLINE_EXCEEDED);
  assert_string_equal(tally.last.reason, "REQUEST_TIMEOUT");
  runner_door_destroy(door);
  server_stop(server);
}

static void a_closed_port_is_unavailable(void **state) {
  (void)state;
  http_server *server = server_start();
  char url[64];
  snprintf(url, sizeof url, "%s", server->url);
  server_stop(server);
  runner_door *door = open_door(url, TIMEOUT_MS, 8);
  call_tally tally = TALLY;
  get_order(door, "ORD-1", &tally);
  wait_for(&tally, 1);
  assert_int_equal(tally.last.code, RPC_UNAVAILABLE);
  assert_string_equal(tally.last.reason, "CONNECT_FAILED");
  runner_door_destroy(door);
}

static void past_the_bound_a_call_is_refused_at_once(void **state) {
  (void)state;
  http_server *server = server_start();
  runner_door *door = open_door(server->url, TIMEOUT_MS, 3);
  call_tally tally = TALLY;
  for (int i = 0; i < 5; i++) get_order(door, "SILENT", &tally);
  assert_int_equal(tally.by_code[RPC_RESOURCE_EXHAUSTED], 2);
  runner_door_destroy(door);
  assert_int_equal(tally.by_code[RPC_CANCELLED], 3);
  assert_int_equal(tally.answered, 5);
  server_stop(server);
}

static void a_method_without_a_target_is_refused(void **state) {
  (void)state;
  runner_door *door = open_door("http://127.0.0.1:1", TIMEOUT_MS, 3);
  call_tally tally = TALLY;
  Store__V1__GetOrderRequest any = STORE__V1__GET_ORDER_REQUEST__INIT;
  door->call(door, runner_door_method("/store.v1.InventoryService/ListProducts"), &any.base, NULL, count, &tally);
  assert_int_equal(tally.last.code, RPC_UNIMPLEMENTED);
  runner_door_destroy(door);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_call_carries_its_headers_and_gets_its_message),
      cmocka_unit_test(a_problem_arrives_as_its_status),
      cmocka_unit_test(calls_one_after_another_share_a_connection),
      cmocka_unit_test(hundreds_at_once_are_each_answered_once),
      cmocka_unit_test(silence_ends_at_the_timeout),
      cmocka_unit_test(a_closed_port_is_unavailable),
      cmocka_unit_test(past_the_bound_a_call_is_refused_at_once),
      cmocka_unit_test(a_method_without_a_target_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
