/* Durable writes alone: N jobs in flight, each an insert of a 300-byte row, through services/storage as the services
 * use it. The part of an order that is commits.
 *
 *   storage_load DATABASE IN_FLIGHT SECONDS */
#include <string.h>

#include "load.h"
#include "storage/storage.h"

enum { INSERT, STATEMENT_COUNT, ROW_BYTES = 300 };

static const char *const migrations[] = {"CREATE TABLE rows (id BIGINT PRIMARY KEY, text TEXT NOT NULL);", NULL};
static const char *const statements[] = {[INSERT] = "INSERT INTO rows (id, text) VALUES ($1, $2)"};

typedef struct program {
  load load;
  storage *db;
  int64_t next_id;
  char text[ROW_BYTES + 1];
} program;

typedef struct writer {
  storage_job job; /* first */
  program *program;
  int64_t id, started_ns;
} writer;

static rpc_status run(storage_job *job, storage_tx *tx) {
  writer *self = (writer *)job;
  storage_run(tx, INSERT, "it", self->id, self->program->text);
  return storage_tx_status(tx);
}

static void begin(writer *self) {
  self->id = __atomic_fetch_add(&self->program->next_id, 1, __ATOMIC_RELAXED);
  self->started_ns = load_now_ns();
  storage_write(self->program->db, &self->job);
}

static void done(storage_job *job, const rpc_status *status) {
  writer *self = (writer *)job;
  if (status->code != RPC_OK) fprintf(stderr, "storage_load: %s\n", status->message);
  if (load_record(&self->program->load, self->started_ns, status->code == RPC_OK)) begin(self);
}

int main(int argc, char **argv) {
  static program self; /* large for a stack */
  if (argc != 4) {
    fprintf(stderr, "usage: storage_load DATABASE IN_FLIGHT SECONDS\n");
    return 2;
  }
  int in_flight = (int)load_argument(argv[2]);
  rpc_status status;
  memset(self.text, 'x', ROW_BYTES);
  self.db = storage_open(&(storage_config){.database = argv[1],
                                           .migrations = migrations,
                                           .statements = statements,
                                           .statement_count = STATEMENT_COUNT,
                                           .threaded = true},
                         &status);
  if (!self.db) {
    fprintf(stderr, "storage_load: %s\n", status.message);
    return 1;
  }
  writer *writers = calloc((size_t)in_flight, sizeof *writers);
  load_start(&self.load, in_flight, load_argument(argv[3]));
  for (int i = 0; i < in_flight; i++) {
    writers[i] = (writer){.job = {.run = run, .done = done}, .program = &self};
    begin(&writers[i]);
  }
  load_wait(&self.load);
  storage_close(self.db);
  free(writers);
  load_print(&self.load, "");
  return 0;
}
