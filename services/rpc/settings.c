/* Settings from the environment: each is read once, checked, and named in full when it is wrong. */
#include "rpc/settings.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { EXIT_USAGE = 2 };

const char *settings_text(const char *name, const char *fallback) {
  const char *value = getenv(name);
  return value && *value ? value : fallback;
}

char *settings_secret(const char *name) {
  enum { SECRET_SIZE = 1024 };
  char variable[128], secret[SECRET_SIZE] = "";
  const char *value = settings_text(name, NULL);
  snprintf(variable, sizeof variable, "%s_FILE", name);
  const char *path = settings_text(variable, NULL);
  if (value) return strdup(value);
  if (!path) return NULL;
  FILE *file = fopen(path, "re");
  bool is_read = file && fgets(secret, sizeof secret, file);
  if (file) fclose(file);
  secret[strcspn(secret, "\r\n")] = '\0';
  if (!is_read || !secret[0]) {
    fprintf(stderr, "%s: no secret can be read from %s\n", variable, path);
    exit(EXIT_USAGE);
  }
  char *copy = strdup(secret);
  explicit_bzero(secret, sizeof secret);
  return copy;
}

int64_t settings_integer(const char *name, int64_t fallback, int64_t min, int64_t max) {
  const char *text = settings_text(name, NULL);
  if (!text) return fallback;
  char *end;
  errno = 0;
  long long value = strtoll(text, &end, 10);
  if (errno != 0 || *end != '\0' || value < min || value > max) {
    fprintf(stderr, "%s: '%s' is not a whole number from %lld to %lld\n", name, text, (long long)min, (long long)max);
    exit(EXIT_USAGE);
  }
  return value;
}

double settings_decimal(const char *name, double fallback, double min, double max) {
  const char *text = settings_text(name, NULL);
  if (!text) return fallback;
  char *end;
  errno = 0;
  double value = strtod(text, &end);
  if (errno != 0 || *end != '\0' || !isfinite(value) || value < min || value > max) {
    fprintf(stderr, "%s: '%s' is not a number from %g to %g\n", name, text, min, max);
    exit(EXIT_USAGE);
  }
  return value;
}

int settings_choice(const char *name, int fallback, const char *const *choices) {
  const char *text = settings_text(name, NULL);
  if (!text) return fallback;
  for (int i = 0; choices[i]; i++) {
    if (strcasecmp(choices[i], text) == 0) return i;
  }
  fprintf(stderr, "%s: '%s' is not one of", name, text);
  for (int i = 0; choices[i]; i++) fprintf(stderr, " %s", choices[i]);
  fputc('\n', stderr);
  exit(EXIT_USAGE);
}

const char *settings_data_dir(void) {
  const char *dir = settings_text("STORE_DATA_DIR", ".store");
  if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
    fprintf(stderr, "STORE_DATA_DIR: cannot make '%s': %s\n", dir, strerror(errno));
    exit(EXIT_USAGE);
  }
  return dir;
}

const char *settings_name(char buffer[64], const char *service, const char *what) {
  snprintf(buffer, 64, "STORE_%s_%s", service, what);
  for (char *c = buffer; *c; c++) *c = *c == '-' ? '_' : (char)toupper((unsigned char)*c);
  return buffer;
}
