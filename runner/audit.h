/* `store-runner audit FILE`: verifies the chain of an audit log (telemetry/audit_chain.h) through all its files. */
#pragma once

#include <stdio.h>

/* Reads path.N, …, path.1 (the rotated ones that are there), then path, and writes what is wrong, line by line, and a
 * summary to out. 0: the chain is whole; 1: lines were edited, removed or inserted; 2: a file cannot be read. The end
 * of the log is the one place where removed lines do not show. */
int runner_audit_run(const char *path, FILE *out);
