/* The process scratch-service: a server of a .proto of its own, built with our plugin as anybody's would be, for tests
 * of what works with any service. Takes the URL to listen on, prints the port, and ends on SIGTERM. */
#include <nng/nng.h>
#include <stdio.h>
#include <unistd.h>

#include "rpc/listener.h"
#include "rpc/process.h"
#include "scratch.rpc.h"

enum { A_MINUTE_US = 60 * 1000000 };

static void echo(void *self, rpc_call *call, const Scratch__V1__Everything *request) {
  (void)self;
  scratch_v1_scratch_service_echo_reply(call, request);
}

static void fail(void *self, rpc_call *call, const Scratch__V1__Everything *request) {
  (void)self;
  rpc_status status = rpc_status_error(RPC_ABORTED, "SCRATCHED", "as asked for: %s", request->a_string);
  rpc_status_set_fact(&status, "order_id", "ORD-1");
  rpc_call_fail(call, &status);
}

static char *text_or_empty(const char *text) {
  return text == NULL ? (char *)"" : (char *)text;
}

static void whoami(void *self, rpc_call *call, const Scratch__V1__Everything *request) {
  (void)self, (void)request;
  char traceparent[TRACE_PARENT_SIZE];
  trace_context_format(rpc_call_trace(call), traceparent);
  traceparent[3 + 32] = '\0';
  Scratch__V1__Caller caller = SCRATCH__V1__CALLER__INIT;
  caller.correlation_id = (char *)rpc_call_correlation_id(call);
  caller.idempotency_key = text_or_empty(rpc_call_metadata(call, RPC_METADATA_IDEMPOTENCY_KEY));
  caller.color = text_or_empty(rpc_call_metadata(call, "color"));
  caller.trace_id = traceparent + 3;
  scratch_v1_scratch_service_whoami_reply(call, &caller);
}

static void wake(void *arg) {
  rpc_status status = rpc_status_error(RPC_DEADLINE_EXCEEDED, "OVERSLEPT", "a minute has passed");
  rpc_call_fail(arg, &status);
}

static void go_to_sleep(void *self, rpc_call *call, const Scratch__V1__Everything *request) {
  (void)self, (void)request;
  rpc_clock *clock = rpc_call_clock(call);
  rpc_clock_set(clock, rpc_call_timer(call), rpc_clock_now_us(clock) + A_MINUTE_US, wake, call);
}

int main(int argc, char **argv) {
  static const scratch_v1_scratch_service_handlers handlers = {
      .echo = echo, .fail = fail, .whoami = whoami, .sleep = go_to_sleep};
  process_block_signals();
  rpc_random random;
  rpc_random_init(&random, 0);
  metrics_registry *metrics = metrics_registry_create();
  trace_recorder *traces = trace_recorder_create("scratch", 16);
  rpc_server *server = rpc_server_create(&(rpc_server_config){
      .name = "scratch", .clock = rpc_clock_create(), .random = &random, .metrics = metrics, .traces = traces});
  scratch_v1_scratch_service_register(server, &handlers, NULL);
  rpc_status status = rpc_status_ok();
  rpc_listener *listener = rpc_listener_create(server, argc > 1 ? argv[1] : "tcp://127.0.0.1:0", NULL, &status);
  if (listener == NULL) {
    fprintf(stderr, "scratch-service: %s\n", status.message);
    return 1;
  }
  printf("%u\n", (unsigned)rpc_listener_port(listener));
  fflush(stdout);
  process_wait_for_end();
  _exit(0); /* calls that still sleep go with the process */
}
