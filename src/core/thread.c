/* core/thread.c - what belongs to a thread or to the process as such: the context of a plain
 * thread, what runs when a thread ends, and what happens at fork().
 * Tests: tests/fork_test.c. */
#include "core/thread.h"
#include "core/scope.h"
#include "core/task.h"
#include "base/fence.h"
#include "base/memory.h"
#include "base/race.h"
#include "base/slab.h"
#include "fiber/fiber.h"
#include <pthread.h>
#include <sched.h>

_Thread_local struct context *context_current;
_Atomic uint32_t fork_epoch;

struct at_end {
    struct at_end *next;
    void (*fn)(void *arg);
    void *arg;
};
static _Thread_local struct context thread_context;
static _Thread_local struct at_end *thread_ends;
static pthread_key_t thread_key;
static bool thread_key_made;

/* --- the end of a thread --------------------------------------------------- */

void context_views_free(struct context *c)
{
    while (c->recv_view) {
        void *view = c->recv_view;
        c->recv_view = *(void **)view;
        memory_free(view);
    }
}

/* A task whose thread goes away never ends, and whoever waits for it would wait for ever;
 * what still holds an open scope of the thread would wake a context that is gone. */
static void thread_may_end(void)
{
    const struct context *now = context_current;
    if (now && now != &thread_context && now->task)
        misuse("task %s ended its thread, with pthread_exit or by pthread_cancel; a task "
               "ends by returning", task_name(now));
    if (thread_context.scope)
        misuse("thread %s ended with a scope open; use TUTTI_SCOPE, which closes itself",
               task_name(&thread_context));
}

static void thread_ended(void *unused)
{
    (void)unused;
    thread_may_end();
    while (thread_ends) {
        struct at_end *e = thread_ends;
        thread_ends = e->next;
        e->fn(e->arg);
        memory_free(e);
    }
    struct context *c = &thread_context;
    memory_free(c->why);
    c->why = NULL;
    context_views_free(c);
    slab_thread_end();
}

int thread_at_end(void (*fn)(void *arg), void *arg)
{
    struct at_end *e = memory_alloc(sizeof *e);
    if (!e)
        return -ENOMEM;
    *e = (struct at_end){ thread_ends, fn, arg };
    thread_ends = e;
    if (thread_key_made)
        pthread_setspecific(thread_key, &thread_context); /* not NULL: call us */
    return 0;
}

struct context *context_of_thread(void)
{
    struct context *c = &thread_context;
    c->carrier = &thread_carrier;
    c->mark = context_mark();
    context_current = c;
    if (thread_key_made)
        pthread_setspecific(thread_key, c);
    return c;
}

/* --- fork() ---------------------------------------------------------------- */

enum { FORK_WATCHERS = 24, FORK_HOLDS = 3, FORK_TRIES = 1000 };
static void (*fork_watchers[FORK_WATCHERS])(void);
static unsigned fork_watcher_count; /* grows while the program loads, by one thread */

void fork_watch(void (*fn)(void))
{
    if (fork_watcher_count == FORK_WATCHERS)
        misuse("too many parts of the library watch fork()");
    fork_watchers[fork_watcher_count++] = fn;
}

/* Holds: fork_hold_count of them are set. */
static struct latch *fork_holds[FORK_HOLDS];
static unsigned fork_hold_count; /* as fork_watcher_count */
/* Which of them this thread, which forks, has; others may fork at the same time. */
static _Thread_local bool fork_has[FORK_HOLDS];

void fork_hold(struct latch *latch)
{
    if (fork_hold_count == FORK_HOLDS)
        misuse("too many parts of the library hold latches over fork()");
    fork_holds[fork_hold_count++] = latch;
}

bool fork_held(const struct latch *latch)
{
    for (unsigned i = 0; i < fork_hold_count; i++)
        if (fork_holds[i] == latch)
            return fork_has[i];
    return false;
}

static void fork_prepare(void)
{
    for (unsigned i = 0; i < fork_hold_count; i++) {
        fork_has[i] = latch_try(fork_holds[i]);
        for (int n = FORK_TRIES; n && !fork_has[i]; n--, fork_has[i] = latch_try(fork_holds[i]))
            sched_yield();
    }
}

static void fork_parent(void)
{
    for (unsigned i = 0; i < fork_hold_count; i++)
        if (fork_has[i])
            latch_unlock(fork_holds[i]);
}

/* In the child: one thread is left, and this is it.  Its scopes are the parent's; a task that
 * forked goes on as a plain thread on its task's stack, and may open scopes of its own. */
static void fork_child(void)
{
    add_relaxed(&fork_epoch, 1); /* one thread, here and below */
    add_relaxed(&scope_cuts, 1); /* no scope of the parent's is plain here */
    struct context *c = context_current;
    if (c) {
        c->carrier = &thread_carrier;
        c->worker = NULL;
        c->task = NULL;
        c->mark = context_mark();
        c->home = NULL;
        scope_enter(c, NULL);
        c->forker = NULL;
        c->member = false;
        c->sleep = NULL;
        c->corks = NULL;
    }
    fence_begin();
    slab_after_fork();
    fiber_after_fork();
    race_own(); /* one thread, whatever those that are gone had just done */
    for (unsigned i = 0; i < fork_watcher_count; i++)
        fork_watchers[i]();
    race_disown();
    for (unsigned i = 0; i < fork_hold_count; i++)
        fork_has[i] = false; /* a child that comes by clone(2) has no prepare */
}

__attribute__((constructor)) static void thread_begin(void)
{
    thread_key_made = pthread_key_create(&thread_key, thread_ended) == 0;
    pthread_atfork(fork_prepare, fork_parent, fork_child);
    fence_begin();
}
