/* net/signals.c - signals that come through a channel.  Each has an event, which the handler
 * sets, and a thread carries events over to the channel: a handler may not send.
 * Tests: tests/io_more_test.c. */
#include "base/launch.h"
#include "base/memory.h"
#include "core/owned.h"
#include "core/thread.h"
#include "net/net.h"
#include "sync/event_signal.h"
#include <pthread.h>
#include <signal.h>

/* Holds: the first `hooked` of n signals set their events; the thread runs from the last step
 * of opening to signals_end; the channel is the scope's, older than this, so it goes after it.
 * cases: one for each event, and one for the end; the thread's. */
struct signals {
    struct owned owned;
    pthread_t thread;
    tutti_chan *channel;
    tutti_case *cases;
    tutti_event stop;
    size_t n, hooked;
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

static void signals_free(struct signals *k)
{
    while (k->hooked > 0)
        signal_unhook(k->each[--k->hooked].signum);
    memory_free(k->cases);
    memory_free(k);
}

static void signals_end(struct owned *o)
{
    struct signals *k = list_entry(o, struct signals, owned);
    tutti_event_set(&k->stop);
    pthread_join(k->thread, NULL);
    signals_free(k);
}

/* NULL: no memory.  Once the thread runs it lacks nothing. */
static struct signals *signals_make(const int *signums, size_t n)
{
    struct signals *k = memory_zalloc(sizeof *k + n * sizeof k->each[0]);
    if (!k)
        return NULL;
    k->n = n;
    k->cases = memory_alloc((n + 1) * sizeof *k->cases);
    if (!k->cases) {
        memory_free(k);
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        k->each[i].signum = signums[i];
        k->cases[i] = tutti_on_event(&k->each[i].event);
    }
    k->cases[n] = tutti_on_event(&k->stop);
    k->owned.end = signals_end;
    return k;
}

static int signals_thread(struct signals *k)
{
    int rc = thread_launch(&k->thread, NULL, NULL, signals_main, k);
    return rc ? why_set(-rc, "tutti_signals: %s", tutti_strerror(-rc)) : 0;
}

/* All of them or, where one cannot be had, none. */
static int signals_begin(struct signals *k, tutti_scope *s)
{
    int rc = tutti_chan_open(&k->channel, s, sizeof(int), k->n, NULL);
    while (rc == 0 && k->hooked < k->n) {
        rc = signal_hook(&k->each[k->hooked].event, k->each[k->hooked].signum);
        k->hooked += rc == 0;
    }
    rc = rc < 0 ? rc : signals_thread(k);
    if (rc < 0) {
        signals_free(k);
        return rc;
    }
    rc = scope_own(s, &k->owned);
    if (rc < 0) /* it was open a moment ago: *s is closing under its opener */
        signals_end(&k->owned);
    return rc;
}

int tutti_signals(tutti_chan **out, tutti_scope *s, const int *signums, size_t n)
{
    if (!out)
        return why_null(__func__);
    *out = NULL;
    if (!signums || n == 0 || n > 64)
        return why_static(-EINVAL, "tutti_signals: between 1 and 64 signals");
    struct signals *k = signals_make(signums, n);
    if (!k)
        return why_static(-ENOMEM, "tutti_signals: no memory");
    int rc = signals_begin(k, s);
    if (rc == 0)
        *out = k->channel;
    return rc;
}
