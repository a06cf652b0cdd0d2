/* One timer a host: each time it rings, what went wrong is put right, or something goes wrong. */
#include "simulation/trouble.h"

#include <stdlib.h>

enum {
  SERVICES = 3,
  GAP_MAX_MS = 6000,  /* from one trouble's end to the next */
  LAST_MAX_MS = 8000, /* from its beginning to its end; without end it would be no recovery, but an outage */
  TIMES_MAX = 12,     /* for points: an order takes some dozens of them */
  OPERATIONS_MAX = 60 /* a commit is about six */
};

const char *const trouble_names[TROUBLE_KIND_COUNT] = {
    [TROUBLE_KILL] = "kill -9 between two events",
    [TROUBLE_POWER_CUT] = "power cut between two events",
    [TROUBLE_KILL_AT_POINT] = "kill -9 at a commit, send, receive or reply",
    [TROUBLE_POWER_CUT_AT_POINT] = "power cut at a commit, send, receive or reply",
    [TROUBLE_KILL_AT_OPERATION] = "kill -9 at a write or sync",
    [TROUBLE_POWER_CUT_AT_OPERATION] = "power cut at a write or sync",
    [TROUBLE_FULL_DISK] = "full disk",
    [TROUBLE_CUT_NETWORK] = "network cut",
};

typedef struct host_trouble {
  trouble *all;
  const char *service;
  simulated_host *host;
  rpc_timer timer;
  trouble_kind kind;
  bool is_on;
} host_trouble;

struct trouble {
  store_world *world;
  int64_t *counts;
  host_trouble hosts[SERVICES];
};

static int64_t draw(host_trouble *self, int64_t low, int64_t high) {
  return rpc_random_between(world_random(self->all->world), low, high);
}

static void begin(host_trouble *self) {
  static const host_end ends[] = {HOST_KILLED, HOST_POWER_CUT};
  self->kind = (trouble_kind)draw(self, 0, TROUBLE_KIND_COUNT - 1);
  self->is_on = true;
  host_end how = ends[self->kind % 2];
  switch (self->kind) {
    case TROUBLE_KILL:
    case TROUBLE_POWER_CUT:
      host_stop_at_once(self->host, how);
      break;
    case TROUBLE_KILL_AT_POINT:
    case TROUBLE_POWER_CUT_AT_POINT:
      host_end_at_point(self->host, (fault_point)draw(self, 0, FAULT_POINT_COUNT - 1), (int)draw(self, 1, TIMES_MAX),
                        how);
      break;
    case TROUBLE_KILL_AT_OPERATION:
    case TROUBLE_POWER_CUT_AT_OPERATION:
      host_end_at_operation(self->host, (uint32_t)draw(self, 1, OPERATIONS_MAX), how);
      break;
    case TROUBLE_FULL_DISK:
      disk_set_full(world_disk(self->all->world, self->service), true);
      break;
    default:
      network_node_cut(host_node(self->host), true);
      break;
  }
}

static void put_right(host_trouble *self) {
  if (self->is_on && (self->kind >= TROUBLE_FULL_DISK || !host_is_up(self->host))) self->all->counts[self->kind]++;
  self->is_on = false;
  disk_set_full(world_disk(self->all->world, self->service), false);
  network_node_cut(host_node(self->host), false);
}

static void go_on(void *arg) {
  host_trouble *self = arg;
  rpc_clock *clock = world_clock(self->all->world);
  bool was_on = self->is_on;
  rpc_status status;
  if (was_on) put_right(self);
  if (!host_is_up(self->host)) {
    if (draw(self, 0, 4) == 0) { /* and again while it comes up */
      self->kind = TROUBLE_POWER_CUT_AT_OPERATION;
      self->is_on = true;
      host_end_at_operation(self->host, (uint32_t)draw(self, 1, 3 * OPERATIONS_MAX), HOST_POWER_CUT);
    }
    host_start(self->host, &status);
  } else if (!was_on) {
    begin(self);
  }
  int64_t wait_ms = draw(self, 0, self->is_on ? LAST_MAX_MS : GAP_MAX_MS);
  rpc_clock_set(clock, &self->timer, rpc_clock_now_us(clock) + wait_ms * 1000, go_on, self);
}

trouble *trouble_begin(store_world *world, int64_t counts[TROUBLE_KIND_COUNT]) {
  static const char *const services[SERVICES] = {"inventory", "payment", "order"};
  trouble *all = calloc(1, sizeof *all);
  if (!all) abort();
  all->world = world;
  all->counts = counts;
  for (int i = 0; i < SERVICES; i++) {
    host_trouble *self = &all->hosts[i];
    *self = (host_trouble){.all = all, .service = services[i], .host = world_host(world, services[i])};
    go_on(self);
  }
  return all;
}

void trouble_end(trouble *all) {
  rpc_status status;
  network_heal(world_network(all->world));
  for (int i = 0; i < SERVICES; i++) {
    host_trouble *self = &all->hosts[i];
    rpc_clock_cancel(world_clock(all->world), &self->timer);
    put_right(self);
    if (host_is_up(self->host)) {
      host_end_at_point(self->host, FAULT_POINT_COUNT, 0, HOST_KILLED);
      host_end_at_operation(self->host, 0, HOST_KILLED);
    } else {
      host_start(self->host, &status);
    }
  }
  free(all);
}
