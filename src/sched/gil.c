/* sched/gil.c - see gil.h. */
#include "sched/gil.h"
#include "base/clock.h"
#include "base/memory.h"
#include "core/thread.h"
#include "fiber/fiber.h"
#include "sched/urgent.h"
#include <errno.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#define GIL_INTERVAL INT64_C(5000000)

/* Holds: holder is 0 or the kernel's id of the thread that holds it. */
struct gil {
    _Atomic uint32_t holder; /* the futex that waiters sleep on */
    _Atomic uint32_t waiters;
    _Atomic uint32_t drop;   /* the thread asked to hand it over; 0: none */
    _Atomic uint64_t handed;
    uint32_t last;           /* who had it before; under the lock itself */
};

static _Thread_local struct gil *gil_mine; /* held by this thread, or handed over in the
                                              handler and about to be held again */

static uint32_t thread_id(void)
{
    static _Thread_local uint32_t id;
    if (!id)
        id = (uint32_t)syscall(SYS_gettid);
    return id;
}

static bool gil_try(struct gil *g)
{
    uint32_t free = 0;
    /* acquire: pairs with gil_let_go */
    if (!cas_acquire(&g->holder, &free, thread_id()))
        return false;
    if (g->last != thread_id())
        add_relaxed(&g->handed, 1); /* a count for views */
    g->last = thread_id();
    return true;
}

static void gil_let_go(struct gil *g)
{
    store_relaxed(&g->drop, 0); /* a request that crosses it costs one signal more */
    store_seqcst(&g->holder, 0); /* pairs with gil_take: it counts itself, then looks */
    if (load_seqcst(&g->waiters))
        futex_wake(&g->holder, 1);
}

/* Ask the holder to hand over.  Each waiter asks again every interval: a signal that comes
 * while the holder changes finds nobody at home, and a holder that never hears of it could
 * wait for ever for a latch that a stopped thread holds. */
static void gil_ask(struct gil *g, uint32_t holder)
{
    store_relaxed(&g->drop, holder); /* the signal carries it */
    urgent_send((int)holder);
}

static void gil_take(struct gil *g)
{
    add_seqcst(&g->waiters, 1); /* pairs with gil_let_go */
    int64_t until = clock_now() + GIL_INTERVAL;
    while (!gil_try(g)) {
        uint32_t holder = load_seqcst(&g->holder);
        if (!holder)
            continue;
        int rc = futex_wait(&g->holder, holder, until);
        if (rc == -ETIMEDOUT) {
            gil_ask(g, holder);
            until = clock_now() + GIL_INTERVAL;
        }
    }
    fiber_stack_here();
    sub_relaxed(&g->waiters, 1); /* only ever makes a wake superfluous */
}

/* SIGURG: the thread that holds the lock was asked to hand it over.  Its computation stays
 * where it is until the lock comes back. */
bool gil_urgent(void)
{
    struct gil *g = gil_mine;
    if (g && load_relaxed(&g->holder) == thread_id() /* our own store */
        && load_relaxed(&g->drop) == thread_id()) {  /* carried by the signal */
        gil_let_go(g);
        /* As CPython: the holder waits until somebody else has had it. */
        while (load_seqcst(&g->waiters) && load_seqcst(&g->holder) == 0)
            sched_yield();
        gil_take(g);
    }
    return g != NULL;
}

void gil_acquire(struct gil *g)
{
    gil_mine = g;
    fence_signal(); /* from the first moment that we hold it, the handler can tell */
    if (!gil_try(g))
        gil_take(g);
}

void gil_release(struct gil *g)
{
    gil_mine = NULL;
    fence_signal();
    gil_let_go(g);
}

uint64_t gil_handed(const struct gil *g)
{
    return load_relaxed(&g->handed); /* a count for views */
}

static void gil_after_fork(void)
{
    gil_mine = NULL; /* a thread of the parent's pool that forked goes on without its lock */
}

__attribute__((constructor)) static void gil_begin(void)
{
    fork_watch(gil_after_fork);
}

struct gil *gil_open(void)
{
    struct gil *g = memory_aligned(64, sizeof *g);
    if (!g)
        return NULL;
    urgent_enter();
    return g;
}

void gil_close(struct gil *g)
{
    urgent_leave();
    memory_free(g);
}
