/* The process order-service: settings and wiring. Besides the settings of process/service_host.h:
 * STORE_INVENTORY_ADDRESS and STORE_PAYMENT_ADDRESS (one URL or several replicas', comma-separated; default
 * tcp://127.0.0.1:<port in the .proto>), STORE_HISTORY_RETENTION_HOURS (1 to 1000000; default 720): how long the
 * histories of final orders are kept, STORE_STEP_ATTEMPT_TIMEOUT_MS (100 to 3600000; default 10000): how long one
 * attempt of a step may take before it is made again. */
#include <stdio.h>

#include "order/handlers.h"
#include "process/service_host.h"
#include "rpc/settings.h"

static rpc_client *connect_to(service_host *host, const api_service *api) {
  char name[64], fallback[64];
  snprintf(fallback, sizeof fallback, "tcp://127.0.0.1:%u", (unsigned)api->rpc_port);
  const char *urls = settings_text(settings_name(name, api->name, "ADDRESS"), fallback);
  rpc_status status = rpc_status_ok();
  rpc_client_config config = {.target = api->name,
                              .transport = rpc_transport_create_nng(urls, host->doors.tls, &status),
                              .clock = host->clock,
                              .random = &host->random,
                              .metrics = host->metrics,
                              .traces = host->traces,
                              .faults = host->faults,
                              .token = host->doors.token};
  config.attempt_timeout_ms = (uint32_t)settings_integer("STORE_STEP_ATTEMPT_TIMEOUT_MS", 10000, 100, 3600000);
  service_host_check(host, &status);
  return rpc_client_create(&config);
}

int main(void) {
  service_host host;
  simulation_settings simulated = simulation_settings_from_environment();
  simulated.timeout_rate = simulated.error_rate = 0; /* those lie on the way to the others */
  int64_t history_hours = settings_integer("STORE_HISTORY_RETENTION_HOURS", 720, 1, 1000000);
  service_host_open(&host, &api_store_v1_order_service);

  order_service_config config = {.database = host.database,
                                 .threaded = true,
                                 .simulation = simulated,
                                 .inventory = connect_to(&host, &api_store_v1_inventory_service),
                                 .payment = connect_to(&host, &api_store_v1_payment_service),
                                 .clock = host.clock,
                                 .random = &host.random,
                                 .metrics = host.metrics,
                                 .log = host.log,
                                 .faults = host.faults,
                                 .audit = host.audit,
                                 .traces = host.traces,
                                 .retention_hours = host.retention_hours,
                                 .history_hours = history_hours};
  rpc_status status;
  order_service *service = order_service_create(&config, &status);
  service_host_check(&host, &status);
  order_service_register(service, host.server);

  service_host_serve(&host);

  order_service_destroy(service);
  service_host_close(&host);
  return 0;
}
