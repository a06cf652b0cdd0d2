/* Runs a target over the files of the folders (or the files) that the command line names: what stands in for
 * libFuzzer's own main where a build has none, so that the corpus is tested by every compiler and sanitizer. */
#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>

#include "fuzz.h"

static bool replay_file(const char *path) {
  FILE *file = fopen(path, "rb");
  struct stat about;
  if (!file || fstat(fileno(file), &about) != 0) {
    perror(path);
    return false;
  }
  size_t size = (size_t)about.st_size;
  uint8_t *bytes = malloc(size ? size : 1); /* not one more: reading past it is seen */
  bool is_read = bytes && fread(bytes, 1, size, file) == size;
  fclose(file);
  fprintf(stderr, "%s\n", path); /* the last one named is the one that ended the process */
  if (is_read) LLVMFuzzerTestOneInput(bytes, size);
  free(bytes);
  return is_read;
}

/* How many files there were; none is an error. */
static int replay(const char *path) {
  DIR *folder = opendir(path);
  if (!folder) return replay_file(path) ? 1 : 0;
  int count = 0;
  for (struct dirent *entry; (entry = readdir(folder));) {
    char inside[PATH_MAX];
    if (entry->d_name[0] == '.') continue;
    snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
    count += replay_file(inside) ? 1 : 0;
  }
  closedir(folder);
  return count;
}

int main(int argc, char **argv) {
  int count = 0;
  for (int i = 1; i < argc; i++) count += replay(argv[i]);
  fprintf(stderr, "%d inputs\n", count);
  return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
