/* Inventory's writes as jobs of storage: what handlers.c puts into them and what it finds there when they are done.
 * Private to this folder. */
#pragma once

#include <stdatomic.h>

#include "inventory/handlers.h"
#include "inventory/product_cache.h"
#include "inventory/store.h"
#include "storage/idempotency.h"
#include "storage/schedule.h"

typedef enum inventory_outcome {
  INVENTORY_HELD,
  INVENTORY_CONFIRMED,
  INVENTORY_RELEASED,
  INVENTORY_EXPIRED,
  INVENTORY_OUT_OF_STOCK,
  INVENTORY_CONFLICT,
  INVENTORY_OUTCOME_COUNT,
  INVENTORY_UNCOUNTED = INVENTORY_OUTCOME_COUNT
} inventory_outcome;

/* Reads what the gauges show; one at a time. */
typedef struct gauges_read {
  storage_job job; /* first: run and done get it back as their read */
  inventory_service *service;
  atomic_bool is_busy;
} gauges_read;

struct inventory_service {
  inventory_service_config config;
  storage *db;
  idempotency *keys;
  simulation *sim;
  storage_schedule *sweep;
  product_cache *products;
  int64_t swept; /* reservations that the round under way expires */
  metrics_series *outcomes[INVENTORY_OUTCOME_COUNT];
  metrics_family *stock;
  metrics_series *active;
  gauges_read gauges;
};

/* A write on its way through the simulation and the database; in its call's arena. */
typedef struct inventory_write {
  storage_job job; /* first: run and done get it back as their write */
  inventory_service *service;
  rpc_call *call;
  int64_t now_ms; /* when it was queued */

  inventory_reservation reservation; /* reserve: the new one; confirm, release: only its id */
  reservation_line *lines;           /* reserve */
  size_t line_count;
  bool conflict;             /* reserve: as the simulation has it */
  reservation_action action; /* confirm, release */
  const char *product_id;    /* restock */
  int32_t quantity;

  const ProtobufCMessage *response; /* what run found: the answer where failure is RPC_OK */
  rpc_status failure;
  inventory_outcome outcome;
} inventory_write;

/* The run functions of storage_job. They return an error only where the transaction has to be undone: a refusal is an
 * answer, kept under the call's idempotency key like any other. */
rpc_status inventory_run_reserve(storage_job *job, storage_tx *tx);
rpc_status inventory_run_settle(storage_job *job, storage_tx *tx);
rpc_status inventory_run_restock(storage_job *job, storage_tx *tx);

/* Expires the holds whose lease has ended; the run function of a storage_chore whose arg is the service. */
rpc_status inventory_run_sweep(void *arg, storage_tx *tx, bool *more);

rpc_status inventory_out_of_memory(void);
rpc_status inventory_product_not_found(const char *product_id);
