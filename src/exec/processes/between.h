/* exec/processes/between.h - locks and channels that home and its workers share: what
 * sync/far/ needs of this executor.  See between.c. */
#ifndef EXEC_PROCESSES_BETWEEN_H
#define EXEC_PROCESSES_BETWEEN_H
#include <stdbool.h>

struct far_space;
struct procs;
struct serving;
struct tutti_executor;

int between_begin(struct procs *p);
void between_end(struct procs *p);
struct far_space *procs_space(struct tutti_executor *ex);
/* Lane i's worker is gone, and no new one has begun.  Under the latch. */
void between_died(struct procs *p, unsigned i, bool retired);
/* In a worker.  False: no memory. */
bool between_enter(struct serving *s);
#endif
