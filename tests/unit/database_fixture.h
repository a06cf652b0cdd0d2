/* For tests of what is stored: a file, or PostgreSQL where STORE_TEST_DATABASE_URL names a database to be used (the
 * schemas of the tests in it are dropped), and reads that wait. Header only, like service_fixture.h. */
#pragma once

#include <libpq-fe.h>
#include <semaphore.h>

#include "service_fixture.h"
#include "storage/storage.h"

static inline bool tests_use_postgres(void) {
  return getenv("STORE_TEST_DATABASE_URL") != NULL;
}

/* The database to open instead of that new file (or ":memory:"), empty. */
static inline const char *fresh_database(const char *file, const char *schema) {
  const char *url = getenv("STORE_TEST_DATABASE_URL");
  if (!url) return file;
  char sql[128];
  snprintf(sql, sizeof sql, "SET client_min_messages TO warning; DROP SCHEMA IF EXISTS \"%s\" CASCADE", schema);
  PGconn *link = PQconnectdb(url);
  PGresult *result = PQexec(link, sql);
  if (PQresultStatus(result) != PGRES_COMMAND_OK) fail_msg("%s", PQerrorMessage(link));
  PQclear(result);
  PQfinish(link);
  return url;
}

typedef struct waiting_read {
  storage_job job;
  rpc_status (*read)(void *arg, storage_tx *tx);
  void *arg;
  rpc_status status;
  sem_t ended;
} waiting_read;

static inline rpc_status waiting_read_run(storage_job *job, storage_tx *tx) {
  waiting_read *self = (waiting_read *)job;
  return self->read(self->arg, tx);
}

static inline void waiting_read_done(storage_job *job, const rpc_status *status) {
  waiting_read *self = (waiting_read *)job;
  self->status = *status;
  sem_post(&self->ended);
}

/* Reads, and waits for the end of it. */
static inline rpc_status read_now(storage *db, rpc_status (*read)(void *arg, storage_tx *tx), void *arg) {
  waiting_read self = {.job = {.run = waiting_read_run, .done = waiting_read_done}, .read = read, .arg = arg};
  sem_init(&self.ended, 0, 0);
  storage_read(db, &self.job);
  while (sem_wait(&self.ended) != 0) continue;
  sem_destroy(&self.ended);
  return self.status;
}
