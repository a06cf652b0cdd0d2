/* Files as arrays in the program (embed.cmake), in one table. The page may load only these, and talk only to the
 * gateway that it came from: its policy says so to the browser. The charts' library is compressed, and empty where the
 * build could not fetch it (vendor.sh): the page shows figures alone then. */
#include "gateway/console.h"

#include "console/charts_js.h"
#include "console/console_css.h"
#include "console/console_html.h"
#include "console/console_js.h"
#include "console/dom_js.h"
#include "console/events_js.h"
#include "console/order_js.h"
#include "console/rates_js.h"
#include "console/simulation_js.h"
#include "console/uplot_css.h"
#include "console/uplot_js.h"
#include "gateway/files.h"

static const char HTML[] = "text/html; charset=utf-8";
static const char CSS[] = "text/css; charset=utf-8";
static const char JS[] = "text/javascript; charset=utf-8";
static const char POLICY[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static const built_in_file files[] = {
    {"/console/console.html", HTML, NULL, POLICY, console_html, sizeof console_html},
    {"/console/console.css", CSS, NULL, POLICY, console_css, sizeof console_css},
    {"/console/charts.js", JS, NULL, POLICY, charts_js, sizeof charts_js},
    {"/console/console.js", JS, NULL, POLICY, console_js, sizeof console_js},
    {"/console/dom.js", JS, NULL, POLICY, dom_js, sizeof dom_js},
    {"/console/events.js", JS, NULL, POLICY, events_js, sizeof events_js},
    {"/console/order.js", JS, NULL, POLICY, order_js, sizeof order_js},
    {"/console/rates.js", JS, NULL, POLICY, rates_js, sizeof rates_js},
    {"/console/simulation.js", JS, NULL, POLICY, simulation_js, sizeof simulation_js},
    {"/console/uplot.css", CSS, "gzip", POLICY, uplot_css, sizeof uplot_css},
    {"/console/uplot.js", JS, "gzip", POLICY, uplot_js, sizeof uplot_js},
};

bool console_is_wanted(const exchange *self) {
  if (self->listener->backend) return false;
  return exchange_accepts(self, "text/html") > exchange_accepts(self, "text/plain");
}

void console_page(exchange *self) {
  files_send(self, &files[0]);
}

void console_file_page(exchange *self) {
  files_send_requested(self, files, sizeof files / sizeof files[0], "the console");
}
