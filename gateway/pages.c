/* The pages that are the gateway's own, on every port, and the one place where endpoints are coded by hand. */
#include "gateway/pages.h"

#include <stdio.h>
#include <string.h>

#include "gateway/console.h"
#include "gateway/docs.h"
#include "gateway/events.h"
#include "gateway/health.h"
#include "gateway/scrape.h"
#include "gateway/traces.h"
#include "openapi_json.h"

enum { INDEX_MAX = 64 * 1024 };

static void index_page(exchange *self);
static void health_page(exchange *self);
static void openapi_page(exchange *self);

static const struct {
  const char *path; /* a name in braces, at the end: whatever is there */
  void (*handle)(exchange *self);
  bool is_open; /* to everybody; others take a token with the scope read, where tokens are asked for */
  const char *about;
} pages[PAGES_COUNT] = {
    {"/", index_page, true, "this page; the console for a browser"},
    {"/health", health_page, true, "whether it serves, and what it depends on"},
    {"/metrics", scrape_metrics_page, false, "Prometheus text; of a service on the port for all with ?service=NAME"},
    {"/openapi.json", openapi_page, true, "all endpoints, as OpenAPI"},
    {"/docs", docs_page, true, "the same for people"},
    {"/docs/{file}", docs_file_page, true, "what that page loads"},
    {"/console/{file}", console_file_page, true, "what the console loads"},
    {"/targets", scrape_targets_page, false, "every process to scrape, for Prometheus' HTTP service discovery"},
    {"/events", events_page, false, "health, rates, stock, orders, … as they change: server-sent events"},
    {"/traces/{correlation_id}", traces_page, false, "the spans of one order, as JSON, with the critical path"},
};

void pages_init(gateway *server) {
  for (int i = 0; i < PAGES_COUNT; i++) gateway_endpoint_init(&server->pages[i], server, NULL, "GET", pages[i].path);
}

static bool is_path(h2o_iovec_t path, const char *pattern) {
  size_t fixed = strcspn(pattern, "{");
  if (pattern[fixed] == '\0') return h2o_memis(path.base, path.len, pattern, fixed);
  return path.len > fixed && memcmp(path.base, pattern, fixed) == 0;
}

bool pages_has(h2o_iovec_t path) {
  for (int i = 0; i < PAGES_COUNT; i++) {
    if (is_path(path, pages[i].path)) return true;
  }
  return false;
}

bool pages_handle(exchange *self) {
  h2o_iovec_t path = exchange_path(self);
  for (int i = 0; i < PAGES_COUNT; i++) {
    if (!is_path(path, pages[i].path)) continue;
    self->endpoint = &self->listener->server->pages[i];
    if (exchange_is(self, "GET") || exchange_is(self, "HEAD")) {
      if (pages[i].is_open || exchange_authorize(self, AUTH_READ)) pages[i].handle(self);
      return true;
    }
    rpc_status status = rpc_status_error(RPC_UNIMPLEMENTED, "METHOD_NOT_ALLOWED", "%s answers GET", pages[i].path);
    snprintf(self->allow, sizeof self->allow, "GET, HEAD");
    exchange_fail(self, &status, 405);
    exchange_send(self);
    return true;
  }
  return false;
}

static void write_line(json_writer *text, const char *name, const char *about) {
  char line[256];
  int length = snprintf(line, sizeof line, "%-42s %s\n", name, about);
  json_write_bytes(text, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

void pages_write_index(gateway_listener *listener) {
  listener->index = json_writer_make(INDEX_MAX);
  for (int i = 0; i < PAGES_COUNT; i++) {
    char name[64];
    snprintf(name, sizeof name, "GET %s", pages[i].path);
    write_line(&listener->index, name, pages[i].about);
  }
  size_t count;
  const route *all = routes_all(listener->routes, &count);
  for (size_t i = 0; i < count; i++) write_line(&listener->index, all[i].name, all[i].method->name);
}

static void index_page(exchange *self) {
  self->vary = "accept";
  if (console_is_wanted(self)) {
    console_page(self);
    return;
  }
  json_write_bytes(&self->body, self->listener->index.bytes, self->listener->index.length);
  exchange_reply(self, 200, "text/plain; charset=utf-8");
  exchange_send(self);
}

static void openapi_page(exchange *self) {
  json_write_bytes(&self->body, (const char *)openapi_json, openapi_json_size);
  exchange_reply(self, 200, "application/json");
  exchange_send(self);
}

static void health_page(exchange *self) {
  if (self->listener->backend) {
    health_of_backend(self, self->listener->backend);
  } else {
    health_of_all(self);
  }
}
