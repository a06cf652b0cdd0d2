/* A door (runner/door.h) into the world. */
#include "simulation/snapshot.h"

#include <string.h>

typedef struct world_door {
  runner_door base;
  store_world *world;
  bool done;
  runner_door_done_fn take;
  void *arg;
} world_door;

static void door_thunk(rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  (void)done;
  world_door *door = arg;
  door->done = true;
  door->take(door->arg, status, response);
}

static void door_call(runner_door *base, const api_method *method, const ProtobufCMessage *request,
                      const runner_door_options *options, runner_door_done_fn done, void *arg) {
  (void)options;
  world_door *door = (world_door *)base;
  door->done = false;
  door->take = done;
  door->arg = arg;
  rpc_client *client = strstr(method->name, "Order")         ? world_order(door->world)
                       : strstr(method->name, "PaymentServ") ? world_payment(door->world)
                                                             : world_inventory(door->world);
  rpc_client_call(client, method, request, NULL, (rpc_completion){door_thunk, NULL, door});
  world_run_until(door->world, &door->done);
}

rpc_status world_snapshot(store_world *world, runner_snapshot *snapshot) {
  world_door door = {.base = {door_call, NULL}, .world = world};
  return runner_verify_read(&door.base, 0, snapshot);
}
