/* JSON to a message and back, as the gateway does it between h2o and the RPC client, or jansson's parse of the same
 * text alone. One line of JSON at the end, like transcode.py and transcode.mjs.
 *
 *   transcode store|jansson FILE SECONDS     FILE: a store.v1.Order as JSON */
#include <jansson.h>
#include <string.h>

#include "gateway/json_read.h"
#include "gateway/json_write.h"
#include "load.h"
#include "store/v1/order.pb-c.h"

enum { TEXT_MAX = 1 << 20, ARENA_LIMIT = 16 << 20, CALLS_AT_ONCE = 64 };

static size_t with_jansson(const char *text, size_t length) {
  json_error_t error;
  json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
  if (!json) {
    fprintf(stderr, "transcode: line %d: %s\n", error.line, error.text);
    exit(1);
  }
  json_decref(json);
  return 0;
}

static size_t with_store(const char *text, size_t length) {
  rpc_arena arena;
  rpc_arena_init(&arena, ARENA_LIMIT);
  json_reader reader = json_reader_make(&arena);
  ProtobufCMessage *order = json_read_new(&reader, &store__v1__order__descriptor);
  json_writer writer = json_writer_make(ARENA_LIMIT);
  if (!order || !json_read(&reader, order, NULL, text, length)) {
    fprintf(stderr, "transcode: %s\n", reader.status.message);
    exit(1);
  }
  json_write_message(&writer, order);
  size_t written = writer.failed ? 0 : writer.length;
  json_writer_free(&writer);
  rpc_arena_free(&arena);
  return written;
}

static double cpu_seconds(void) {
  struct timespec used;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return (double)used.tv_sec + (double)used.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  bool is_store = argc == 4 && strcmp(argv[1], "store") == 0;
  if (argc != 4 || (!is_store && strcmp(argv[1], "jansson") != 0)) {
    fprintf(stderr, "usage: transcode store|jansson FILE SECONDS\n");
    return 2;
  }
  static char text[TEXT_MAX];
  FILE *file = fopen(argv[2], "r");
  size_t length = file ? fread(text, 1, sizeof text, file) : 0;
  if (file) fclose(file);
  if (length == 0) {
    perror(argv[2]);
    return 1;
  }
  size_t (*once)(const char *text, size_t length) = is_store ? with_store : with_jansson;
  size_t written = once(text, length);
  int64_t calls = 0;
  double begin = cpu_seconds(), now = begin, end = begin + load_argument(argv[3]);
  while (now < end) {
    for (int i = 0; i < CALLS_AT_ONCE; i++) once(text, length);
    calls += CALLS_AT_ONCE;
    now = cpu_seconds();
  }
  double per_second = (double)calls / (now - begin);
  printf("{\"calls\":%lld,\"per_second\":%.1f,\"bytes_per_second\":%.0f,\"written_bytes\":%zu}\n", (long long)calls,
         per_second, per_second * (double)length, written);
  return 0;
}
