/* For tests of the payment service: one on a database of its own, behind a server (service_fixture.h). */
#pragma once

#include "database_fixture.h"
#include "payment/handlers.h"

typedef struct bank {
  fixture f;
  payment_service *service;
} bank;

static inline void open_bank(bank *b, const char *database, simulation_settings settings) {
  memset(b, 0, sizeof *b);
  fixture_open(&b->f);
  rpc_status status;
  b->service = payment_service_create(&(payment_service_config){.database = database,
                                                                .simulation = settings,
                                                                .clock = b->f.clock,
                                                                .random = &b->f.random,
                                                                .metrics = b->f.metrics},
                                      &status);
  assert_int_equal(status.code, RPC_OK);
  payment_service_register(b->service, b->f.server);
}

static inline void close_bank(bank *b) {
  fixture_close_server(&b->f);
  payment_service_destroy(b->service);
  fixture_close(&b->f);
}
