/* What every process of the store does around its work: one instance per data directory, signals, exit. From main. */
#pragma once

#include "rpc/status.h"
#include "telemetry/log.h"

/* Writes <dir>/<name>.pid and holds a lock on it for the life of the process. Fails (ALREADY_EXISTS, with the other's
 * pid in the message) where such a process is running. */
rpc_status process_claim(const char *dir, const char *name);

/* Blocks SIGTERM, SIGINT and SIGUSR1 for the threads to come and ignores SIGPIPE; before any thread is started. */
void process_block_signals(void);

/* STORE_SCHEDULING: "batch" asks the kernel for SCHED_BATCH (sched(7)): a thread that wakes up does not interrupt the
 * one that runs. NNG hands each message through several threads, which on few cores interrupt each other at every
 * step. But neither do they interrupt another process that computes, and wait for its time slice: for machines that do
 * nothing else. "normal" (default) leaves the policy as it is. Before any thread is started. */
void process_set_scheduling(void);

/* STORE_LOG_LEVEL: debug, info (default), warn or error. */
log_level process_log_level(void);

/* What a process is to do when it is done. */
typedef enum process_end { PROCESS_EXIT, PROCESS_RESTART } process_end;

/* Waits for SIGTERM or SIGINT, or for SIGUSR1 (PROCESS_RESTART). */
process_end process_wait_for_end(void);

/* For nng_watch_create: says so in the log, a log_sink, and sends the process SIGUSR1. From any thread. */
void process_nng_is_stuck(void *log);

/* Begins the program anew in this process, which keeps its pid and its environment, and nothing else: as after kill -9
 * and a start. Returns only where that is not possible. */
void process_restart(const char *name);

/* Removes what process_claim wrote. */
void process_release(const char *dir, const char *name);
