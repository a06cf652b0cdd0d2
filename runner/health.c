/* See health.h. */
#include "runner/health.h"

#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "rpc/v1/health.rpc.h"
#include "runner/door.h"

enum { TIMEOUT_MS = 2000 };

typedef struct health_check {
  const char *address;
  sem_t ended;
  bool serving;
} health_check;

static bool is_serving(const char *status) {
  return strcmp(status, "SERVING") == 0;
}

static void print_answer(void *arg, const rpc_status *status, const Rpc__V1__HealthCheckResponse *response) {
  health_check *check = arg;
  if (status->code == RPC_OK) {
    check->serving = is_serving(response->status);
    printf("%s %s %s", check->address, response->service, response->status);
    for (size_t i = 0; i < response->n_dependencies; i++) {
      const Rpc__V1__DependencyHealth *dependency = response->dependencies[i];
      if (is_serving(dependency->status)) continue;
      printf(" (%s %s%s%s)", dependency->name, dependency->status, dependency->detail[0] == '\0' ? "" : ": ",
             dependency->detail);
    }
    putchar('\n');
  } else {
    printf("%s %s: %s\n", check->address, rpc_code_name(status->code), status->message);
  }
  sem_post(&check->ended);
}

static bool ask(const char *address, rpc_client *client) {
  health_check check = {.address = address};
  sem_init(&check.ended, 0, 0);
  Rpc__V1__HealthCheckRequest request = RPC__V1__HEALTH_CHECK_REQUEST__INIT;
  rpc_call_options options = {0};
  rpc_v1_health_check(client, &request, &options, print_answer, &check);
  while (sem_wait(&check.ended) != 0) continue;
  sem_destroy(&check.ended);
  return check.serving;
}

/* All connect at once, so that several absent services take no longer than one. */
int runner_health_run(const char *const *addresses, size_t count, rpc_clock *clock, rpc_random *random) {
  rpc_client *clients[RUNNER_HEALTH_MAX] = {0};
  size_t opened = 0;
  for (rpc_status status; opened < count && opened < RUNNER_HEALTH_MAX; opened++) {
    clients[opened] = runner_door_connect("health", addresses[opened], TIMEOUT_MS, clock, random, &status);
    if (clients[opened] != NULL) continue;
    printf("%s %s: %s\n", addresses[opened], rpc_code_name(status.code), status.message);
    break;
  }
  bool all = opened == count;
  runner_door_wait_connected(clients, opened);
  for (size_t i = 0; i < opened; i++) all = ask(addresses[i], clients[i]) && all;
  for (size_t i = 0; i < opened; i++) rpc_client_destroy(clients[i]);
  return all ? 0 : 1;
}
