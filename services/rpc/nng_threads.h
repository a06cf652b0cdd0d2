/* How many threads NNG runs callbacks on. NNG 1.5.2 starts two for each processor, 16 at most, and has no setting for
 * that; they meet at the lock of their one queue, through which every message goes about five times: with one thread an
 * order took a quarter less of processor time than with four on two processors. From main. */
#pragma once

typedef struct nng_threads nng_threads;

/* STORE_RPC_THREADS: how many are to work (default: one for each two processors, 1 at least); the others are each given
 * a callback that waits until nng_threads_release. Before any socket is opened. NULL where all are to work, or where
 * NNG has not started as many as expected: all work then. */
nng_threads *nng_threads_limit(void);

/* Lets the others go, and frees. NULL is ignored. */
void nng_threads_release(nng_threads *threads);
