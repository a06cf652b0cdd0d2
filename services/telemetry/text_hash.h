/* FNV-1a of a text, for tables in memory; not for anything that a stranger may choose keys against, or that is stored.
 */
#pragma once

#include <stdint.h>

static inline uint32_t text_hash(const char *text) {
  uint32_t hash = 2166136261u;
  for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 16777619u;
  return hash;
}
