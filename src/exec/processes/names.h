/* exec/processes/names.h - tasks by name: the number a request carries, on both sides. */
#ifndef EXEC_PROCESSES_NAMES_H
#define EXEC_PROCESSES_NAMES_H
#include "exec/processes/procs.h"

/* tutti_task.kept[NAME_KEPT]: its number in the lists of all arenas of this process. */
enum { NAME_KEPT = 3 };

/* Make the task known to p's workers, and leave its number in t->kept[NAME_KEPT].  0;
 * -TUTTI_ENOTASK, -ENOMEM, with words.  Under p->latch. */
int name_of(struct procs *p, const tutti_task *t);
/* In a worker: the task of that number; NULL and *why: it has none, or other sizes. */
const tutti_task *name_task(const struct head *h, uint32_t number, char *why, size_t size);
/* In a worker: load the task libraries that home had loaded by now. */
void names_load(const struct head *h);
#endif
