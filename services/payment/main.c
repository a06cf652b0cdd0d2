/* The process payment-service: settings and wiring. */
#include "payment/handlers.h"
#include "process/service_host.h"

int main(void) {
  service_host host;
  simulation_settings simulated = simulation_settings_from_environment();
  service_host_open(&host, &api_store_v1_payment_service);

  payment_service_config config = {.database = host.database,
                                   .threaded = true,
                                   .simulation = simulated,
                                   .clock = host.clock,
                                   .random = &host.random,
                                   .metrics = host.metrics,
                                   .log = host.log,
                                   .faults = host.faults,
                                   .audit = host.audit,
                                   .traces = host.traces,
                                   .retention_hours = host.retention_hours};
  rpc_status status;
  payment_service *service = payment_service_create(&config, &status);
  service_host_check(&host, &status);
  payment_service_register(service, host.server);

  service_host_serve(&host);

  payment_service_destroy(service);
  service_host_close(&host);
  return 0;
}
