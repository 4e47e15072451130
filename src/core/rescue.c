/* core/rescue.c - threads for calls that block.  They are started as needed, up to a limit,
 * wait a while for the next call, and end.  A call whose caller was cut off is abandoned: it
 * goes on to its end, or, if it has not begun, is not made any more, since what it was to work
 * on (a descriptor's number) may be another's by then; and its argument is dropped.
 * Tests: tests/blocking_test.c. */
#include "base/launch.h"
#include "base/memory.h"
#include "core/scope.h"
#include "core/task.h"
#include "core/thread.h"
#include <pthread.h>
#include <signal.h>

enum { RESCUE_MOST = 512 };
#define RESCUE_IDLE (2 * TUTTI_SEC)

enum { CALL_QUEUED, CALL_RUNNING, CALL_ENDING, CALL_ENDED, CALL_ABANDONED };

/* Holds: in CALL_ABANDONED the rescue thread owns the call and the caller is gone; in
 * CALL_ENDING the rescue thread is about to wake the caller, which stays; in CALL_ENDED the
 * caller owns it. */
struct call {
    struct call *next;
    tutti_fn *fn;
    void *arg;
    tutti_drop *drop;
    struct context *caller;
    uint64_t ticket;
    _Atomic uint32_t state;
    int code;
    char *words; /* of a failure */
};

static struct latch rescue_latch; /* guards what follows */
static struct call *queue, **queue_end = &queue;
static unsigned queued, threads, idle; /* queued: the length of the queue */
static _Atomic uint32_t rescue_bell; /* futex: bumped for each call queued */

/* --- on the rescue thread -------------------------------------------------- */

static void call_free(struct call *k)
{
    memory_free(k->words);
    memory_free(k);
}

static _Thread_local const struct call *call_here; /* on this thread; NULL: none */

/* The caller would wait for ever. */
static void rescue_ended(void *unused)
{
    (void)unused;
    if (call_here)
        misuse("a function given to tutti_blocking ended its thread, with pthread_exit or by "
               "pthread_cancel; it ends by returning");
}

/* Make it, unless it was abandoned before. */
static void call_make(struct call *k, struct context *c)
{
    uint32_t queued_yet = CALL_QUEUED;
    /* relaxed, both ways: the latch of the queue has brought what is in k */
    if (!cas_relaxed(&k->state, &queued_yet, CALL_RUNNING))
        return;
    c->why_code = 0;
    call_here = k;
    k->code = k->fn(k->arg);
    call_here = NULL;
    if (unlikely(c->scope != NULL))
        misuse("a function given to tutti_blocking returned with a scope open; use "
               "TUTTI_SCOPE, which closes itself");
    if (k->code < 0 && c->why_code == k->code)
        k->words = memory_strdup(tutti_why());
    c->name = NULL; /* the call's; the thread goes on to others */
}

static void call_run(struct call *k)
{
    call_make(k, context_self());
    if (k->drop)
        k->drop(k->arg);
    uint32_t running = CALL_RUNNING;
    /* acquire, if it fails: pairs with call_was_abandoned: the caller is done with k */
    if (!cas_acqrel(&k->state, &running, CALL_ENDING)) {
        call_free(k); /* abandoned */
        return;
    }
    struct context *caller = k->caller;
    bool claimed = wait_claim(caller, k->ticket);
    store_release(&k->state, CALL_ENDED); /* pairs with call_was_abandoned; k may be gone */
    if (claimed)
        wait_wake(caller, 0);
}

/* The caller was cut off.  False: the call has ended all the same. */
static bool call_was_abandoned(struct call *k)
{
    uint32_t state = CALL_QUEUED;
    /* release, both: pair with call_run, which frees k */
    if (cas_release(&k->state, &state, CALL_ABANDONED)
        || (state == CALL_RUNNING && cas_release(&k->state, &state, CALL_ABANDONED)))
        return true;
    while (load_acquire(&k->state) != CALL_ENDED) /* pairs with call_run: a few steps */
        spin_pause();
    return false;
}

/* Under the latch, which is let go while waiting: the next call, or NULL to end. */
static struct call *call_next(void)
{
    int64_t until = clock_now() + RESCUE_IDLE;
    while (!queue) {
        uint32_t seen = load_relaxed(&rescue_bell); /* bumped under the latch */
        idle++;
        latch_unlock(&rescue_latch);
        int rc = futex_wait(&rescue_bell, seen, until);
        latch_lock(&rescue_latch);
        idle--;
        if (rc == -ETIMEDOUT && !queue)
            return NULL;
    }
    struct call *k = queue;
    queue = k->next;
    queued--;
    if (!queue)
        queue_end = &queue;
    return k;
}

static void *rescue_main(void *unused)
{
    (void)unused;
    struct call *k;
    thread_at_end(rescue_ended, NULL); /* without memory nobody tells, that is all */
    latch_lock(&rescue_latch);
    while ((k = call_next())) {
        latch_unlock(&rescue_latch);
        call_run(k);
        latch_lock(&rescue_latch);
    }
    threads--;
    latch_unlock(&rescue_latch);
    return NULL;
}

/* --- on the caller's side -------------------------------------------------- */

static int thread_start(void)
{
    pthread_t thread;
    static const int heard[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP, 0 };
    int rc = thread_launch(&thread, NULL, heard, rescue_main, NULL);
    if (rc == 0)
        pthread_detach(thread);
    return rc ? -EAGAIN : 0;
}

/* Queue k; when no thread is free for it, start one.  -EAGAIN only if none exists at all,
 * since one that does will come to it. */
static int call_queue(struct call *k)
{
    latch_lock(&rescue_latch);
    int rc = 0;
    if (idle <= queued && threads < RESCUE_MOST) {
        rc = thread_start();
        threads += rc == 0;
    }
    if (rc < 0 && threads == 0) {
        latch_unlock(&rescue_latch);
        return rc;
    }
    k->next = NULL;
    *queue_end = k;
    queue_end = &k->next;
    queued++;
    add_relaxed(&rescue_bell, 1); /* the latch orders it */
    latch_unlock(&rescue_latch);
    futex_wake(&rescue_bell, 1);
    return 0;
}

static int call_refused(tutti_drop *drop, void *arg, int rc)
{
    if (drop)
        drop(arg);
    return why_set(rc, "tutti_blocking: %s", rc == -ENOMEM ? "out of memory"
                                                           : "no thread can be started");
}

int tutti_blocking(tutti_fn *fn, void *arg, tutti_drop *drop)
{
    struct context *c = context_self();
    int rc = fn ? context_check(c)
                : why_set(-EINVAL, "tutti_blocking in %s: the function is NULL", task_name(c));
    if (rc < 0) {
        if (drop)
            drop(arg);
        return rc;
    }
    struct call *k = memory_zalloc(sizeof *k);
    if (!k)
        return call_refused(drop, arg, -ENOMEM);
    *k = (struct call){ .fn = fn, .arg = arg, .drop = drop, .caller = c };
    k->ticket = wait_prepare(c, "blocking call", (const void *)(uintptr_t)fn);
    rc = call_queue(k);
    if (rc < 0) {
        wait_abandon(c, k->ticket);
        memory_free(k);
        return call_refused(drop, arg, rc);
    }
    rc = wait_park(c, k->ticket, CLOCK_NEVER, drop ? WAIT_CUTTABLE : 0);
    if (rc < 0 && call_was_abandoned(k))
        return why_static(rc, tutti_strerror(rc));
    rc = k->code;
    if (rc < 0)
        why_set(rc, "%s", k->words ? k->words : tutti_strerror(rc));
    call_free(k);
    return rc;
}

static void rescue_after_fork(void)
{
    rescue_latch = (struct latch){ 0 };
    queue = NULL;
    queue_end = &queue;
    queued = threads = idle = 0;
}

__attribute__((constructor)) static void rescue_begin(void)
{
    fork_watch(rescue_after_fork);
}
