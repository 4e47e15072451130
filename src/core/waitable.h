/* core/waitable.h - what tutti_wait needs of each kind of thing it can wait for, so that
 * one loop (sync/wait_any.c) serves them all: it takes the latches of all cases in the
 * order of their addresses (each once), does the first that is ready, else enlists a node
 * in each, lets the latches go and parks.  A waker claims the node, hands over, and wakes
 * with the node's index. */
#ifndef CORE_WAITABLE_H
#define CORE_WAITABLE_H
#include "base/latch.h"
#include "core/wait.h"

struct waitable {
    /* The latch that guards c's object; NULL and *rc set: the case can never be done
     * (-EINVAL: malformed) or is done already in *rc's words (a stale future: -ESTALE). */
    struct latch *(*latch)(tutti_case *c, int *rc);
    /* Under the latch.  True: done, c->code says how, and *wake (may stay NULL) is a
     * context to be woken with *outcome after all latches are free. */
    bool (*attempt)(tutti_case *c, struct context **wake, int *outcome);
    /* Under the latch: would attempt succeed?  For tutti_wait_fd. */
    bool (*ready)(tutti_case *c);
    /* Under the latch: put the node into a list of core/waiters.h, from which
     * waiters_remove takes it if it still is in. */
    void (*enlist)(tutti_case *c, struct wait_node *n);
    /* After a wake with this case's index: fill c->code.  Under the latch. */
    void (*finish)(tutti_case *c, struct wait_node *n);
    /* Let the latch go, with what pokes ask for done. */
    void (*unlock)(tutti_case *c, struct latch *l);
    /* The two ends of a wait, without latches; NULL: nothing to do.  begin: make what
     * attempt will need; 0 or the error that ends the wait.  end: after begin gave 0, once;
     * done: c is the case that was done. */
    int (*begin)(tutti_case *c);
    void (*end)(tutti_case *c, struct context *self, bool done);
};

extern const struct waitable future_waitable; /* core/future.c: TUTTI_ON_DONE */
extern const struct waitable empty_waitable;  /* core/scope.c: TUTTI_ON_EMPTY */
extern const struct waitable chan_recv_waitable, chan_send_waitable; /* sync/chan_any.c */
extern const struct waitable event_waitable;  /* sync/event.c */
#endif
