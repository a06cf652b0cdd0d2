/* How much a queue of this process has to do, for the server in front of it (rpc_server_watch_queue). */
#pragma once

#include <stdint.h>

typedef struct rpc_load {
  int64_t wait_us; /* how long what is queued now waits before it is begun */
  int64_t busy_us; /* how long there has been something to do, since the process began */
} rpc_load;
