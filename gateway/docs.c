/* Files as arrays in the program (embed.cmake), in one table. The viewer's are compressed, since every browser takes
 * that; they are empty where the build could not fetch it (docs/viewer.sh). */
#include "gateway/docs.h"

#include "docs/plain_html.h"
#include "docs/start_js.h"
#include "docs/viewer_css.h"
#include "docs/viewer_html.h"
#include "docs/viewer_js.h"

typedef struct docs_file {
  const char *path;
  const char *content_type;
  const char *content_encoding; /* NULL: as it is */
  const unsigned char *bytes;
  size_t size;
} docs_file;

enum { PLAIN_HTML, VIEWER_HTML, START_JS, VIEWER_JS, VIEWER_CSS, FILES };

static const docs_file files[FILES] = {
    [PLAIN_HTML] = {"/docs/plain.html", "text/html; charset=utf-8", NULL, plain_html, sizeof plain_html},
    [VIEWER_HTML] = {"/docs/viewer.html", "text/html; charset=utf-8", NULL, viewer_html, sizeof viewer_html},
    [START_JS] = {"/docs/start.js", "text/javascript; charset=utf-8", NULL, start_js, sizeof start_js},
    [VIEWER_JS] = {"/docs/viewer.js", "text/javascript; charset=utf-8", "gzip", viewer_js, sizeof viewer_js},
    [VIEWER_CSS] = {"/docs/viewer.css", "text/css; charset=utf-8", "gzip", viewer_css, sizeof viewer_css},
};

static void send_file(exchange *self, const docs_file *file) {
  json_write_bytes(&self->body, (const char *)file->bytes, file->size);
  self->content_encoding = file->content_encoding;
  exchange_reply(self, 200, file->content_type);
  exchange_send(self);
}

void docs_page(exchange *self) {
  bool has_viewer = files[VIEWER_JS].size > 1 && files[VIEWER_CSS].size > 1;
  send_file(self, &files[has_viewer ? VIEWER_HTML : PLAIN_HTML]);
}

void docs_file_page(exchange *self) {
  h2o_iovec_t path = exchange_path(self);
  for (size_t i = 0; i < FILES; i++) {
    if (!h2o_memis(path.base, path.len, files[i].path, strlen(files[i].path)) || files[i].size <= 1) continue;
    send_file(self, &files[i]);
    return;
  }
  rpc_status status = rpc_status_error(RPC_NOT_FOUND, "NO_SUCH_FILE", "the page /docs has no such file");
  exchange_fail(self, &status, 0);
  exchange_send(self);
}
