/* A seeded generator (xoshiro256**): for jitter, simulation and identifiers, where a run must be repeatable
 * from its seed. Not for secrets. Thread-safe: draws are taken under a lock. */
#pragma once

#include <pthread.h>
#include <stdint.h>

typedef struct rpc_random {
  pthread_mutex_t lock;
  uint64_t state[4];
} rpc_random;

/* seed 0: from the operating system. */
void rpc_random_init(rpc_random *random, uint64_t seed);

uint64_t rpc_random_next(rpc_random *random);

enum { RPC_RANDOM_ID_SIZE = 33 };

/* 128 bits as 32 hexadecimal digits: a correlation id for a request that has none. */
void rpc_random_id(rpc_random *random, char id[RPC_RANDOM_ID_SIZE]);

enum { RPC_RANDOM_UUID_SIZE = 37 };

/* A UUID of version 7 (RFC 9562), made at unix_ms: those made one after another sort so, to the millisecond, and where
 * they are kept in an index it grows at its end instead of everywhere. */
void rpc_random_uuid(rpc_random *random, int64_t unix_ms, char uuid[RPC_RANDOM_UUID_SIZE]);

/* Uniform in [0, 1). */
double rpc_random_unit(rpc_random *random);

/* Uniform in [low, high]; low where high < low. */
int64_t rpc_random_between(rpc_random *random, int64_t low, int64_t high);
