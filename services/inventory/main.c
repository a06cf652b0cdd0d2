/* The process inventory-service: settings and wiring. */
#include "inventory/handlers.h"
#include "process/service_host.h"
#include "rpc/settings.h"

int main(void) {
  service_host host;
  simulation_settings simulated = simulation_settings_from_environment();
  int64_t lease_ms = settings_integer("STORE_RESERVATION_TTL_MS", INVENTORY_LEASE_DEFAULT_MS, INVENTORY_LEASE_MIN_MS,
                                      INVENTORY_LEASE_MAX_MS);
  service_host_open(&host, &api_store_v1_inventory_service);

  inventory_service_config config = {.database = host.database,
                                     .threaded = true,
                                     .simulation = simulated,
                                     .lease_ms = lease_ms,
                                     .clock = host.clock,
                                     .random = &host.random,
                                     .metrics = host.metrics,
                                     .log = host.log,
                                     .faults = host.faults,
                                     .audit = host.audit,
                                     .traces = host.traces,
                                     .retention_hours = host.retention_hours};
  rpc_status status;
  inventory_service *service = inventory_service_create(&config, &status);
  service_host_check(&host, &status);
  inventory_service_register(service, host.server);

  service_host_serve(&host);

  inventory_service_destroy(service);
  service_host_close(&host);
  return 0;
}
