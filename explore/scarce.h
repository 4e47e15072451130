/* explore/scarce.h - whatever the explorer itself asks the system for and may not get:
 * memory, mappings, processes, files.  Each request can be made to fail by its number
 * (refuse=N, for tests). */
#ifndef EXPLORE_SCARCE_H
#define EXPLORE_SCARCE_H
#include "common.h"
#include <stdio.h>

void *scarce_bytes(size_t n); /* zeroed, for free(); NULL */
/* Zeroed pages, wherever (at NULL) or exactly there; NULL. */
void *scarce_map(void *at, size_t n);
void *scarce_shared(size_t n); /* the same, shared with the processes forked later */
long scarce_fork(void);        /* as fork(), without libc's part; -errno */
int scarce_open(const char *path, int flags);
FILE *scarce_pipe(const char *command); /* from it, as popen() */
FILE *scarce_stream(int fd);            /* to a copy of fd; NULL */
#endif
