/* SHA-256 of bytes at hand: of each audit line, and of each request that carries an idempotency key. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SHA256_SIZE = 32 };

/* False without memory. From any thread. */
bool sha256_of(const void *bytes, size_t size, uint8_t digest[SHA256_SIZE]);
