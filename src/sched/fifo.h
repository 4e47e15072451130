/* sched/fifo.h - a queue of runnables that one thread alone touches.
 * Holds: head is NULL when it is empty; else last is the end of the chain that begins there.
 *
 * A branch in place of a pointer to the last link: what is pushed is popped soon, and the
 * processor hands a store on to a load at once only where it knows both addresses. */
#ifndef SCHED_FIFO_H
#define SCHED_FIFO_H
#include "core/context.h"

struct fifo {
    struct runnable *head, *last;
};

static inline void fifo_init(struct fifo *q)
{
    q->head = NULL;
}
static inline void fifo_push(struct fifo *q, struct runnable *r)
{
    r->next = NULL;
    if (q->head)
        q->last->next = r;
    else
        q->head = r;
    q->last = r;
}
static inline struct runnable *fifo_pop(struct fifo *q)
{
    struct runnable *r = q->head;
    if (r)
        q->head = r->next;
    return r;
}
#endif
