/* sync/event_signal.c - signals that set events: for each signal the event, and the
 * action to bring back when the scope closes.  Tests: tests/sync_moment_test.c. */
#include "base/atomic.h"
#include "base/memory.h"
#include "core/context.h"
#include "core/owned.h"
#include "core/thread.h"
#include "sync/event_signal.h"
#include <sched.h>
#include <signal.h>
#include <string.h>

enum { SIGNALS = 65 };

/* Holds: entry n is NULL, or the event of an open scope's hook, whose handler is
 * installed or about to be. */
static _Atomic(tutti_event *) hooked[SIGNALS];
/* Handlers under way, for each signal: an event may go away only when none is. */
static _Atomic uint32_t handling[SIGNALS];

/* The action before, for each signal that is hooked. */
static struct sigaction before[SIGNALS];

static void on_signal(int signum)
{
    int kept = errno;
    /* seq_cst, both: pair with signal_unhook, which empties the entry and then waits
     * for the count: one of the two sees the other. */
    add_seqcst(&handling[signum], 1);
    tutti_event *e = load_seqcst(&hooked[signum]);
    if (e)
        tutti_event_set(e);
    /* release: pairs with the load in signal_unhook; we are done with *e */
    sub_release(&handling[signum], 1);
    errno = kept;
}

void signal_unhook(int signum)
{
    sigaction(signum, &before[signum], NULL);
    store_seqcst(&hooked[signum], NULL); /* pairs with on_signal */
    /* A handler runs to its end unless its thread is put off the CPU: let it have
     * it. */
    while (load_seqcst(&handling[signum])) /* as above; acquire of the release there */
        sched_yield();
}

/* The parent's hooks are not the child's: its signals do again what they did before. */
static void signals_after_fork(void)
{
    for (int n = 0; n < SIGNALS; n++) {
        store_relaxed(&handling[n], 0); /* one thread, here and below */
        if (load_relaxed(&hooked[n])) {
            store_relaxed(&hooked[n], NULL);
            sigaction(n, &before[n], NULL);
        }
    }
}

__attribute__((constructor)) static void signals_begin(void)
{
    fork_watch(signals_after_fork);
}

/* A handler that returns from these goes back to the instruction that faulted. */
static bool signal_is_fault(int signum)
{
    return signum == SIGSEGV || signum == SIGBUS || signum == SIGFPE || signum == SIGILL;
}

int signal_hook(tutti_event *e, int signum)
{
    struct sigaction act = { .sa_handler = on_signal, .sa_flags = SA_RESTART | SA_ONSTACK };
    tutti_event *none = NULL;
    if (signum <= 0 || signum >= SIGNALS || signal_is_fault(signum))
        return why_set(-EINVAL, "signal %d: there is none, or no handler can return from it",
                       signum);
    sigfillset(&act.sa_mask); /* handlers do not nest, so `handling` is soon 0 again */
    /* seq_cst: as signal_unhook; the hook is there before the handler is */
    if (!cas_seqcst(&hooked[signum], &none, e))
        return why_set(-EBUSY, "signal %d (%s) sets another event already", signum,
                       sigabbrev_np(signum) ? sigabbrev_np(signum) : "?");
    int kept = errno;
    if (sigaction(signum, &act, &before[signum]) < 0) {
        int rc = -errno;
        errno = kept;
        store_seqcst(&hooked[signum], NULL); /* as signal_unhook */
        return why_set(rc, "signal %d cannot be handled", signum);
    }
    return 0;
}

/* --- for as long as a scope is open ------------------------------------------- */

/* Holds: hooked[signum] is not NULL and before[signum] what was there, while it is owned. */
struct signal_owned {
    struct owned owned;
    int signum;
};

static void signal_owned_end(struct owned *o)
{
    struct signal_owned *h = list_entry(o, struct signal_owned, owned);
    signal_unhook(h->signum);
    memory_free(h);
}

int tutti_event_on_signal(tutti_scope *s, tutti_event *e, int signum)
{
    if (!e)
        return why_static(-EINVAL, "tutti_event_on_signal: no event");
    struct signal_owned *h = memory_zalloc(sizeof *h);
    if (!h)
        return why_static(-ENOMEM, "no memory for a signal's hook");
    h->signum = signum;
    h->owned.end = signal_owned_end;
    int rc = signal_hook(e, signum);
    if (rc < 0) {
        memory_free(h);
        return rc;
    }
    rc = scope_own(s, &h->owned);
    if (rc < 0)
        signal_owned_end(&h->owned);
    return rc;
}
