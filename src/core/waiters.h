/* core/waiters.h - those who wait at one object, first come first: the few steps that
 * all primitives share.  A head of all zero is an empty list, so that an
 * object of all zero is ready to use.  Everything here is called under the object's
 * latch but for waiters_wake, which is called after it was let go: then the object may
 * be gone, since whom we wake may own it.  Tests: tests/sync_test.c, tests/sync_moment_test.c. */
#ifndef CORE_WAITERS_H
#define CORE_WAITERS_H
#include "base/latch.h"
#include "core/wait.h"

static inline bool waiters_none(const struct list *head)
{
    return !head->next || list_empty(head);
}

static inline void waiters_add(struct list *head, struct wait_node *n)
{
    if (!head->next)
        list_init(head);
    list_push_back(head, &n->link);
}

/* Fine when it is out: a waker has taken it. */
static inline void waiters_remove(struct wait_node *n)
{
    if (list_linked(&n->link))
        list_remove(&n->link);
}

static inline struct wait_node *waiters_first(const struct list *head)
{
    return waiters_none(head) ? NULL : list_entry(head->next, struct wait_node, link);
}

/* Take out the first that can still be had; it is the caller's to wake.  Those that
 * were cut meanwhile are dropped, observers are told and left out.  NULL: none. */
static inline struct wait_node *waiters_claim(struct list *head)
{
    struct wait_node *n;
    while ((n = waiters_first(head))) {
        list_remove(&n->link);
        if (wait_node_claim(n))
            return n;
    }
    return NULL;
}

/* All of them, in order, behind what is in *woken.  How many. */
static inline unsigned waiters_claim_all(struct list *head, struct list *woken)
{
    struct wait_node *n;
    unsigned count = 0;
    for (; (n = waiters_claim(head)); count++)
        list_push_back(woken, &n->link);
    return count;
}

/* After the latch was let go: let them run, each with its index as outcome. */
static inline void waiters_wake(struct list *woken)
{
    struct list *l;
    while ((l = list_pop(woken))) {
        struct wait_node *n = list_entry(l, struct wait_node, link);
        wait_wake(n->who, n->index);
    }
}

static inline void waiters_wake_signal(struct list *woken)
{
    struct list *l;
    while ((l = list_pop(woken))) {
        struct wait_node *n = list_entry(l, struct wait_node, link);
        wait_wake_signal(n->who, n->index);
    }
}

/* An object that must settle with its waiters whenever its latch is let go, since signal
 * handlers may leave that to whoever holds it. */
struct settled {
    void (*add)(void *object, struct wait_node *n); /* under the latch */
    void (*unlock)(void *object, struct list *woken); /* lets it go; whom to wake */
};
/* Wait at it, until a waker comes or cut off: 0 or as a wait. */
int waiters_park(struct context *c, const char *what, void *object, struct latch *l,
                 const struct settled *of);

/* For a wait that ended with an error: the words to it. */
static inline int wait_failed(int code)
{
    return why_static(code, tutti_strerror(code));
}
#endif
