/* One command is at most two calls, one after the other: rpc.v1.Reflection, and the method by what that told. */
#include "runner/call.h"

#include <ctype.h>
#include <math.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gateway/json_read.h"
#include "gateway/json_write.h"
#include "rpc/arena.h"
#include "rpc/v1/reflection.rpc.h"
#include "runner/call_arguments.h"
#include "runner/describe.h"
#include "runner/door.h"
#include "runner/reflection.h"

enum { OUTPUT_MAX = 256 * 1024 * 1024, REQUEST_MEMORY_MAX = 64 * 1024 * 1024, CONNECT_MAX_MS = 2000 };

/* A command under way. */
typedef struct session {
  const runner_call_arguments *arguments;
  rpc_call_options call; /* what goes with every call of it */
  rpc_client *client;
  reflection *types;
  char **services; /* names that the server says it answers, in the arena */
  size_t service_count;
  rpc_arena arena;
  json_writer out;
  sem_t ended;
  rpc_status status; /* of the latest call, then of the command */
} session;

/* --- calls --- */

static void wait_for_end(session *s) {
  while (sem_wait(&s->ended) != 0) continue;
}

static void copy_names(session *s, const Rpc__V1__GetFileDescriptorSetResponse *response) {
  s->services = rpc_arena_alloc(&s->arena, (response->n_services + 1) * sizeof *s->services);
  for (size_t i = 0; i < response->n_services && s->services != NULL; i++) {
    char *name = rpc_arena_strdup(&s->arena, response->services[i]);
    if (name != NULL) s->services[s->service_count++] = name;
  }
}

static void take_reflection(void *arg, const rpc_status *status,
                            const Rpc__V1__GetFileDescriptorSetResponse *response) {
  session *s = arg;
  s->status = *status;
  if (response != NULL) {
    copy_names(s, response);
    s->types = reflection_create(response->file_descriptor_set.data, response->file_descriptor_set.len, &s->status);
  }
  sem_post(&s->ended);
}

static bool ask_reflection(session *s) {
  Rpc__V1__GetFileDescriptorSetRequest request = RPC__V1__GET_FILE_DESCRIPTOR_SET_REQUEST__INIT;
  rpc_v1_reflection_get_file_descriptor_set(s->client, &request, &s->call, take_reflection, s);
  wait_for_end(s);
  if (s->types == NULL) return false;
  s->out.map_entries = reflection_map_entries(s->types, &s->out.map_entry_count);
  return true;
}

static void take_answer(rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  (void)done;
  session *s = arg;
  s->status = *status;
  if (response != NULL) json_write_message(&s->out, response);
  sem_post(&s->ended);
}

/* --- the request --- */

/* NULL with INVALID_ARGUMENT as the status. */
static ProtobufCMessage *read_request(session *s, const api_method *method) {
  char *input = NULL;
  const char *text = s->arguments->json;
  size_t length = strlen(text), capacity = 0;
  if (strcmp(text, "-") == 0) {
    ssize_t got = getdelim(&input, &capacity, '\0', stdin); /* JSON has no NUL: all there is */
    length = got > 0 ? (size_t)got : 0;
    text = input;
  }
  json_reader reader = {.arena = &s->arena};
  reader.map_entries = reflection_map_entries(s->types, &reader.map_entry_count);
  ProtobufCMessage *request = json_read_new(&reader, method->input);
  bool read = request != NULL && json_read(&reader, request, NULL, text, length);
  free(input);
  s->status = reader.status;
  return read ? request : NULL;
}

/* --- the commands --- */

static bool list(session *s) {
  runner_describe_list(&s->out, s->types, s->services, s->service_count);
  return true;
}

static bool describe(session *s) {
  if (s->arguments->symbol == NULL) {
    runner_describe_services(&s->out, s->types, s->services, s->service_count);
    return true;
  }
  if (runner_describe_symbol(&s->out, s->types, s->arguments->symbol)) return true;
  s->status = rpc_status_error(RPC_NOT_FOUND, "UNKNOWN_SYMBOL", "the service has no symbol '%s'", s->arguments->symbol);
  return false;
}

static bool call(session *s) {
  const api_method *method = reflection_method(s->types, s->arguments->symbol);
  if (method == NULL) {
    s->status =
        rpc_status_error(RPC_UNIMPLEMENTED, "UNKNOWN_METHOD", "the service has no method '%s'", s->arguments->symbol);
    return false;
  }
  const ProtobufCMessage *request = read_request(s, method);
  if (request == NULL) return false;
  rpc_client_call(s->client, method, request, &s->call, (rpc_completion){.thunk = take_answer, .arg = s});
  wait_for_end(s);
  return s->status.code == RPC_OK;
}

static const struct {
  const char *name;
  bool (*run)(session *s); /* false: the status says why */
} commands[] = {{"list", list}, {"describe", describe}, {"call", call}};

bool runner_call_is_command(const char *name) {
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    if (strcmp(commands[i].name, name) == 0) return true;
  }
  return false;
}

/* --- around them --- */

/* Headers that the client writes by itself go to their options; an own entry would be a second one of that key. */
static void take_headers(session *s, rpc_metadata metadata[RUNNER_CALL_HEADERS_MAX], trace_context *parent) {
  for (size_t i = 0; i < s->arguments->header_count; i++) {
    const char *header = s->arguments->headers[i], *colon = strchr(header, ':');
    char *key = rpc_arena_printf(&s->arena, "%.*s", (int)(colon - header), header);
    const char *value = colon + 1 + strspn(colon + 1, " ");
    for (char *at = key; at != NULL && *at != '\0'; at++) *at = (char)tolower((unsigned char)*at);
    if (key == NULL) continue;
    if (strcmp(key, RPC_METADATA_CORRELATION_ID) == 0) {
      s->call.correlation_id = value;
    } else if (strcmp(key, RPC_METADATA_IDEMPOTENCY_KEY) == 0) {
      s->call.idempotency_key = value;
    } else if (strcmp(key, RPC_METADATA_TRACEPARENT) == 0) {
      if (trace_context_parse(value, parent)) s->call.parent = parent;
    } else {
      metadata[s->call.metadata_count++] = (rpc_metadata){key, value};
    }
  }
  s->call.metadata = metadata;
}

static void print_error(const rpc_status *status) {
  json_writer error = {.limit = OUTPUT_MAX};
  const struct {
    const char *key, *text;
  } members[] = {{"code", rpc_code_name(status->code)},
                 {"reason", status->reason},
                 {"message", status->message},
                 {"field", status->field}};
  json_write_open(&error, '{');
  for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
    json_write_key(&error, members[i].key);
    json_write_text(&error, members[i].text);
  }
  json_write_key(&error, "metadata");
  json_write_open(&error, '{');
  for (int i = 0; i < RPC_STATUS_FACTS && status->facts[i].key[0] != '\0'; i++) {
    json_write_key(&error, status->facts[i].key);
    json_write_text(&error, status->facts[i].value);
  }
  json_write_close(&error, '}');
  json_write_close(&error, '}');
  fprintf(stderr, "%.*s\n", (int)error.length, error.bytes);
  json_writer_free(&error);
}

static void print_output(session *s) {
  bool written = !s->out.failed && fwrite(s->out.bytes, 1, s->out.length, stdout) == s->out.length &&
                 putchar('\n') != EOF && fflush(stdout) == 0;
  if (!written) s->status = rpc_status_error(RPC_INTERNAL, "OUTPUT", "the answer cannot be written as JSON");
}

/* Waits for a connection as long as there is time, but not for somebody who is not there. */
static void wait_connected(const session *s, const rpc_clock *clock) {
  int64_t until_us = rpc_clock_now_us(clock) + CONNECT_MAX_MS * INT64_C(1000);
  if (until_us > s->call.deadline_us) until_us = s->call.deadline_us;
  while (!rpc_client_connected(s->client) && rpc_clock_now_us(clock) < until_us) {
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
  }
}

static int run(const runner_call_arguments *arguments, rpc_clock *clock, rpc_random *random) {
  int64_t deadline_us = rpc_clock_now_us(clock) + llround(arguments->timeout * 1e6);
  session s = {.arguments = arguments, .call.deadline_us = deadline_us, .out = {.limit = OUTPUT_MAX}};
  rpc_metadata metadata[RUNNER_CALL_HEADERS_MAX];
  trace_context parent = {0};
  rpc_arena_init(&s.arena, REQUEST_MEMORY_MAX);
  sem_init(&s.ended, 0, 0);
  take_headers(&s, metadata, &parent);
  s.client = runner_door_connect("service", arguments->address, 0, clock, random, &s.status);
  if (s.client != NULL) {
    wait_connected(&s, clock);
    bool done = ask_reflection(&s);
    for (size_t i = 0; i < sizeof commands / sizeof *commands && done; i++) {
      if (strcmp(commands[i].name, arguments->command) == 0) done = commands[i].run(&s);
    }
    if (done) print_output(&s);
  }
  if (s.status.code != RPC_OK) print_error(&s.status);
  rpc_client_destroy(s.client);
  reflection_destroy(s.types);
  json_writer_free(&s.out);
  rpc_arena_free(&s.arena);
  sem_destroy(&s.ended);
  return s.status.code == RPC_OK ? 0 : RUNNER_CALL_EXIT_BASE + (int)s.status.code;
}

int runner_call_main(int argc, char **argv, rpc_clock *clock, rpc_random *random) {
  runner_call_arguments arguments;
  char error[256];
  bool usable = runner_call_parse(&arguments, argc, argv, error, sizeof error);
  if (usable && !arguments.help) return run(&arguments, clock, random);
  if (!usable) fprintf(stderr, "store-runner %s: %s\n", argv[1], error);
  runner_call_print_usage(usable ? stdout : stderr);
  return usable ? 0 : RUNNER_CALL_EXIT_USAGE;
}
