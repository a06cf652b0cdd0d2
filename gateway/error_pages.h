/* Turns the errors that h2o itself answers requests with (a body too large, a broken chunk) into problem details. */
#pragma once

#include <h2o.h>

#include "rpc/random.h"

/* For the requests that end up in path: those that no handler has seen. random, for correlation ids, outlives it. */
void error_pages_register(h2o_pathconf_t *path, rpc_random *random);
