/* One call, or one to each service; whoever completes the last puts the answers together. */
#include "gateway/health.h"

#include <stdatomic.h>
#include <string.h>

#include "rpc/v1/health.rpc.h"

enum { TIMEOUT_US = 2000000 };

/* What one service answered. */
typedef struct part {
  struct report *report;
  const gateway_backend *backend;
  json_writer json;
  bool is_serving;
} part;

typedef struct report {
  exchange *self;
  bool is_all; /* of the gateway, or of one service alone */
  atomic_size_t left;
  size_t count;
  part parts[GATEWAY_BACKENDS_MAX];
} report;

static void write_member(json_writer *writer, const char *key, const char *text) {
  json_write_key(writer, key);
  json_write_text(writer, text);
}

static const char *serving(bool is_serving) {
  return is_serving ? "SERVING" : "NOT_SERVING";
}

static void write_summary(json_writer *writer, const report *all, bool is_serving) {
  const gateway *server = all->self->listener->server;
  json_write_open(writer, '{');
  write_member(writer, "status", serving(is_serving));
  write_member(writer, "service", "gateway");
  json_write_key(writer, "uptime_seconds");
  json_write_double(writer, (double)(rpc_clock_now_us(server->config.clock) - server->started_us) / 1e6);
  json_write_key(writer, "services");
  json_write_open(writer, '[');
  for (size_t i = 0; i < all->count; i++) json_write_raw(writer, all->parts[i].json.bytes, all->parts[i].json.length);
  json_write_close(writer, ']');
  json_write_close(writer, '}');
}

static void finish(report *all) {
  exchange *self = all->self;
  bool is_serving = true;
  for (size_t i = 0; i < all->count; i++) {
    is_serving = is_serving && all->parts[i].is_serving;
    self->body.failed = self->body.failed || all->parts[i].json.failed;
  }
  if (all->is_all) {
    write_summary(&self->body, all, is_serving);
  } else {
    json_write_raw(&self->body, all->parts[0].json.bytes, all->parts[0].json.length);
  }
  for (size_t i = 0; i < all->count; i++) json_writer_free(&all->parts[i].json);
  exchange_reply(self, is_serving ? 200 : 503, "application/json");
}

static void on_health(void *arg, const rpc_status *status, const Rpc__V1__HealthCheckResponse *response) {
  part *mine = arg;
  mine->json = json_writer_make(EXCHANGE_BODY_MAX);
  mine->is_serving = response && strcmp(response->status, serving(true)) == 0;
  if (response) {
    json_write_message(&mine->json, &response->base);
  } else { /* of the same shape, with what stands in the way */
    json_write_open(&mine->json, '{');
    write_member(&mine->json, "status", serving(false));
    write_member(&mine->json, "service", mine->backend->name);
    write_member(&mine->json, "detail", status->message);
    json_write_close(&mine->json, '}');
  }
  report *all = mine->report;
  if (atomic_fetch_sub(&all->left, 1) > 1) return;
  finish(all);
  exchange_post(all->self);
}

static void ask(exchange *self, bool is_all, const gateway_backend *backends, size_t count) {
  report *all = rpc_arena_alloc(&self->arena, sizeof *all);
  if (!all || count == 0) {
    rpc_status status = rpc_status_error(RPC_UNAVAILABLE, "", all ? "there are no services" : "no memory");
    exchange_fail(self, &status, 0);
    exchange_send(self);
    return;
  }
  *all = (report){.self = self, .is_all = is_all, .count = count};
  atomic_init(&all->left, count);
  rpc_call_options options = exchange_call_options(self);
  options.deadline_us = self->started_us + TIMEOUT_US;
  for (size_t i = 0; i < count; i++) all->parts[i] = (part){.report = all, .backend = &backends[i]};
  for (size_t i = 0; i < count; i++) { /* all of it may be gone when the last call has begun */
    Rpc__V1__HealthCheckRequest request = RPC__V1__HEALTH_CHECK_REQUEST__INIT;
    rpc_v1_health_check(backends[i].client, &request, &options, on_health, &all->parts[i]);
  }
}

void health_of_backend(exchange *self, const gateway_backend *backend) {
  ask(self, false, backend, 1);
}

void health_of_all(exchange *self) {
  ask(self, true, self->listener->server->backends, self->listener->server->config.backend_count);
}
