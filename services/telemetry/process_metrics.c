/* Process metrics for metrics_text.c, read at each scrape. */
#include "telemetry/process_metrics.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

typedef struct process_stat {
  double cpu_seconds, threads, start_seconds, virtual_bytes, resident_bytes; /* NAN: unknown */
} process_stat;

/* When the machine booted, in seconds since the epoch; NAN where unknown. */
static double boot_seconds(void) {
  double boot = NAN;
  char line[256];
  FILE *file = fopen("/proc/stat", "re");
  if (file == NULL) return NAN;
  while (fgets(line, sizeof line, file) != NULL && sscanf(line, "btime %lf", &boot) != 1) continue;
  fclose(file);
  return boot;
}

/* /proc/self/stat is fields split by spaces, after a program's name in parentheses that may hold anything: proc(5). */
static process_stat read_stat(void) {
  process_stat stat = {NAN, NAN, NAN, NAN, NAN};
  char text[1024];
  FILE *file = fopen("/proc/self/stat", "re");
  if (file == NULL) return stat;
  size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = '\0';
  const char *after_name = strrchr(text, ')');
  uint64_t user, system, threads, start, virtual, resident;
  /* fields 14 utime, 15 stime, 20 num_threads, 22 starttime, 23 vsize, 24 rss; after the name comes field 3 */
  if (after_name == NULL || sscanf(after_name + 1,
                                   " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64 " %" SCNu64
                                   " %*s %*s %*s %*s %" SCNu64 " %*s %" SCNu64 " %" SCNu64 " %" SCNu64,
                                   &user, &system, &threads, &start, &virtual, &resident) != 6) {
    return stat;
  }
  double ticks = (double)sysconf(_SC_CLK_TCK);
  stat.cpu_seconds = (double)(user + system) / ticks;
  stat.threads = (double)threads;
  stat.start_seconds = boot_seconds() + (double)start / ticks;
  stat.virtual_bytes = (double)virtual;
  stat.resident_bytes = (double)resident * (double)sysconf(_SC_PAGESIZE);
  return stat;
}

static double count_open_fds(void) {
  DIR *dir = opendir("/proc/self/fd");
  if (dir == NULL) return NAN;
  int count = -1; /* the one that reads the folder */
  for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) count += entry->d_name[0] != '.';
  closedir(dir);
  return count;
}

static double max_fds(void) {
  struct rlimit limit;
  return getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ? NAN : (double)limit.rlim_cur;
}

void process_metrics_write(FILE *out, metrics_format format) {
  process_stat stat = read_stat();
  const struct {
    const char *name, *type, *help;
    double value;
  } metrics[] = {
      {"process_cpu_seconds_total", "counter", "User and system CPU time spent.", stat.cpu_seconds},
      {"process_resident_memory_bytes", "gauge", "Resident memory.", stat.resident_bytes},
      {"process_virtual_memory_bytes", "gauge", "Virtual memory.", stat.virtual_bytes},
      {"process_start_time_seconds", "gauge", "When the process started, since the epoch.", stat.start_seconds},
      {"process_threads", "gauge", "Threads of the process.", stat.threads},
      {"process_open_fds", "gauge", "Open file descriptors.", count_open_fds()},
      {"process_max_fds", "gauge", "File descriptors that may be open.", max_fds()},
  };
  for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
    if (isnan(metrics[i].value)) continue;
    metrics_write_header(out, format, metrics[i].name, metrics[i].type, metrics[i].help);
    fprintf(out, "%s %.15g\n", metrics[i].name, metrics[i].value);
  }
}
