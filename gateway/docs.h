/* The page /docs, openapi.json for people, and the files that it loads: all of them built into the gateway. */
#pragma once

#include "gateway/exchange.h"

/* /docs: the viewer, or the plain page where the build had none. */
void docs_page(exchange *self);

/* /docs/{file} */
void docs_file_page(exchange *self);
