/* See health.h. */
#include "runner/health.h"

#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "gateway/json_write.h"
#include "rpc/v1/health.rpc.h"
#include "runner/call.h"
#include "runner/door.h"
#include "runner/health_http.h"

enum { TIMEOUT_MS = 2000, LINE_MAX_BYTES = 1024 * 1024 };

typedef struct health_check {
  const char *address;
  sem_t ended;
  int exit_code;
} health_check;

static bool is_serving(const char *status) {
  return strcmp(status, "SERVING") == 0;
}

static void write_member(json_writer *writer, const char *key, const char *text) {
  json_write_key(writer, key);
  json_write_text(writer, text);
}

static void write_answer(json_writer *writer, const Rpc__V1__HealthCheckResponse *response) {
  write_member(writer, "service", response->service);
  write_member(writer, "status", response->status);
  json_write_key(writer, "uptime_seconds");
  json_write_double(writer, response->uptime_seconds);
  json_write_key(writer, "dependencies");
  json_write_open(writer, '[');
  for (size_t i = 0; i < response->n_dependencies; i++) json_write_message(writer, &response->dependencies[i]->base);
  json_write_close(writer, ']');
}

/* One line for one address: the service's answer, or the status of the call instead of one. */
static void print_line(const char *address, const rpc_status *status, const Rpc__V1__HealthCheckResponse *response) {
  json_writer writer = json_writer_make(LINE_MAX_BYTES);
  json_write_open(&writer, '{');
  write_member(&writer, "address", address);
  if (status->code == RPC_OK) {
    write_answer(&writer, response);
  } else {
    write_member(&writer, "code", rpc_code_name(status->code));
    write_member(&writer, "reason", status->reason);
    write_member(&writer, "message", status->message);
  }
  json_write_close(&writer, '}');
  printf("%.*s\n", (int)writer.length, writer.bytes);
  json_writer_free(&writer);
}

static int exit_code_of(const rpc_status *status) {
  return status->code == RPC_OK ? 0 : RUNNER_CALL_EXIT_BASE + (int)status->code;
}

static void take_answer(void *arg, const rpc_status *status, const Rpc__V1__HealthCheckResponse *response) {
  health_check *check = arg;
  print_line(check->address, status, response);
  check->exit_code = exit_code_of(status);
  if (status->code == RPC_OK && !is_serving(response->status)) check->exit_code = RUNNER_HEALTH_EXIT_NOT_SERVING;
  sem_post(&check->ended);
}

static int ask(const char *address, rpc_client *client) {
  health_check check = {.address = address};
  sem_init(&check.ended, 0, 0);
  Rpc__V1__HealthCheckRequest request = RPC__V1__HEALTH_CHECK_REQUEST__INIT;
  rpc_call_options options = {0};
  rpc_v1_health_check(client, &request, &options, take_answer, &check);
  while (sem_wait(&check.ended) != 0) continue;
  sem_destroy(&check.ended);
  return check.exit_code;
}

static bool is_http(const char *address) {
  return strncmp(address, "http://", 7) == 0 || strncmp(address, "https://", 8) == 0;
}

/* All connect at once, so that several absent services take no longer than one. */
int runner_health_run(const char *const *addresses, size_t count, rpc_clock *clock, rpc_random *random) {
  rpc_client *clients[RUNNER_HEALTH_MAX] = {0};
  int worst = 0;
  size_t opened = 0;
  for (rpc_status status; opened < count && opened < RUNNER_HEALTH_MAX; opened++) {
    if (is_http(addresses[opened])) continue;
    clients[opened] = runner_door_connect("health", addresses[opened], TIMEOUT_MS, clock, random, &status);
    if (clients[opened] != NULL) continue;
    print_line(addresses[opened], &status, NULL);
    worst = exit_code_of(&status);
    break;
  }
  runner_door_wait_connected(clients, opened);
  for (size_t i = 0; i < opened; i++) {
    int code = clients[i] ? ask(addresses[i], clients[i]) : runner_health_get(addresses[i], TIMEOUT_MS);
    if (code > worst) worst = code;
  }
  for (size_t i = 0; i < opened; i++) rpc_client_destroy(clients[i]);
  return worst;
}
