/* net/signals.c - signals that come through a channel.  Each has an event, which the handler
 * sets (tutti_event_on_signal), and a thread carries events over to the channel: a handler may
 * not send.  Tests: tests/io_more_test.c. */
#include "base/memory.h"
#include "core/owned.h"
#include "core/thread.h"
#include "net/net.h"
#include <pthread.h>
#include <signal.h>
#include <tutti/sync.h>

/* Holds: the thread runs from the last step of opening to signals_end; the channel and the
 * events' hooks are the scope's, older than this, so they go after it.  cases: one for each
 * event, and one for the end; the thread's. */
struct signals {
    struct owned owned;
    pthread_t thread;
    tutti_chan *channel;
    tutti_case *cases;
    tutti_event stop;
    uint32_t epoch; /* fork_epoch: a child has no such thread */
    size_t n;
    struct {
        int signum;
        tutti_event event;
    } each[];
};

/* One that nobody has received yet is enough, and a full channel holds as many as there are
 * signals: then all is said. */
static void signals_carry(struct signals *k, size_t i)
{
    tutti_event_clear(&k->each[i].event); /* before: what comes from here on is told anew */
    tutti_case c[] = { tutti_on_send(k->channel, &k->each[i].signum), tutti_on_none() };
    tutti_wait(c, 2);
}

static void *signals_main(void *arg)
{
    struct signals *k = arg;
    for (int i; (i = tutti_wait(k->cases, k->n + 1)) != (int)k->n;)
        if (i >= 0)
            signals_carry(k, (size_t)i);
        else
            tutti_sleep_until(tutti_after(TUTTI_MS)); /* no memory to wait with: it comes back */
    return NULL;
}

static void signals_end(struct owned *o)
{
    struct signals *k = list_entry(o, struct signals, owned);
    if (k->epoch == load_relaxed(&fork_epoch)) { /* changes in a lone thread only */
        tutti_event_set(&k->stop);
        pthread_join(k->thread, NULL);
    }
    memory_free(k->cases);
}

/* Once the thread runs it lacks nothing. */
static int signals_cases(struct signals *k)
{
    k->cases = memory_alloc((k->n + 1) * sizeof *k->cases);
    if (!k->cases)
        return -ENOMEM;
    for (size_t i = 0; i < k->n; i++)
        k->cases[i] = tutti_on_event(&k->each[i].event);
    k->cases[k->n] = tutti_on_event(&k->stop);
    return 0;
}

static int signals_thread(struct signals *k)
{
    sigset_t all, kept;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &kept); /* the program's signals are not for it */
    int rc = fault_now() ? EAGAIN : pthread_create(&k->thread, NULL, signals_main, k);
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
    return -rc;
}

int tutti_signals(tutti_chan **out, tutti_scope *s, const int *signums, size_t n)
{
    if (!out)
        return why_null(__func__);
    *out = NULL;
    if (!signums || n == 0 || n > 64)
        return why_static(-EINVAL, "tutti_signals: between 1 and 64 signals");
    /* The hooks lead to the events in *k, and the scope drops them after *k: so *k lives in
     * memory of the scope, which goes last. */
    struct signals *k = tutti_share(s, 1, sizeof *k + n * sizeof k->each[0], TUTTI_WRITE,
                                    &(tutti_ref){ 0 });
    int rc = k ? tutti_chan_open(out, s, sizeof(int), n, NULL) : -ENOMEM;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        k->each[i].signum = signums[i];
        rc = tutti_event_on_signal(s, &k->each[i].event, signums[i]);
    }
    if (rc == 0) {
        k->channel = *out;
        k->n = n;
        k->epoch = load_relaxed(&fork_epoch); /* as above */
        k->owned.end = signals_end;
        rc = signals_cases(k);
        rc = rc < 0 ? rc : signals_thread(k);
        if (rc < 0)
            memory_free(k->cases);
    }
    if (rc == 0 && scope_own(s, &k->owned) < 0)
        rc = -EINVAL; /* it was open a moment ago: *s is closing under its opener */
    if (rc < 0)
        *out = NULL;
    return rc < 0 ? net_failed(__func__, rc) : 0;
}
