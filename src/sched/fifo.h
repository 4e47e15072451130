/* sched/fifo.h - a queue of runnables that one thread alone touches.
 * Holds: *end is NULL; end points to head, or to the next of the last. */
#ifndef SCHED_FIFO_H
#define SCHED_FIFO_H
#include "core/context.h"

struct fifo {
    struct runnable *head, **end;
};

static inline void fifo_init(struct fifo *q)
{
    q->head = NULL;
    q->end = &q->head;
}
static inline void fifo_push(struct fifo *q, struct runnable *r)
{
    r->next = NULL;
    *q->end = r;
    q->end = &r->next;
}
static inline struct runnable *fifo_pop(struct fifo *q)
{
    struct runnable *r = q->head;
    if (r && !(q->head = r->next))
        q->end = &q->head;
    return r;
}
#endif
