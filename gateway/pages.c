/* The pages that are the gateway's own, on every port, and the one place where endpoints are coded by hand. */
#include "gateway/pages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/health.h"
#include "openapi_json.h"
#include "rpc/v1/metrics.rpc.h"

static void index_page(exchange *self);
static void health_page(exchange *self);
static void metrics_page(exchange *self);
static void openapi_page(exchange *self);

static const struct {
  const char *path;
  void (*handle)(exchange *self);
  const char *about;
} pages[PAGES_COUNT] = {
    {"/", index_page, "this page"},
    {"/health", health_page, "whether it serves, and what it depends on"},
    {"/metrics", metrics_page, "Prometheus text; of a service on the port for all with ?service=NAME"},
    {"/openapi.json", openapi_page, "all endpoints, as OpenAPI"},
};

void pages_init(gateway *server) {
  for (int i = 0; i < PAGES_COUNT; i++) gateway_endpoint_init(&server->pages[i], server, NULL, "GET", pages[i].path);
}

bool pages_handle(exchange *self) {
  h2o_iovec_t path = exchange_path(self);
  for (int i = 0; i < PAGES_COUNT; i++) {
    if (!h2o_memis(path.base, path.len, pages[i].path, strlen(pages[i].path))) continue;
    self->endpoint = &self->listener->server->pages[i];
    if (exchange_is(self, "GET") || exchange_is(self, "HEAD")) {
      pages[i].handle(self);
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

static void write_line(exchange *self, const char *name, const char *about) {
  char line[256];
  int length = snprintf(line, sizeof line, "%-42s %s\n", name, about);
  json_write_bytes(&self->body, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

static void index_page(exchange *self) {
  for (int i = 0; i < PAGES_COUNT; i++) {
    char name[64];
    snprintf(name, sizeof name, "GET %s", pages[i].path);
    write_line(self, name, pages[i].about);
  }
  size_t count;
  const route *all = routes_all(self->listener->routes, &count);
  for (size_t i = 0; i < count; i++) write_line(self, all[i].name, all[i].method->name);
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

static void on_scrape(void *arg, const rpc_status *status, const Rpc__V1__ScrapeResponse *response) {
  exchange *self = arg;
  const char *content_type = response ? rpc_arena_strdup(&self->arena, response->content_type) : NULL;
  if (response && content_type) {
    json_write_bytes(&self->body, (const char *)response->body.data, response->body.len);
    exchange_reply(self, 200, content_type);
  } else {
    exchange_fail(self, status, response ? 500 : 0);
  }
  exchange_post(self);
}

static void write_own_metrics(exchange *self) {
  size_t length;
  char *text = metrics_write_text(self->listener->server->config.metrics, &length);
  if (text) {
    json_write_bytes(&self->body, text, length);
  } else {
    self->body.failed = true;
  }
  free(text);
  exchange_reply(self, 200, METRICS_TEXT_CONTENT_TYPE);
  exchange_send(self);
}

/* The backend that ?service= names; NULL where there is none such. */
static const gateway_backend *named_backend(const exchange *self) {
  static const char key[] = "service=";
  const gateway *server = self->listener->server;
  h2o_iovec_t query = exchange_query(self);
  if (query.len < sizeof key - 1 || memcmp(query.base, key, sizeof key - 1) != 0) return NULL;
  const char *name = query.base + sizeof key - 1;
  for (size_t i = 0; i < server->config.backend_count; i++) {
    const gateway_backend *backend = &server->backends[i];
    if (h2o_memis(name, query.len - (sizeof key - 1), backend->name, strlen(backend->name))) {
      return backend;
    }
  }
  return NULL;
}

static void metrics_page(exchange *self) {
  const gateway_backend *backend = self->listener->backend ? self->listener->backend : named_backend(self);
  if (backend) {
    rpc_call_options options = exchange_call_options(self);
    Rpc__V1__ScrapeRequest request = RPC__V1__SCRAPE_REQUEST__INIT;
    rpc_v1_metrics_scrape(backend->client, &request, &options, on_scrape, self);
  } else if (exchange_query(self).len > 0) {
    rpc_status status = rpc_status_invalid("service", "there is no such service");
    exchange_fail(self, &status, 0);
    exchange_send(self);
  } else {
    write_own_metrics(self);
  }
}
