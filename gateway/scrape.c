/* Every process has metrics of its own, so one is asked by itself, not through the client that shares calls among a
 * service's processes. */
#include "gateway/scrape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/v1/metrics.rpc.h"

static void on_scrape(void *arg, const rpc_status *status, const Rpc__V1__ScrapeResponse *response) {
  exchange *self = arg;
  if (response) {
    const char *content_type = rpc_arena_strdup(&self->arena, response->content_type);
    json_write_bytes(&self->body, (const char *)response->body.data, response->body.len);
    exchange_reply(self, 200, content_type ? content_type : METRICS_TEXT_CONTENT_TYPE);
  } else {
    exchange_fail(self, status, 0);
  }
  exchange_post(self);
}

/* OpenMetrics for who wants it more than the older text, as Prometheus does. */
static metrics_format wanted_format(const exchange *self) {
  bool open = exchange_accepts(self, "application/openmetrics-text") > exchange_accepts(self, "text/plain");
  return open ? METRICS_FORMAT_OPENMETRICS : METRICS_FORMAT_TEXT;
}

static void write_own_metrics(exchange *self) {
  size_t length;
  metrics_format format = wanted_format(self);
  char *text = metrics_write(self->listener->server->config.metrics, format, &length);
  if (text) {
    json_write_bytes(&self->body, text, length);
  } else {
    self->body.failed = true;
  }
  free(text);
  exchange_reply(self, 200, metrics_content_type(format));
  exchange_send(self);
}

/* The value of a query parameter; empty where it is absent. */
static h2o_iovec_t query_value(const exchange *self, const char *key) {
  h2o_iovec_t query = exchange_query(self);
  size_t length = strlen(key);
  const char *at = query.base, *end = query.base + query.len;
  while (at < end) {
    const char *ampersand = memchr(at, '&', (size_t)(end - at));
    const char *stop = ampersand ? ampersand : end;
    if ((size_t)(stop - at) > length && memcmp(at, key, length) == 0 && at[length] == '=') {
      return h2o_iovec_init(at + length + 1, (size_t)(stop - at) - length - 1);
    }
    at = ampersand ? ampersand + 1 : end;
  }
  return h2o_iovec_init(NULL, 0);
}

/* Process number `number` of a service; NULL where there is none such. */
static rpc_client *find_replica(const gateway *server, h2o_iovec_t service, size_t number) {
  for (size_t i = 0; i < server->config.replica_count; i++) {
    const gateway_replica *replica = &server->replicas[i];
    if (!h2o_memis(service.base, service.len, replica->service, strlen(replica->service))) continue;
    if (number-- == 0) return replica->client;
  }
  return NULL;
}

static void ask(exchange *self, rpc_client *client) {
  rpc_call_options options = exchange_call_options(self);
  Rpc__V1__ScrapeRequest request = RPC__V1__SCRAPE_REQUEST__INIT;
  bool open = wanted_format(self) == METRICS_FORMAT_OPENMETRICS;
  request.format = open ? RPC__V1__METRICS_FORMAT__OPENMETRICS_TEXT : RPC__V1__METRICS_FORMAT__PROMETHEUS_TEXT;
  rpc_v1_metrics_scrape(client, &request, &options, on_scrape, self);
}

void scrape_metrics_page(exchange *self) {
  const gateway_backend *backend = self->listener->backend;
  h2o_iovec_t service = query_value(self, "service"), replica = query_value(self, "replica");
  if (backend) service = h2o_iovec_init(backend->name, strlen(backend->name));
  if (service.len == 0 && exchange_query(self).len == 0) {
    write_own_metrics(self);
    return;
  }
  size_t number = replica.len > 0 ? h2o_strtosize(replica.base, replica.len) : 0; /* SIZE_MAX where it is no number */
  rpc_client *client = find_replica(self->listener->server, service, number);
  if (client) {
    ask(self, client);
    return;
  }
  rpc_status status = rpc_status_invalid("service", "there is no such service or replica");
  exchange_fail(self, &status, 0);
  exchange_send(self);
}

/* --- targets --- */

/* The request's host with another port. */
static void write_address(exchange *self, uint16_t port) {
  h2o_iovec_t host = self->req->authority;
  size_t length = host.len;
  while (length > 0 && host.base[length - 1] >= '0' && host.base[length - 1] <= '9') length--;
  bool has_port = length > 0 && host.base[length - 1] == ':';
  const char *text =
      rpc_arena_printf(&self->arena, "%.*s:%u", (int)(has_port ? length - 1 : host.len), host.base, port);
  json_write_text(&self->body, text);
}

static void write_label(json_writer *writer, const char *key, const char *text) {
  json_write_key(writer, key);
  json_write_text(writer, text);
}

/* number: of the replica, as text; NULL for the gateway. */
static void write_target(exchange *self, uint16_t port, const char *service, const char *number) {
  json_writer *writer = &self->body;
  json_write_open(writer, '{');
  json_write_key(writer, "targets");
  json_write_open(writer, '[');
  write_address(self, port);
  json_write_close(writer, ']');
  json_write_key(writer, "labels");
  json_write_open(writer, '{');
  write_label(writer, "service", service);
  if (number) {
    write_label(writer, "replica", number);
    write_label(writer, "__param_replica", number); /* sent as ?replica= */
  }
  json_write_close(writer, '}');
  json_write_close(writer, '}');
}

void scrape_targets_page(exchange *self) {
  const gateway *server = self->listener->server;
  json_write_open(&self->body, '[');
  write_target(self, gateway_port(server, server->config.backend_count), "gateway", NULL);
  for (size_t i = 0; i < server->config.backend_count; i++) {
    const char *name = server->backends[i].name;
    h2o_iovec_t service = h2o_iovec_init(name, strlen(name));
    for (size_t number = 0; find_replica(server, service, number); number++) {
      char text[24];
      snprintf(text, sizeof text, "%zu", number);
      write_target(self, gateway_port(server, i), name, text);
    }
  }
  json_write_close(&self->body, ']');
  exchange_reply(self, 200, "application/json");
  exchange_send(self);
}
