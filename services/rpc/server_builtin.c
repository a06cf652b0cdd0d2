/* What every server answers: rpc.v1.Health, Metrics and Reflection, and through trace_service.c Traces. */
#include <stdlib.h>

#include "rpc/server_private.h"
#include "rpc/trace_service.h"
#include "rpc/v1/health.rpc.h"
#include "rpc/v1/metrics.rpc.h"
#include "rpc/v1/reflection.rpc.h"

static const char *serving(bool yes) {
  return yes ? "SERVING" : "NOT_SERVING";
}

static void check_health(void *self, rpc_call *call, const Rpc__V1__HealthCheckRequest *request) {
  (void)request;
  rpc_server *server = self;
  bool healthy = !atomic_load(&server->draining);
  Rpc__V1__DependencyHealth entries[DEPENDENCIES_MAX];
  Rpc__V1__DependencyHealth *pointers[DEPENDENCIES_MAX];
  char details[DEPENDENCIES_MAX][128];
  for (size_t i = 0; i < server->dependency_count; i++) {
    const health_dependency *dependency = &server->dependencies[i];
    details[i][0] = '\0';
    bool up = dependency->check(dependency->arg, details[i], sizeof details[i]);
    if (!up && dependency->critical) healthy = false;
    rpc__v1__dependency_health__init(&entries[i]);
    entries[i].name = (char *)dependency->name;
    entries[i].status = (char *)serving(up);
    entries[i].detail = up ? (char *)"" : details[i];
    pointers[i] = &entries[i];
  }
  Rpc__V1__HealthCheckResponse response = RPC__V1__HEALTH_CHECK_RESPONSE__INIT;
  response.status = (char *)serving(healthy);
  response.service = (char *)server->config.name;
  response.uptime_seconds = (double)(rpc_clock_now_us(server->config.clock) - server->started_us) / 1e6;
  response.n_dependencies = server->dependency_count;
  response.dependencies = pointers;
  rpc_v1_health_check_reply(call, &response);
}

static void scrape_metrics(void *self, rpc_call *call, const Rpc__V1__ScrapeRequest *request) {
  rpc_server *server = self;
  bool open = request->format == RPC__V1__METRICS_FORMAT__OPENMETRICS_TEXT;
  metrics_format format = open ? METRICS_FORMAT_OPENMETRICS : METRICS_FORMAT_TEXT;
  size_t length;
  char *text = metrics_write(server->config.metrics, format, &length);
  if (!text) {
    rpc_status status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "", "no memory for the metrics");
    rpc_call_fail(call, &status);
    return;
  }
  Rpc__V1__ScrapeResponse response = RPC__V1__SCRAPE_RESPONSE__INIT;
  response.content_type = (char *)metrics_content_type(format);
  response.body = (ProtobufCBinaryData){length, (uint8_t *)text};
  rpc_v1_metrics_scrape_reply(call, &response);
  free(text);
}

static void get_file_descriptor_set(void *self, rpc_call *call, const Rpc__V1__GetFileDescriptorSetRequest *request) {
  (void)request;
  rpc_server *server = self;
  char *names[SERVICES_MAX];
  for (size_t i = 0; i < server->service_count; i++) names[i] = (char *)server->services[i].api->full_name;
  Rpc__V1__GetFileDescriptorSetResponse response = RPC__V1__GET_FILE_DESCRIPTOR_SET_RESPONSE__INIT;
  response.file_descriptor_set =
      (ProtobufCBinaryData){api_file_descriptor_set_size, (uint8_t *)api_file_descriptor_set};
  response.n_services = server->service_count;
  response.services = names;
  rpc_v1_reflection_get_file_descriptor_set_reply(call, &response);
}

void server_add_builtin_services(rpc_server *server) {
  static const rpc_v1_health_handlers health = {.check = check_health};
  static const rpc_v1_metrics_handlers metrics = {.scrape = scrape_metrics};
  static const rpc_v1_reflection_handlers reflection = {.get_file_descriptor_set = get_file_descriptor_set};
  rpc_v1_health_register(server, &health, server);
  rpc_v1_metrics_register(server, &metrics, server);
  rpc_v1_reflection_register(server, &reflection, server);
  trace_service_register(server, server->config.traces);
}
