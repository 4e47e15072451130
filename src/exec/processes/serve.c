/* exec/processes/serve.c - a worker takes its requests in order, and sleeps when there is
 * none.  What it does with each: serve_one, or many.c.
 *
 * When to spin.  Looking for the next request for a moment instead of sleeping saves both
 * sides a wake, which costs forty times a round trip; but it steals the CPU from whoever has
 * work.  So: only when the last request came soon after the one before, and only while no
 * more processes of this executor are awake than there are CPUs; and ever shorter while it is
 * in vain (spin_span), as where other programs have the other CPUs.
 * Tests: tests/processes_test.c. */
#include "exec/processes/serve.h"
#include "base/clock.h"
#include "base/futex.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    SOON = SMALL(100000, 0), /* ns: a request that comes as soon is worth looking for */
    LAZY_AHEAD = SMALL(8, 1), /* requests still to be done that let home sleep on... */
    LAZY_NS = 100000,         /* ...for so long */
    /* And as many as these for longer: each wake takes a CPU from a worker for several us,
     * for home's thread. */
    LAZIER_AHEAD = SMALL(64, 1),
    LAZIER_NS = 1000000
};

/* --- waiting for the next -------------------------------------------------------- */

static bool request_is_there(const struct serving *s, uint64_t number)
{
    const struct request *r = &s->lane->request[number % RING];
    return load_acquire(&((struct request *)(uintptr_t)r)->tag) >> REQUEST_BITS
           == number; /* pairs with lane_post */
}

/* Is the next one there?  From *number on, which is counted up for those left out. */
static bool request_find(const struct serving *s, uint64_t *number)
{
    while (!request_is_there(s, *number)) {
        /* acquire: pairs with lane_post: what was left out is seen below; serve_wait's fence
         * comes before the look that it relies on */
        if (!s->many || load_acquire(&s->lane->posted) <= *number)
            return false;
        if (request_is_there(s, *number)) /* as it may be now that this has been seen */
            return true;
        ++*number;
    }
    return true;
}

static bool may_spin(const struct serving *s)
{
    const struct head *h = s->head;
    /* hints, all of them */
    unsigned awake = load_relaxed(&h->waits) == WAITS_NOBODY, cpus = load_relaxed(&h->cpus);
    for (unsigned i = 0; i < h->workers && awake <= cpus; i++) {
        const struct own *o = head_own(h, i);
        awake += load_relaxed(&o->up) && !load_relaxed(&o->asleep);
    }
    return awake <= cpus;
}

/* Look for it for a while.  True: it is there, or we shall leave. */
static bool serve_spin(struct serving *s, uint64_t *number)
{
    int64_t until = s->ended + spin_span(s->spin, s->missed);
    for (unsigned i = 1;; i++) {
        if (request_find(s, number) || load_relaxed(&s->lane->quit)) /* looked at again */
            return true;
        if (i % 32 == 0 && (clock_now() >= until || !may_spin(s)))
            return false;
        spin_pause();
    }
}

static void serve_sleep(struct serving *s, uint32_t bell)
{
    store_relaxed(&s->sleeps, true); /* both: see serve_check */
    futex_wait_shared(&s->lane->bell, bell, CLOCK_NEVER);
    store_relaxed(&s->sleeps, false);
}

/* False: we shall leave. */
static bool serve_wait(struct serving *s, uint64_t *number)
{
    if (s->spin && !load_relaxed(&s->live)) /* many: a hint */
        s->missed = serve_spin(s, number) ? 0 : s->missed + 1;
    while (!request_find(s, number) && !load_acquire(&s->lane->quit)) { /* lane_quit */
        if (!s->many)
            serve_check(s, *number);
        uint32_t bell = load_acquire(&s->lane->bell); /* pairs with lane_ring */
        store_relaxed(&s->own->asleep, 1);
        fence_seqcst(); /* pairs with the seq_cst of lane_ring, and of who sets quit: either
                           they see that we sleep, or we see what they have posted */
        if (!request_find(s, number) && !load_relaxed(&s->lane->quit))
            serve_sleep(s, bell);
        store_relaxed(&s->own->asleep, 0); /* a wake too many is harmless */
    }
    if (!request_find(s, number))
        return false;
    int64_t now = s->now = clock_now();
    s->spin = now - s->ended < SOON ? SOON : 0;
    return true;
}

/* --- telling home -------------------------------------------------------------------- */

static bool serve_has_ahead(const struct serving *s, uint64_t number)
{
    return request_is_there(s, number);
}

static void serve_tell(struct serving *s, uint64_t number)
{
    /* seq_cst: pairs with help_sleep and keeper_sleep, which say that they wait and then look
     * for answers, while ours was stored before this. */
    uint32_t waits = load_seqcst(&s->head->waits);
    if (waits == WAITS_NOBODY)
        return;
    int64_t now = clock_now(), since = now - load_relaxed(&s->told); /* a hint */
    if (s->many) /* the next may end in a long time only, whatever is ahead */
        since = LAZIER_NS;
    if ((since < LAZY_NS && serve_has_ahead(s, number + LAZY_AHEAD))
        || (since < LAZIER_NS && serve_has_ahead(s, number + LAZIER_AHEAD)))
        return;
    store_relaxed(&s->told, now);
    if (waits == WAITS_HELPER) {
        add_release(&s->own->rung, 1); /* pairs with help_sleep's load */
        futex_wake_shared(&s->own->rung);
    } else {
        uint64_t one = 1;
        ssize_t done = write(s->bell, &one, sizeof one);
        (void)done; /* full: it is rung */
    }
}

/* --- serving --------------------------------------------------------------------------- */

/* False: home has taken it back. */
static bool serve_claim(struct serving *s, const struct request *r, struct answer *a,
                        uint64_t number)
{
    /* acquire: pairs with serve_one, in which another thread may have answered here before;
     * home has read that since, but is another process. */
    (void)load_acquire(&a->tag);
    /* seq_cst, both: pairs with lane_revoke; see shared.h */
    store_seqcst(&a->tag, number << ANSWER_BITS | ANSWER_CLAIMED);
    bool ours = (load_seqcst(&r->tag) & REQUEST_REVOKED) == 0;
    if (!ours) { /* seq_cst: pairs with lane_take; and see serve_tell, which comes next */
        store_seqcst(&a->tag, number << ANSWER_BITS | ANSWER_SKIPPED);
        answer_given(s, number);
    }
    return ours;
}

uint64_t serve_memory(void)
{
    char text[128];
    unsigned long resident = 0, shared = 0;
    static int fd = -1; /* asked for before the first task, whose sandbox may refuse it */
    if (fd < 0)
        fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : pread(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = 0;
    if (sscanf(text, "%*u %lu %lu", &resident, &shared) != 2 || shared > resident)
        return 0;
    return (resident - shared) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* Has this worker done its share, or grown too large?  Memory costs a system call to ask for:
 * after each of the first runs, then after every 64th. */
static bool serve_is_old(const struct serving *s)
{
    const struct head *h = s->head;
    if (h->recycle && s->runs >= h->recycle)
        return true;
    return h->recycle_bytes && (s->runs < 64 || s->runs % 64 == 0)
           && serve_memory() > h->recycle_bytes;
}

bool serve_one(struct serving *s, uint64_t number)
{
    const struct request *r = &s->lane->request[number % RING];
    struct answer *a = &s->own->answer[number % RING];
    if (!serve_claim(s, r, a, number)) {
        serve_tell(s, number);
        return false;
    }
    serve_run(s, number, r, a, s->own->side[number % RING]);
    /* seq_cst: releases the answer, and see serve_tell */
    store_seqcst(&a->tag, number << ANSWER_BITS | ANSWER_DONE);
    answer_given(s, number);
    serve_tell(s, number);
    return true;
}

void serve_take(struct serving *s, bool (*begin)(struct serving *s, uint64_t number))
{
    uint64_t number = s->lane->first;
    store_relaxed(&s->checked, number);
    s->ended = clock_now();
    s->spin = SOON;
    store_relaxed(&s->events, 1); /* nobody runs yet */
    store_release(&s->own->up, 1); /* for home's count of the stillborn */
    while (!s->old && serve_wait(s, &number)) {
        if (!begin(s, number++))
            continue;
        s->runs++;
        s->ended = clock_now();
        s->old = serve_is_old(s);
    }
}

const char *serve(struct serving *s)
{
    const char *why = NULL;
    if (s->many)
        why = serve_many(s);
    else
        serve_take(s, serve_one);
    if (s->old)
        store_release(&s->own->retired, 1); /* pairs with lane_died */
    return why;
}
