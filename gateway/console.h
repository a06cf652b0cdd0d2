/* The console, a page for browsers at /, and the files that it loads: all of them built into the gateway. */
#pragma once

#include "gateway/exchange.h"

/* Whether a browser asks, on the port for all; others get the index as text. */
bool console_is_wanted(const exchange *self);

/* / */
void console_page(exchange *self);

/* /console/{file} */
void console_file_page(exchange *self);
