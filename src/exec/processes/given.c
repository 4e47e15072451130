/* exec/processes/given.c - are the answers that this worker has given still there?  A task
 * gone mad may overwrite those of others before home has taken them, and home would wait for
 * them for ever.  So what was given is kept in memory of our own, and compared: by who has
 * nothing to do, before it sleeps, for what it has answered since; and for all of it by the
 * listener, whenever home has waited for long (procs_question).  What is missing then has
 * been lost for certain, however long other tasks run or are parked.
 *
 * This process ends then: what else it holds cannot be trusted.  Before, tags that are gone
 * are written anew as RUNNING, for home must not take those tasks for such as never began.
 * Tests: tests/processes_lost_test.c, tests/cells/tutti/procgiven.c. */
#include "base/futex.h"
#include "exec/processes/serve.h"
#include <stdio.h>
#include <stdlib.h>

void answer_given(struct serving *s, uint64_t number)
{
    store_release(&s->given[number % RING], number); /* pairs with slot_is_lost */
}

static bool slot_is_lost(const struct serving *s, unsigned i)
{
    /* acquire: pairs with answer_given, before which the tag was written */
    uint64_t number = load_acquire(&((struct serving *)(uintptr_t)s)->given[i]);
    /* acquire: pairs with serve_claim: who sees the slot's next request claimed sees below that
     * it was posted */
    uint64_t tag = load_acquire(&s->own->answer[i].tag);
    unsigned state = tag & ((1 << ANSWER_BITS) - 1);
    if (!number || (tag >> ANSWER_BITS == number
                    && (state == ANSWER_DONE || state == ANSWER_SKIPPED)))
        return false;
    /* relaxed: home's, which posts another there only after it has taken ours */
    return load_relaxed(&s->lane->request[i].tag) >> REQUEST_BITS == number;
}

static void tag_restore(struct serving *s, uint64_t number)
{
    /* release: pairs with lane_empty; whoever else writes it is to end with us */
    store_release(&s->own->answer[number % RING].tag, number << ANSWER_BITS | ANSWER_RUNNING);
}

void answers_restore(struct serving *s)
{
    for (unsigned i = 0; i < RING; i++) {
        uint64_t runs = load_acquire(&s->turn[i].number); /* pairs with turn_begin */
        if (slot_is_lost(s, i))
            tag_restore(s, load_relaxed(&s->given[i])); /* as it was read there */
        if (runs != NOTHING_RUNS && runs)
            tag_restore(s, runs);
    }
}

void answers_lost(struct serving *s)
{
    s->own->crash.overwritten = 1; /* abort's handler releases it */
    fprintf(stderr, "tutti: worker process: its answers were overwritten\n");
    abort();
}

void answers_check(struct serving *s, uint64_t from, uint64_t to)
{
    for (uint64_t n = from; n < to; n++)
        if (unlikely(slot_is_lost(s, n % RING)))
            answers_lost(s);
}

void serve_check(struct serving *s, uint64_t next)
{
    /* relaxed, all three: whom this wakes looks again, and says again that it sleeps */
    if (unlikely(load_relaxed(&s->sleeps) && !load_relaxed(&s->own->asleep)))
        futex_wake_shared(&s->lane->bell);
    /* Of many, those before as well: home may not have come to them, as each tells by itself
     * when it ends, and another could overwrite them since. */
    uint64_t again = s->many ? 64 : 0, from = load_relaxed(&s->checked);
    from = from > again ? from - again : 0;
    from = next - from < RING ? from : next - RING;
    store_relaxed(&s->checked, next); /* two at once check twice */
    answers_check(s, from, next);
}
