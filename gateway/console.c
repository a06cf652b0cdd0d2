/* Files as arrays in the program (embed.cmake), in one table. The page may load only these, and talk only to the
 * gateway that it came from: its policy says so to the browser. */
#include "gateway/console.h"

#include <string.h>

#include "console/console_css.h"
#include "console/console_html.h"
#include "console/console_js.h"
#include "console/dom_js.h"
#include "console/metrics_js.h"
#include "console/order_js.h"

static const char HTML[] = "text/html; charset=utf-8";
static const char CSS[] = "text/css; charset=utf-8";
static const char JS[] = "text/javascript; charset=utf-8";
static const char POLICY[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

typedef struct console_file {
  const char *path;
  const char *content_type;
  const unsigned char *bytes;
  size_t size;
} console_file;

static const console_file files[] = {
    {"/console/console.html", HTML, console_html, sizeof console_html},
    {"/console/console.css", CSS, console_css, sizeof console_css},
    {"/console/console.js", JS, console_js, sizeof console_js},
    {"/console/dom.js", JS, dom_js, sizeof dom_js},
    {"/console/metrics.js", JS, metrics_js, sizeof metrics_js},
    {"/console/order.js", JS, order_js, sizeof order_js},
};

static void send_file(exchange *self, const console_file *file) {
  json_write_bytes(&self->body, (const char *)file->bytes, file->size);
  self->policy = POLICY;
  exchange_reply(self, 200, file->content_type);
  exchange_send(self);
}

bool console_is_wanted(const exchange *self) {
  static const char name[] = "text/html";
  if (self->listener->backend) return false;
  ssize_t at = h2o_find_header(&self->req->headers, H2O_TOKEN_ACCEPT, -1);
  if (at < 0) return false;
  h2o_iovec_t accepted = self->req->headers.entries[at].value;
  return memmem(accepted.base, accepted.len, name, sizeof name - 1) != NULL;
}

void console_page(exchange *self) {
  send_file(self, &files[0]);
}

void console_file_page(exchange *self) {
  h2o_iovec_t path = exchange_path(self);
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    if (!h2o_memis(path.base, path.len, files[i].path, strlen(files[i].path))) continue;
    send_file(self, &files[i]);
    return;
  }
  rpc_status status = rpc_status_error(RPC_NOT_FOUND, "NO_SUCH_FILE", "the console has no such file");
  exchange_fail(self, &status, 0);
  exchange_send(self);
}
