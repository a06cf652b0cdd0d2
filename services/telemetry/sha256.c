/* libcrypto looks a digest up by its name each time that it is asked for, which takes as long as a line's digest: once
 * is enough. */
#include "telemetry/sha256.h"

#include <openssl/evp.h>
#include <pthread.h>

static EVP_MD *algorithm; /* set once, never freed */

static void find_algorithm(void) {
  algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
}

bool sha256_of(const void *bytes, size_t size, uint8_t digest[SHA256_SIZE]) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, find_algorithm);
  return algorithm != NULL && EVP_Digest(bytes, size, digest, NULL, algorithm, NULL) == 1;
}
