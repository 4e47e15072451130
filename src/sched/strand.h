/* sched/strand.h - a strand: the calls one fiber has forked and not joined.  A split deque
 * that belongs to the fiber for life: forks and joins nest on one stack, a strand has
 * exactly one stack, so they nest on the strand whatever its worker does meanwhile, and a
 * fiber that parks takes it along untouched.
 *
 *     slot[0] .. | taken: thieves' | public: anybody's | private: the owner's | free ..
 *                          ^ tail             ^ split                ^ at
 *
 * Private slots need no state; the owner forks and joins them by plain stores (inline, in
 * include/tutti/fork.h).  It makes the oldest of them public when somebody asks, through
 * `trip`, which each fork compares with.  Slots are taken from the oldest on.
 *
 * It lies at the low end of its fiber's mapping; when it is full another segment is
 * chained, each a deque of its own.  The fiber's own is `first` and speaks for all.
 * Tests: tests/fork_join_test.c. */
#ifndef SCHED_STRAND_H
#define SCHED_STRAND_H
#include "base/fence.h"
#include "sched/worker.h"
#include <tutti/fork.h>

enum { STRAND_END = TUTTI_STRAND_SLOTS - 1 }; /* the last slot is never a call */
/* States of public calls: with the address of its scope, whose end drops it; with the code, from
 * CALL_WHY on, for which calls forked in it were dropped, positive; else the address of a
 * struct joiner. */
enum { CALL_DONE = 1, CALL_FORKED = 2, CALL_WHY = 8 };

/* Who waits for a taken call; on the waiter's stack until it is woken. */
struct joiner {
    struct context *who;
    uint64_t ticket;
    struct scope *scope; /* the call's */
};

/* Laid over tutti_strand.
 * Holds: from slot[pub] up to the place slots have `run` set, from there to slot[END] they
 * do not, so the place is found without being told; tail <= split of ts == pub; trip is 0
 * or &slot[END]; the public split of `top` is &slot[pub], or above it the first call of the
 * current scope, or the highest address while all joins must look (dropping) and when one
 * was asked to (workers_look); segments below `top` are full.  strand_verify() asserts it.
 * Only the owner's thread writes pub and the split in ts, and lowers split; thieves move
 * tail, by CAS; a slot below tail is its thief's until its state is CALL_DONE. */
struct strand {
    _Atomic uintptr_t trip;  /* see tutti_strand; lowered to 0 by any thread */
    _Atomic uintptr_t split; /* raised to the highest address by any thread */
    struct strand *first, *below, *above; /* above `top`: a spare one, or NULL */
    uint32_t pub;            /* the first private slot */
    uint32_t base;           /* the number of its slot[0]: see mark.c */
    bool listed;             /* in a list of a worker; under that worker's open_latch */
    /* --- of the first segment only --- */
    bool published;          /* any segment was since the task began */
    bool dropping;           /* all joins look: the scope is over, or `lost` */
    bool at_it;              /* the owner is at it: a signal leaves it alone */
    int why;                 /* what tutti_fork_check gives */
    uint32_t mark;           /* the current scope's, or 0 */
    struct strand *top;
    struct context *context;
    uint64_t lost;           /* forks beyond slot[END] of top: there was no memory */
    _Atomic uint32_t *look;  /* its worker's looks, or `asked` */
    uint32_t looks;          /* that, when it last looked at its scope */
    int64_t since;           /* when the first request was met that only sleepers made */
    int64_t seen;            /* when the clock was read last for that */
    uint32_t skip, skipped;  /* forks to come that need not read it; of how many */
    bool held;               /* its only call is not offered before `hold` */
    int64_t offered;         /* when its only call was made public; 0: none is */
    int64_t hold, backoff;   /* until then, and for so long: see strand_offered */
    struct list stash_link;  /* in its worker's stash: switched out, with private calls */
    /* --- of the first of a plain thread; others ask through its worker --- */
    _Atomic uint32_t asked;  /* counts who asked it to look */
    _Atomic(struct strand *) shown; /* as top */
    /* --- shared --- */
    _Alignas(64) _Atomic uint64_t ts; /* tail | split << 32, numbers of slots */
    struct list open_link;   /* under the open_latch */
};
_Static_assert(sizeof(struct strand) <= offsetof(tutti_strand, slot), "grow kept");
_Static_assert((int)TUTTI_STRAND_SIZE == (int)FIBER_STRAND, "the room in a mapping");

static inline tutti_slot *strand_slot(struct strand *s, uint32_t i)
{
    return ((tutti_strand *)(void *)s)->slot + i;
}
static inline uint32_t strand_index(struct strand *s, const tutti_slot *slot)
{
    return (uint32_t)(slot - strand_slot(s, 0));
}
static inline struct strand *strand_of(tutti_at at)
{
    return (struct strand *)(void *)tutti_strand_of(at);
}
static inline _Atomic(uintptr_t) *slot_state(tutti_slot *slot)
{
    return (_Atomic(uintptr_t) *)(void *)&slot->state;
}
static inline struct strand *context_strand(const struct context *c)
{
    return (struct strand *)(void *)c->strand;
}
static inline uint64_t strand_ts(uint32_t tail, uint32_t split)
{
    return tail | (uint64_t)split << 32;
}

/* --- the owner's side: strand.c --- */
/* c, which runs, begins to fork.  NULL: no memory (plain threads only). */
struct strand *strand_begin(struct context *c);
/* c's task has ended, with all joined. */
void strand_end(struct context *c);
/* The place: where the calls end. */
tutti_at strand_place(struct strand *first);
/* May others take c's calls?  Plain threads have no part in tasks' names and scopes. */
static inline bool strand_shared(const struct context *c)
{
    return c->task && c->worker;
}
/* The number of the next call. */
uint32_t strand_number(const struct strand *first);
uint32_t strand_private_count(struct strand *first);
/* The top segment is full: go on in another.  False: no memory. */
bool strand_chain(struct strand *first);
/* The segment below s, whose slots are all joined. */
struct strand *strand_unchain(struct strand *s);
/* Take the public slot i back, and the younger half of what is public below it.  False: a
 * thief has it. */
bool segment_take_back(struct strand *s, uint32_t i);
/* Slot i, whose thief is done, is joined; all below are taken. */
void segment_settle(struct strand *s, uint32_t i);
/* Make up to `most` of the oldest private calls public; how many.  And of one segment. */
uint32_t segment_publish(struct strand *s, uint32_t most);
uint32_t strand_publish(struct strand *first, uint32_t most);
/* c, which has a strand, lets others run, before it looks for them: its private calls are
 * there for its worker.  And it goes on. */
void strand_leave(struct context *c);
/* In a signal handler of w's thread: make the private calls of what runs there public, all
 * but the two youngest, which joins that were interrupted may just be taking.  False: not
 * now. */
bool strand_interrupt(struct worker *w);
void strand_resume(struct context *c);
/* Make the calls of all that are switched out on w public.  True: there were some. */
bool stash_share(struct worker *w);

/* While at_it a signal leaves the strand alone. */
static inline void strand_hold(struct strand *first, bool at_it)
{
    fence_signal(); /* what is done between is not seen by strand_interrupt */
    first->at_it = at_it;
    fence_signal();
}

/* --- which scope calls are of: mark.c --- */
/* pub is the first private slot of s, and joins have to look up what is below it. */
void segment_split(struct strand *s, uint32_t pub);
/* The scope that was current when that call was forked. */
struct scope *strand_scope(const struct strand *first, uint32_t number);
/* Is the current scope over?  Then all joins come to look, and drop what is of it. */
bool strand_over(struct strand *first);
void strand_drop(struct strand *first, bool dropping);
/* Where to keep why calls of that scope were dropped, if it is not the current one. */
int *strand_why_outside(const struct strand *first, uint32_t number);
/* Was it asked to look since it last did? */
static inline bool strand_asked(const struct strand *first)
{
    return load_relaxed(first->look) != first->looks; /* see segment_split */
}
/* Its scopes know it: of a plain thread. */
void strand_seen(struct strand *first);
/* That call was joined: what is forked in its place is of the current scope. */
void strand_unmark(struct strand *first, uint32_t number);

/* --- the thieves' side: steal.c --- */
/* A call forked on victim to run on w, as a context to go on with; NULL: none. */
struct runnable *strand_steal(struct worker *w, struct worker *victim);
/* The call alone, claimed; NULL: none. */
tutti_slot *strand_claim(struct worker *w, struct worker *victim);
/* The scope of a call that was claimed. */
struct scope *call_scope(tutti_slot *slot);
/* That one is over, tell its joiner.  why: the code for which calls forked in it, or itself,
 * were dropped; or 0. */
void call_done(tutti_slot *slot, int why);
/* Ask what runs on victim for calls. */
void strand_ask(struct worker *victim);
/* Run the call that c was made for, and tell its joiner. */
void strand_call(struct context *c);
/* Does anybody in w's pool want calls?  2: a searcher, at once; 1: a sleeper. */
int pool_hungry(const struct pool *p);
#endif
