/* A simulated network: transports that carry envelopes to a server in the same process, with latency and faults. */
#pragma once

#include "rpc/server.h"
#include "rpc/transport.h"
#include "simulation/world.h"

typedef struct network network;

/* clock (virtual), random and faults outlive it. */
network *network_create(rpc_clock *clock, rpc_random *random, const world_faults *faults);

/* Only when nothing is under way. */
void network_destroy(network *net);

/* A transport to a server, which outlives it. faulty: the network's faults apply to it. NULL without memory. */
rpc_transport *network_connect(network *net, rpc_server *server, bool faulty);

int64_t network_fault_count(const network *net);
