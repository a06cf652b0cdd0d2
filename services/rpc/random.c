/* xoshiro256** (Blackman, Vigna), seeded through splitmix64. */
#include "rpc/random.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "telemetry/trace.h"

static uint64_t splitmix(uint64_t *state) {
  uint64_t z = (*state += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, int by) {
  return (x << by) | (x >> (64 - by));
}

void rpc_random_init(rpc_random *random, uint64_t seed) {
  pthread_mutex_init(&random->lock, NULL);
  if (seed == 0 && getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) abort();
  for (int i = 0; i < 4; i++) random->state[i] = splitmix(&seed);
}

uint64_t rpc_random_next(rpc_random *random) {
  pthread_mutex_lock(&random->lock);
  uint64_t *s = random->state;
  uint64_t result = rotate(s[1] * 5, 7) * 9;
  uint64_t t = s[1] << 17;
  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = rotate(s[3], 45);
  pthread_mutex_unlock(&random->lock);
  return result;
}

double rpc_random_unit(rpc_random *random) {
  return (double)(rpc_random_next(random) >> 11) * 0x1p-53;
}

int64_t rpc_random_between(rpc_random *random, int64_t low, int64_t high) {
  if (high <= low) return low;
  return low + (int64_t)(rpc_random_unit(random) * (double)(high - low + 1));
}

void rpc_random_id(rpc_random *random, char id[RPC_RANDOM_ID_SIZE]) {
  uint64_t words[2];
  uint8_t bytes[sizeof words];
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) words[i] = rpc_random_next(random);
  memcpy(bytes, words, sizeof words);
  trace_format_id(id, bytes, sizeof bytes);
  id[RPC_RANDOM_ID_SIZE - 1] = '\0';
}

void rpc_random_uuid(rpc_random *random, int64_t unix_ms, char uuid[RPC_RANDOM_UUID_SIZE]) {
  enum { TIME_BYTES = 6, VERSION_AT = 6, VARIANT_AT = 8 };
  static const size_t groups[] = {4, 2, 2, 2, 6}; /* bytes of each */
  uint64_t words[2] = {rpc_random_next(random), rpc_random_next(random)};
  uint8_t bytes[sizeof words];
  memcpy(bytes, words, sizeof words);
  for (int i = 0; i < TIME_BYTES; i++) bytes[i] = (uint8_t)((uint64_t)unix_ms >> (8 * (TIME_BYTES - 1 - i)));
  bytes[VERSION_AT] = (uint8_t)(0x70 | (bytes[VERSION_AT] & 0x0f));
  bytes[VARIANT_AT] = (uint8_t)(0x80 | (bytes[VARIANT_AT] & 0x3f));
  const uint8_t *from = bytes;
  for (size_t i = 0; i < sizeof groups / sizeof groups[0]; from += groups[i++]) {
    trace_format_id(uuid, from, groups[i]);
    uuid += 2 * groups[i];
    *uuid++ = '-';
  }
  uuid[-1] = '\0';
}
