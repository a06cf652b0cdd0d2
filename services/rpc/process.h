/* What every process of the store does around its work: one instance per data directory, signals, exit. From main. */
#pragma once

#include "rpc/status.h"
#include "telemetry/log.h"

/* Writes <dir>/<name>.pid and holds a lock on it for the life of the process. Fails (ALREADY_EXISTS, with the other's
 * pid in the message) where such a process is running. */
rpc_status process_claim(const char *dir, const char *name);

/* Blocks SIGTERM and SIGINT for the threads to come and ignores SIGPIPE; before any thread is started. */
void process_block_signals(void);

/* STORE_SCHEDULING: "batch" asks the kernel for SCHED_BATCH (sched(7)): a thread that wakes up does not interrupt the
 * one that runs. NNG hands each message through several threads, which on few cores interrupt each other at every
 * step. But neither do they interrupt another process that computes, and wait for its time slice: for machines that do
 * nothing else. "normal" (default) leaves the policy as it is. Before any thread is started. */
void process_set_scheduling(void);

/* STORE_LOG_LEVEL: debug, info (default), warn or error. */
log_level process_log_level(void);

/* Waits for SIGTERM or SIGINT. */
void process_wait_for_stop(void);

/* Removes what process_claim wrote. */
void process_release(const char *dir, const char *name);
