/* core/thread.h - plain threads as contexts: how they sleep, and what is done when a
 * thread ends or the process forks. */
#ifndef CORE_THREAD_H
#define CORE_THREAD_H
#include "base/latch.h"
#include "core/context.h"

extern const struct carrier thread_carrier;

/* How a plain thread sleeps when a futex does not do, because descriptors may wake it as
 * well (sync/wait_any.c sets context.sleep around wait_park).  park has the meaning of
 * carrier.park.  interrupt is called once by the waker: it must first store 1 into
 * c->woken (release), then end the sleep, then store 2: c may not return from park, and
 * free what interrupt uses, before it has seen the 2. */
struct thread_sleep {
    void (*park)(struct thread_sleep *s, struct context *c, uint64_t ticket, int64_t until);
    void (*interrupt)(struct thread_sleep *s, struct context *c);
};

/* Counts fork()s this process descends from; an executor or scope with another number is
 * the parent's.  Changes only in the child, while it has one thread. */
extern _Atomic uint32_t fork_epoch;
/* Run fn in the child after every fork(), in the order of the layers; fn must be quick,
 * take no latch that another thread may have held, and may be given once only. */
void fork_watch(void (*fn)(void));
/* Take *latch over each fork() so that what it guards is whole in the child; before main.
 * Not for long where another thread holds it: a handler that forks may have interrupted the
 * holder. */
void fork_hold(struct latch *latch);
/* In a function of fork_watch: was it taken?  That function makes it free again. */
bool fork_held(const struct latch *latch);
/* Run fn(arg) when this thread ends.  Newest first.  0 or -ENOMEM. */
int thread_at_end(void (*fn)(void *arg), void *arg);
/* An identity of the running thread, comparable and free of calls. */
static inline const void *thread_mark(void)
{
    return &context_current;
}
/* The same for contexts, which keep it: another one in a child of fork(), whose one thread is
 * where its parent's was. */
static inline const void *context_mark(void)
{
    /* relaxed: changes only in a child that has one thread */
    uintptr_t epoch = load_relaxed(&fork_epoch);
    return (const void *)((uintptr_t)thread_mark() ^ epoch << (sizeof epoch * 8 - 16));
}
#endif
