/* A simulated network: transports that carry envelopes to servers in the same process, with latency, loss, duplicates
 * and cuts. */
#pragma once

#include "rpc/server.h"
#include "rpc/transport.h"
#include "simulation/journal.h"

/* Shares of messages, from 0 to 1. */
typedef struct network_faults {
  double drop_request; /* the connection is lost before the request arrives */
  double drop_reply;   /* the request is carried out, and its answer lost */
  double duplicate;    /* the request arrives twice */
  double delay;        /* it is under way for up to two seconds, and overtaken */
} network_faults;

typedef struct network network;

/* clock (the world's), random and journal outlive it. */
network *network_create(rpc_clock *clock, rpc_random *random, const network_faults *faults, event_journal *journal);

/* Only when nothing is under way. */
void network_destroy(network *net);

/* From now on no message is lost, doubled or delayed, but for cut nodes. */
void network_heal(network *net);

/* How many messages were lost, doubled or delayed so far. */
int64_t network_fault_count(const network *net);

/* A place that messages go to and come from. */
typedef struct network_node network_node;
network_node *network_node_create(network *net, const char *name);
void network_node_destroy(network_node *node);

/* A server answers there. */
void network_node_up(network_node *node, rpc_server *server);

/* The process there is gone: whoever waits for it loses the connection, and nobody hears from it any more, be it a
 * server or a client. */
void network_node_down(network_node *node);

/* While it is cut, messages to and from it vanish, and nobody is told. */
void network_node_cut(network_node *node, bool cut);

/* A transport from the process that runs at `from` now (NULL: from somebody outside) to whatever runs at `to`. NULL
 * without memory. faulty: the network's faults apply to it. */
rpc_transport *network_connect(network_node *from, network_node *to, bool faulty);
