/* exec/processes/processes.h - processes://, as exec/open.c opens it. */
#ifndef EXEC_PROCESSES_PROCESSES_H
#define EXEC_PROCESSES_PROCESSES_H
#include "exec/url.h"

struct tutti_executor;
/* u->workers are given.  NULL and *rc, with words. */
struct tutti_executor *processes_open(const struct url *u, int *rc);
/* Is this process itself a worker, or should have been? */
bool processes_refused(void);
#endif
