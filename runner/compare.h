/* `store-runner compare A.json B.json`: what changed between two runs, told apart from chance by the bootstrap. */
#pragma once

#include <stdio.h>

enum { RUNNER_COMPARE_WORSE = 3, RUNNER_COMPARE_UNREADABLE = 2 };

/* Prints a line for each metric. 0: nothing got worse beyond chance; RUNNER_COMPARE_WORSE: something did;
 * RUNNER_COMPARE_UNREADABLE: a file is no report (why is on standard error). The same files give the same answer. */
int runner_compare(FILE *out, const char *path_a, const char *path_b);
