/* sched/urgent.h - SIGURG, by which this library stops a thread of its own for a moment: to
 * hand over the interpreter lock (gil.c), to look at what computes (culprit.c), or to have its
 * forked calls made public (worker_urgent).  What is
 * for neither goes to who had the signal before.  Tests: tests/gil_test.c. */
#ifndef SCHED_URGENT_H
#define SCHED_URGENT_H
#include <stdbool.h>

/* Have it handled, until as many calls of urgent_leave. */
void urgent_enter(void);
void urgent_leave(void);
/* Send it to a thread of this process. */
void urgent_send(int tid);

/* --- who is asked, in the handler; true: it was for them --- */
bool gil_urgent(void);
bool culprit_urgent(const void *context);
bool worker_urgent(void);
#endif
