/* Files as arrays in the program (embed.cmake), in one table. The viewer's are compressed, since every browser takes
 * that; they are empty where the build could not fetch it (vendor.sh). */
#include "gateway/docs.h"

#include "docs/plain_html.h"
#include "docs/start_js.h"
#include "docs/viewer_css.h"
#include "docs/viewer_html.h"
#include "docs/viewer_js.h"
#include "gateway/files.h"

enum { PLAIN_HTML, VIEWER_HTML, START_JS, VIEWER_JS, VIEWER_CSS, FILES };

static const built_in_file files[FILES] = {
    [PLAIN_HTML] = {"/docs/plain.html", "text/html; charset=utf-8", NULL, NULL, plain_html, sizeof plain_html},
    [VIEWER_HTML] = {"/docs/viewer.html", "text/html; charset=utf-8", NULL, NULL, viewer_html, sizeof viewer_html},
    [START_JS] = {"/docs/start.js", "text/javascript; charset=utf-8", NULL, NULL, start_js, sizeof start_js},
    [VIEWER_JS] = {"/docs/viewer.js", "text/javascript; charset=utf-8", "gzip", NULL, viewer_js, sizeof viewer_js},
    [VIEWER_CSS] = {"/docs/viewer.css", "text/css; charset=utf-8", "gzip", NULL, viewer_css, sizeof viewer_css},
};

void docs_page(exchange *self) {
  bool has_viewer = files_has(&files[VIEWER_JS]) && files_has(&files[VIEWER_CSS]);
  files_send(self, &files[has_viewer ? VIEWER_HTML : PLAIN_HTML]);
}

void docs_file_page(exchange *self) {
  files_send_requested(self, files, FILES, "the page /docs");
}
