/* An h2o filter that replaces the body. Such a request was not understood: its correlation id is one made here. */
#include "gateway/error_pages.h"

#include <string.h>

#include "gateway/json_write.h"
#include "gateway/problem.h"

enum { BODY_MAX = 4096 };

typedef struct error_filter {
  h2o_filter_t super;
  rpc_random *random;
} error_filter;

/* Sends its own body, once, in place of what comes down the stream. */
typedef struct error_stream {
  h2o_ostream_t super;
  h2o_iovec_t body;
} error_stream;

static const struct {
  int http_status;
  const char *reason;
} reasons[] = {{413, "BODY_TOO_LARGE"}, {417, "EXPECTATION_FAILED"}};

static void send_body(h2o_ostream_t *stream, h2o_req_t *req, h2o_iovec_t *buffers, size_t count,
                      h2o_send_state_t state) {
  (void)buffers;
  (void)count;
  h2o_iovec_t *body = &((error_stream *)stream)->body;
  h2o_ostream_send_next(stream, req, body, body->len > 0 ? 1 : 0, state);
  body->len = 0;
}

static h2o_iovec_t write_problem(h2o_req_t *req, const char *correlation_id) {
  const char *reason = "MALFORMED_REQUEST";
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
    if (reasons[i].http_status == req->res.status) reason = reasons[i].reason;
  }
  rpc_code code = req->res.status < 500 ? RPC_INVALID_ARGUMENT : RPC_INTERNAL;
  rpc_status status = rpc_status_error(code, reason, "%s", req->res.reason);
  json_writer writer = json_writer_make(BODY_MAX);
  problem_write(&writer, &status, req->res.status, correlation_id);
  h2o_iovec_t body = h2o_strdup(&req->pool, writer.bytes ? writer.bytes : "", writer.length);
  json_writer_free(&writer);
  return body;
}

static void on_setup(h2o_filter_t *filter, h2o_req_t *req, h2o_ostream_t **slot) {
  if (req->res.status >= 400) {
    rpc_random *random = ((error_filter *)filter)->random;
    char *id = h2o_mem_alloc_pool(&req->pool, RPC_RANDOM_ID_SIZE);
    rpc_random_id(random, id);
    error_stream *stream = (error_stream *)h2o_add_ostream(req, sizeof *stream, slot);
    slot = &stream->super.next;
    stream->super.do_send = send_body;
    stream->body = write_problem(req, id);
    req->res.content_length = stream->body.len;
    h2o_set_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, H2O_STRLIT(PROBLEM_CONTENT_TYPE), 1);
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("x-correlation-id"), 0, NULL, id, 32);
  }
  h2o_setup_next_ostream(req, slot);
}

void error_pages_register(h2o_pathconf_t *path, rpc_random *random) {
  error_filter *filter = (error_filter *)h2o_create_filter(path, sizeof *filter);
  filter->super.on_setup_ostream = on_setup;
  filter->random = random;
}
