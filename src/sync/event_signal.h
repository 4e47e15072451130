/* sync/event_signal.h - signals that set events, without a scope: for net/signals.c, which
 * needs several or none.  See event_signal.c. */
#ifndef SYNC_EVENT_SIGNAL_H
#define SYNC_EVENT_SIGNAL_H
#include <tutti/sync.h>

/* From now on signum sets *e.  0; -EINVAL, -EBUSY, with words. */
int signal_hook(tutti_event *e, int signum);
/* The old action comes back, and nobody touches *e any more. */
void signal_unhook(int signum);
#endif
