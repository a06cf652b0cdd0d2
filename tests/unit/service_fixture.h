/* For tests of services: a server on a virtual clock, fed with packed envelopes as a listener would feed it, and the
 * answers read back. Header only, so that each test stays one file. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h wants the four above before it. */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rpc/envelope.h"
#include "rpc/server.h"

typedef struct fixture {
  rpc_clock *clock;
  rpc_random random;
  metrics_registry *metrics;
  rpc_server *server;
} fixture;

enum { FIXTURE_START_MS = 1700000000 };

static inline void fixture_open(fixture *f) {
  memset(f, 0, sizeof *f);
  f->clock = rpc_clock_create_virtual(1000ll * FIXTURE_START_MS);
  rpc_random_init(&f->random, 7);
  f->metrics = metrics_registry_create();
  f->server = rpc_server_create(
      &(rpc_server_config){.name = "test", .clock = f->clock, .random = &f->random, .metrics = f->metrics});
}

/* The server first: what is registered with it is the caller's to destroy between this and fixture_close. */
static inline void fixture_close_server(fixture *f) {
  rpc_server_destroy(f->server);
}

static inline void fixture_close(fixture *f) {
  rpc_clock_destroy(f->clock);
  metrics_registry_destroy(f->metrics);
}

/* The value of a counter or gauge that the code under test has defined. */
static inline int64_t fixture_metric(fixture *f, metrics_kind kind, const char *name, const char *label,
                                     const char *value) {
  metrics_family *family =
      metrics_define(f->metrics, kind, name, "", label ? (const char *const[]){label, NULL} : NULL);
  return metrics_value(metrics_series_get(family, label ? (const char *const[]){value} : NULL));
}

/* A call's answer: where it goes, and what it was. */
typedef struct call_reply {
  int count; /* 0: not answered yet */
  rpc_status status;
  ProtobufCMessage *message; /* NULL unless status is RPC_OK */
  const api_method *method;
  rpc_arena arena;
} call_reply;

static inline void reply_take(void *arg, nng_msg *message) {
  call_reply *reply = arg;
  reply->count++;
  Rpc__V1__Response *response = envelope_unpack_response(message, &reply->arena);
  assert_non_null(response);
  reply->status = envelope_status(response);
  if (reply->status.code == RPC_OK) {
    rpc_status status;
    reply->message = envelope_unpack_payload(reply->method->output, response->payload, &reply->arena, &status);
    assert_non_null(reply->message);
  }
  nng_msg_free(message);
}

/* key: the idempotency key; NULL: none. timeout_ms 0: the server's default. */
static inline void send_call(rpc_server *server, call_reply *reply, const api_method *method,
                             const ProtobufCMessage *request, const char *key, uint32_t timeout_ms) {
  memset(reply, 0, sizeof *reply);
  reply->method = method;
  rpc_arena_init(&reply->arena, 16 * 1024 * 1024);
  const rpc_metadata metadata[] = {{RPC_METADATA_IDEMPOTENCY_KEY, key},
                                   {RPC_METADATA_CORRELATION_ID, "correlation-of-the-test"}};
  size_t size = protobuf_c_message_get_packed_size(request);
  uint8_t *payload = malloc(size + 1);
  protobuf_c_message_pack(request, payload);
  rpc_server_handle(server, envelope_pack_request(method->name, timeout_ms, metadata, 2, payload, size), reply_take,
                    reply);
  free(payload);
}

/* Lets time pass until the call is answered. */
static inline void await_reply(fixture *f, call_reply *reply) {
  while (reply->count == 0) assert_true(rpc_clock_advance(f->clock));
}

static inline void free_reply(call_reply *reply) {
  rpc_arena_free(&reply->arena);
}

/* Lets that much time pass, firing the timers due in it. */
static inline void fixture_noop(void *arg) {
  *(int *)arg = 1;
}

static inline void pass_time(fixture *f, int64_t milliseconds) {
  rpc_timer timer = {0};
  int fired = 0;
  rpc_clock_set(f->clock, &timer, rpc_clock_now_us(f->clock) + milliseconds * 1000, fixture_noop, &fired);
  while (!fired) assert_true(rpc_clock_advance(f->clock));
}

/* A new folder of the test's own, to be removed by remove_folder. */
static inline void make_folder(char path[64]) {
  snprintf(path, 64, "/tmp/store-test-XXXXXX");
  assert_non_null(mkdtemp(path));
}

/* Removes the named files (ended by NULL) that are there, SQLite's beside them too, and the folder. */
static inline void remove_folder(const char *path, const char *const *names) {
  static const char *const suffixes[] = {"", "-wal", "-shm"};
  for (; *names; names++) {
    for (int i = 0; i < 3; i++) {
      char file[256];
      snprintf(file, sizeof file, "%s/%s%s", path, *names, suffixes[i]);
      unlink(file);
    }
  }
  assert_int_equal(rmdir(path), 0);
}
