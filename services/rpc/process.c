/* One instance per data directory (a locked pid file), and waiting for the signal to stop or to begin anew. */
#include "rpc/process.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "rpc/settings.h"

static void pid_path(char path[PATH_MAX], const char *dir, const char *name) {
  snprintf(path, PATH_MAX, "%s/%s.pid", dir, name);
}

rpc_status process_claim(const char *dir, const char *name) {
  char path[PATH_MAX];
  pid_path(path, dir, name);
  int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return rpc_status_error(RPC_INTERNAL, "PID_FILE", "cannot open %s: %s", path, strerror(errno));
  char text[32] = "";
  if (flock(file, LOCK_EX | LOCK_NB) != 0) {
    ssize_t got = read(file, text, sizeof text - 1);
    text[got > 0 ? strcspn(text, "\n") : 0] = '\0';
    close(file);
    return rpc_status_error(RPC_ALREADY_EXISTS, "ALREADY_RUNNING", "%s runs already on %s as process %s", name, dir,
                            text);
  }
  int length = snprintf(text, sizeof text, "%d\n", (int)getpid());
  if (ftruncate(file, 0) != 0 || write(file, text, (size_t)length) != length) {
    rpc_status status = rpc_status_error(RPC_INTERNAL, "PID_FILE", "cannot write %s: %s", path, strerror(errno));
    close(file);
    return status;
  }
  return rpc_status_ok(); /* the file stays open: its lock is the claim */
}

void process_release(const char *dir, const char *name) {
  char path[PATH_MAX];
  pid_path(path, dir, name);
  unlink(path);
}

static void end_signals(sigset_t *set) {
  sigemptyset(set);
  sigaddset(set, SIGTERM);
  sigaddset(set, SIGINT);
  sigaddset(set, SIGUSR1);
}

void process_block_signals(void) {
  sigset_t set;
  end_signals(&set);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  signal(SIGPIPE, SIG_IGN);
}

void process_set_scheduling(void) {
  enum { NORMAL, BATCH };
  static const char *const policies[] = {[NORMAL] = "normal", [BATCH] = "batch", NULL};
  if (settings_choice("STORE_SCHEDULING", NORMAL, policies) == NORMAL) return;
  sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){0}); /* where it is not allowed, all is as before */
}

log_level process_log_level(void) {
  static const char *const levels[] = {
      [LOG_DEBUG] = "debug", [LOG_INFO] = "info", [LOG_WARN] = "warn", [LOG_ERROR] = "error", NULL};
  return (log_level)settings_choice("STORE_LOG_LEVEL", LOG_INFO, levels);
}

process_end process_wait_for_end(void) {
  sigset_t set;
  end_signals(&set);
  int received;
  while (sigwait(&set, &received) != 0) continue;
  return received == SIGUSR1 ? PROCESS_RESTART : PROCESS_EXIT;
}

void process_nng_is_stuck(void *log) {
  log_write(log, LOG_ERROR, "NNG does not let go of connections any more: beginning anew", NULL, 0);
  kill(getpid(), SIGUSR1);
}

void process_restart(const char *name) {
  char *const argv[] = {(char *)name, NULL};
  char program[PATH_MAX] = "";
  if (readlink("/proc/self/exe", program, sizeof program - 1) < 0) return;
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC); /* a port kept open could not be listened on */
  execv(program, argv);
}
