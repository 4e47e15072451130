/* explore/stack.c - frames of functions that live and that are gone.  A thread that is
 * switched out stands in a hook, so all of its frames lie above the stack pointer with
 * which it called that hook; what lies below belongs to functions that have returned.
 * And a function that returns takes its frame along, which is a write to all of it: who
 * else has used the frame must have been done with it before, or might have come later.
 * Threads on stacks of their own making (coroutines) are left alone, as are blocks
 * within a function, whose variables go without a word.
 * Holds: thread.sp of one that is switched out is right if the word below it is where
 * its hook returns to; else nothing is known but its fiber's.
 * Tests: tests/cells/frames.c, tests/explore/frame.c. */
#include "clock.h"
#include "engine.h"
#include "fail.h"
#include "fibers.h"
#include "stack.h"
#include <assert.h>
#include <string.h>

static bool on_own_stack(const struct thread *t, const char *sp)
{
    return sp > t->low && sp <= t->high;
}

/* The lowest address of t's stack that may be in a frame. */
static const char *lowest(const struct thread *t)
{
    if (t == ex.me)
        return on_own_stack(t, ex.sp) ? ex.sp : t->low;
    if (on_own_stack(t, t->sp) && ((void **)t->sp)[-1] == t->pc)
        return t->sp;
    return on_own_stack(t, t->fiber.sp) ? t->fiber.sp : t->low;
}

static void gone(const struct thread *t, const void *a, bool write, const void *pc)
{
    const char *does = write ? "writes to" : "reads from";
    ex.result->address = (uintptr_t)a;
    ex.me->op = write ? OP_WRITE : OP_READ;
    if (t->state != THREAD_READY && t->state != THREAD_BLOCKED)
        fail(FAIL_DEAD_STACK, pc, "thread %d %s the stack of thread %d, which has ended",
             ex.me->id, does, t->id);
    if (t == ex.me)
        fail(FAIL_DEAD_STACK, pc, "thread %d %s a variable of a function of its own that "
             "has returned", t->id, does);
    fail(FAIL_DEAD_STACK, pc, "thread %d %s a variable of a function of thread %d that "
         "has returned", ex.me->id, does, t->id);
}

/* The thread in whose live frames a lies, NULL if on no thread's stack. */
static struct thread *host_of(const void *a, bool write, const void *pc)
{
    struct thread *t = thread_of_stack(a);
    if (usual(!t))
        return NULL;
    if (rare((t->state != THREAD_READY && t->state != THREAD_BLOCKED) ||
             (const char *)a < lowest(t)))
        gone(t, a, write, pc);
    return t;
}

void stack_check(const void *a, bool write, const void *pc)
{
    host_of(a, write, pc);
}

void stack_access(const void *a, bool write, const void *pc)
{
    struct thread *t = host_of(a, write, pc);
    if (usual(!t || t == ex.me))
        return;
    int i = 0;
    while (i < t->guests &&
           (t->guest[i].thread != ex.me->id || t->guest[i].at / 8 != (uintptr_t)a / 8))
        i++;
    if (i == GUESTS) /* the oldest of many makes room */
        memmove(t->guest, t->guest + 1, sizeof *t->guest * (size_t)--i);
    if (i == t->guests)
        t->guests++;
    t->guest[i] = (struct guest){ (uintptr_t)a, (uintptr_t)pc, ex.me->at,
                                  (uint8_t)ex.me->id, write };
}

/* Where this function's frame ends: the place of the address that it returns to.  NULL
 * if that is not to be found, or if the frame is not as it was made. */
static const char *frame_end(const struct thread *t)
{
    enum { FAR = 1 << 14 };
    const struct call *c = t->depth <= CALLS ? &t->calls[t->depth - 1] : NULL;
    if (!c || c->sp != ex.sp || !on_own_stack(t, c->sp))
        return NULL;
    for (char *at = c->sp; at < t->high && at < c->sp + FAR; at += sizeof(void *))
        if (*(void **)at == c->caller)
            return at;
    return NULL;
}

void stack_return(const void *pc)
{
    struct thread *me = ex.me;
    const char *end = frame_end(me);
    int kept = 0;
    assert(me->guests <= GUESTS && me->depth > 0);
    for (int i = 0; i < me->guests; i++) {
        struct guest *g = &me->guest[i];
        const char *at = (const char *)g->at;
        if (at >= ex.sp && (!end || at >= end)) { /* of a function further out */
            me->guest[kept++] = *g;
            continue;
        }
        if (at < ex.sp || g->time <= clock_hb(&me->now, g->thread))
            continue;
        me->op = OP_RETURN;
        ex.result->address = g->at;
        fail_place(g->thread, g->write ? OP_WRITE : OP_READ, (void *)g->pc);
        fail(FAIL_DEAD_STACK, pc, "thread %d %s a variable of a function of thread %d, "
             "which returns without waiting for that", g->thread,
             g->write ? "writes to" : "reads from", me->id);
    }
    me->guests = kept;
}
