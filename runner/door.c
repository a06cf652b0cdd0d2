/* What is the same for every door: finding methods, and calling with a wait. */
#include "runner/door.h"

#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

void runner_door_destroy(runner_door *door) {
  if (door != NULL) door->destroy(door);
}

const api_method *runner_door_method(const char *name) {
  for (size_t i = 0; i < api_service_count; i++) {
    const api_service *service = api_services[i];
    for (size_t j = 0; j < service->method_count; j++) {
      if (strcmp(service->methods[j].name, name) == 0) return &service->methods[j];
    }
  }
  abort(); /* a misspelt name: found by the first test that comes by */
}

typedef struct waiting_call {
  sem_t ended;
  rpc_status status;
  void (*take)(void *arg, const ProtobufCMessage *response);
  void *arg;
} waiting_call;

static void end_waiting_call(void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  waiting_call *call = arg;
  call->status = *status;
  if (response != NULL && call->take != NULL) call->take(call->arg, response);
  sem_post(&call->ended);
}

rpc_status runner_door_call_and_wait(runner_door *door, const api_method *method, const ProtobufCMessage *request,
                                     const runner_door_options *options,
                                     void (*take)(void *arg, const ProtobufCMessage *response), void *arg) {
  waiting_call call = {.take = take, .arg = arg};
  sem_init(&call.ended, 0, 0);
  door->call(door, method, request, options, end_waiting_call, &call);
  while (sem_wait(&call.ended) != 0) continue;
  sem_destroy(&call.ended);
  return call.status;
}
