/* core/scope.h - the private face of tutti_scope: a lifetime that counts its tasks, owns
 * what was opened in it, and is a node in the tree along which cancellation travels.
 *
 * Counting.  Starts and ends on the opener's own thread move the plain `local`; all others
 * move the atomic `remote`, which also holds SCOPE_UNCLOSED while the scope is open, so
 * that it cannot reach 0 early.  Closing moves local into remote and takes SCOPE_UNCLOSED
 * away; then remote reaches 0 once, and who brings it there wakes the closer.  Where the
 * closer's carrier can wait for it (see struct closers), that is done as late as possible,
 * so that tasks that end on the opener's thread meanwhile need no atomics.  As soon as
 * anybody must hear of single ends (a limit, tutti_scope_next, tutti_on_empty) the owner
 * sets SCOPE_WATCHED; from then on local stays 0 and ends take the latch.
 *
 * The tree.  A running caller learns of a cancel by walking up (scope_over), and walks only
 * when something was cancelled since somebody last found the way up from its scope clear:
 * `scope_cuts` counts all cancels of the process, `clear_at` keeps the count before such a
 * walk, and while the two are the same nothing can be over but by its deadline, of which
 * `bound` is the earliest.  A parked one must be found from above: before it parks, a context
 * is entered, once, into the members of its home, and each scope on its way up into its
 * parent's children (scope_enlist).  scope_cut walks down.  Latches are taken from parent
 * to child. */
#ifndef CORE_SCOPE_H
#define CORE_SCOPE_H
#include "base/latch.h"
#include "base/race.h"
#include "core/executor.h"
#include "core/thread.h"
#include "core/wait.h"
#include <assert.h>

/* Ending: open, but all in it has ended, and no alarm may be set any more. */
enum { SCOPE_OPEN = 0x5c09e0, SCOPE_ENDING = SCOPE_OPEN | 1, SCOPE_CLOSED = 0x5c09ec };
enum { SCOPE_BROKEN = 1 << 16 }; /* a flag: opening failed, so nothing may start */
enum { OVER_CANCELLED = 1, OVER_FAILED = 2, OVER_EXPIRED = 4 };
#define SCOPE_UNCLOSED (INT64_C(1) << 40)
#define SCOPE_WATCHED (INT64_C(1) << 41)
#define SCOPE_COUNT (SCOPE_UNCLOSED - 1)

/* Holds: state is SCOPE_OPEN, then SCOPE_ENDING, from open to close; local == 0 once watched;
 * linked implies that child_link is in outer's children and that outer is linked or has no
 * outer or is a shield; every context in members has home == this; records in `pending` have
 * not ended, those in `done` have and wait for tutti_scope_next, those in `given` it has
 * returned. */
struct scope {
    _Atomic uint32_t state;
    uint32_t flags;
    struct tutti_executor *ex;
    struct context *opener;
    const void *thread;      /* the opener's: thread_mark() */
    struct scope *outer;     /* the opener's current scope before */
    struct scope *shield;    /* the innermost shield at or above this; NULL: none */
    int64_t bound;           /* the earliest deadline from here up to the shield, as they
                                were when it was opened */
    _Atomic uint64_t clear_at; /* scope_cuts when the way up was found clear and bound by
                                  `bound`; 0: never */
    _Atomic uint64_t start_at; /* clear_at while a start needs nothing else looked at: it is
                                  open, not watched, not bound, its tasks are of no special
                                  kind.  0: not known.  The opener's thread sets it */
    _Atomic int64_t deadline; /* its own */
    _Atomic int64_t local;   /* moved by the opener's thread alone, read by any */
    _Atomic uint64_t started; /* as local */
    _Atomic int64_t remote;
    _Atomic uint64_t started_elsewhere, failed, cut;
    uint64_t closer;         /* the closer's ticket */
    _Atomic uint32_t over;   /* OVER_*: why nothing may wait or start here */
    _Atomic int cut_by;      /* what close reports for what was cut; 0: nothing */
    _Atomic int failure;     /* the first */
    struct latch latch;      /* guards all below */
    _Atomic bool linked;
    bool watched;            /* the owner's thread alone reads and writes it */
    bool closing;            /* in a list of closers; the same */
    _Atomic bool alarmed;    /* core/alarm.c has an entry for it */
    uint32_t epoch;          /* fork_epoch when opened */
    uint32_t mark;           /* its opener's calls from this number on are forked in it, or
                                were in one inside; see sched/mark.c.  This and the next
                                are the opener's thread's */
    int forks_why;           /* why calls of the scope around it were dropped so far */
    _Atomic uintptr_t away;  /* its opener's worker, if that is none of ex's; of a plain thread
                                its strand's address + 1, once it has one; else 0 */
    struct list child_link, children, members;
    struct list closing_link;
    struct list owned, pending, done, given;
    uint64_t failures;       /* its own so far, those that core/failures.c could not keep too */
    struct scope_more *more; /* made when needed */
};
_Static_assert(sizeof(struct scope) <= sizeof(tutti_scope), "grow tutti_scope");

/* What few scopes need.  Holds: failures has `kept` entries and ends at *failures_end; next is
 * NULL or a node of the opener's; limit 0: there is none, and nobody is in starters. */
struct scope_more {
    char *words;                 /* of the first failure */
    struct failure *failures, **failures_end; /* core/failures.c */
    size_t kept;
    struct list starters;        /* wait_nodes: starts held up by the limit */
    struct list empties;         /* wait_nodes: tutti_on_empty */
    struct wait_node *next;      /* who waits in tutti_scope_next */
    size_t limit;
};

static inline struct scope *scope_of(tutti_scope *s)
{
    return (struct scope *)(void *)s;
}
static inline const struct scope *scope_of_const(const tutti_scope *s)
{
    return (const struct scope *)(const void *)s;
}
/* s, or NULL, is the current one of c, which runs. */
static inline void scope_enter(struct context *c, struct scope *s)
{
    c->scope = s;
    /* relaxed: read by a canceller between its load and its CAS of wait_word, which fails if
     * the wait that it saw was over before this. */
    store_relaxed(&c->wait_shield, s ? s->shield : NULL);
    c->clear_at = c->wait_at = 0;
    c->enlisted = NULL;
}
static inline bool scope_is_open(const struct scope *s)
{
    /* relaxed: an expire that races with the close looks again, in alarm_set */
    return s && (load_relaxed(&((struct scope *)(uintptr_t)s)->state) | 1) == SCOPE_ENDING;
}
/* Is `inner` somewhere inside s, or s itself? */
static inline bool scope_around(const struct scope *s, const struct scope *inner)
{
    while (inner && inner != s)
        inner = inner->outer;
    return inner != NULL;
}
/* It was opened by the process before a fork(). */
static inline bool scope_lost(const struct scope *s)
{
    /* relaxed: changes only in a child that has one thread */
    return unlikely(s->epoch != load_relaxed(&fork_epoch));
}
int why_lost(void); /* says so; -TUTTI_ELOST */
struct scope_more *scope_more(struct scope *s); /* under the latch; NULL: no memory */
void scope_lock(struct scope *s);
void scope_unlock(struct scope *s); /* does what signal handlers left to do */

/* How often anything was cancelled, or a deadline brought forward, in this process; counted
 * after that was done and before those who wait are looked for.  Starts at 1, and
 * goes on in a child of fork(). */
extern _Atomic uint64_t scope_cuts;

/* --- counting: core/count.c --- */
/* Scopes that wait on one thread for their tasks to end, whose counts are not one yet; they
 * are all their thread's.  Holds: count is the length of the list, the oldest first. */
struct closers {
    struct list list;
    unsigned count;
};
enum { CLOSERS_MOST = 8 };
/* Begin to wait in l.  The closer parks next. */
void closers_add(struct closers *l, struct scope *s);
/* Those whose tasks have all ended go on; with `all` the others count as if they were not in
 * the list, and are in it no more. */
void closers_settle(struct closers *l, bool all);
/* From now on what is left of s counts in remote alone.  True: nothing is left. */
bool scope_fold(struct scope *s);
/* The same of one in a list of closers: its closer goes on if nothing is left. */
void scope_fold_closing(struct scope *s);
/* Live tasks as its opener's thread sees it: 0 only if there are none and will be none,
 * since a task that starts another lives meanwhile, and counts here if that start does
 * not.  While it is not folded. */
static inline int64_t scope_left_here(const struct scope *s)
{
    /* relaxed: scope_fold orders it */
    return load_relaxed(&s->local) + load_relaxed(&s->remote) - SCOPE_UNCLOSED;
}

uint64_t scope_start_slow(struct scope *s, bool counted);
void scope_end_slow(struct scope *s);
/* Its opener's thread counts here without atomics; `watched` is read by it alone. */
static inline bool scope_is_local(const struct scope *s)
{
    return likely(s->thread == thread_mark()) && likely(!s->watched);
}
/* Is all well with s, and no more to be looked at than is looked at for a start?  acquire: as
 * in scope_clear. */
static inline bool scope_is_plain(const struct scope *s)
{
    /* relaxed: exact on the opener's thread; to others it is a hint, as `watched` */
    return likely(load_acquire(&scope_cuts) == load_relaxed(&s->start_at));
}
/* Note that s is plain, if it is.  By the opener's thread. */
static inline void scope_note_plain(struct scope *s)
{
    if (likely(s->bound == CLOCK_NEVER && !s->watched
               && !(s->flags & (TUTTI_ALONE | TUTTI_LOW | SCOPE_BROKEN))))
        store_relaxed(&s->start_at, load_relaxed(&s->clear_at)); /* as in scope_is_plain */
}
static inline void scope_local_add(struct scope *s, int64_t n)
{
    store_relaxed(&s->local, load_relaxed(&s->local) + n); /* one writer */
}
/* Count a start by the caller; the number of starts before.  It is live from here on, unless
 * that was counted before. */
static inline uint64_t scope_start(struct scope *s, bool counted) /* by scope_wait_limit */
{
    if (unlikely(!scope_is_local(s)))
        return scope_start_slow(s, counted);
    scope_local_add(s, 1);
    uint64_t here = load_relaxed(&s->started); /* an index for views, here and below */
    store_relaxed(&s->started, here + 1);
    return here + load_relaxed(&s->started_elsewhere);
}
/* The same of a plain scope. */
static inline uint64_t scope_start_plain(struct scope *s)
{
    if (unlikely(s->thread != thread_mark()))
        return scope_start_slow(s, false);
    count_add(&s->local, 1);
    uint64_t here = load_relaxed(&s->started); /* as in scope_start */
    store_relaxed(&s->started, here + 1);
    return here + load_relaxed(&s->started_elsewhere);
}
/* Count an end; *s may be gone after. */
static inline void scope_end(struct scope *s)
{
    if (unlikely(!scope_is_local(s))) {
        scope_end_slow(s);
        return;
    }
    scope_local_add(s, -1);
    if (unlikely(s->closing && scope_left_here(s) == 0))
        scope_fold_closing(s);
}
/* From now on ends take the latch.  By the opener's thread. */
void scope_watch(struct scope *s);
int64_t scope_live(const struct scope *s);
/* Wait while *s is at its limit, if the caller is from outside.  0; 1: a place was taken, so
 * either scope_start(s, true) or scope_end(s) must follow; or as a wait. */
int scope_wait_limit(struct scope *s, struct context *c);

/* --- the tree: core/cut.c --- */
int scope_over_slow(struct context *c, int64_t *deadline);
int scope_over_forks_slow(struct context *c, struct scope *s);
int scope_over_start_slow(struct scope *s, int64_t *deadline);
bool scope_in_time(const struct scope *s); /* its bound has not come */
/* Nothing was cancelled since the way up from s was found clear, and no time has come.
 * acquire: pairs with cuts_count, and stands for the walk's looks at `over`. */
static inline bool scope_clear(const struct scope *s, int64_t *deadline)
{
    /* relaxed: what was true at one count stays true while it lasts */
    if (unlikely(load_acquire(&scope_cuts) != load_relaxed(&s->clear_at)))
        return false;
    *deadline = s->bound;
    return likely(s->bound == CLOCK_NEVER) || scope_in_time(s);
}
/* The same for a start into s: looks at s and above. */
static inline int scope_over_start(struct scope *s, int64_t *deadline)
{
    return likely(scope_clear(s, deadline)) ? 0 : scope_over_start_slow(s, deadline);
}
/* clear_at of a scope that opener opens inside outer, and which is no shield. */
uint64_t scope_clear_below(const struct scope *outer, const struct context *opener);
/* Was c cancelled alone, or may be with whom it runs a call for? */
static inline bool context_alone(const struct context *c)
{
    return unlikely(load_acquire(&c->cut) || c->forker); /* as `over` in over_from */
}
/* Nothing is over for the caller, and no deadline binds it.  What cancels c alone counts, too.
 * seq_cst: pairs with cuts_count: who has opened its wait to cuts before (wait_open_to_cuts)
 * reads the count here before a cancel's fence, and is seen by that cancel then; or after,
 * and walks. */
static inline bool context_clear(const struct context *c)
{
    return likely(load_seqcst(&scope_cuts) == c->clear_at);
}
/* 0, or why the caller may not wait; *deadline: the earliest that binds it.  Marks what is
 * cut, so call it only when the answer ends something. */
static inline int scope_over(struct context *c, int64_t *deadline)
{
    *deadline = CLOCK_NEVER;
    return context_clear(c) ? 0 : scope_over_slow(c, deadline);
}
int context_check_slow(struct context *c);
/* context_check where a call would cost as much. */
static inline int context_check_here(struct context *c)
{
    race_let_signals_in();
    return context_clear(c) ? 0 : context_check_slow(c);
}
/* The same for what c has forked in s, one of those it is in, or NULL. */
static inline int scope_over_forks(struct context *c, struct scope *s)
{
    int64_t deadline;
    if (likely(s && !context_alone(c) && scope_clear(s, &deadline)
               && deadline == CLOCK_NEVER))
        return 0;
    return scope_over_forks_slow(c, s);
}
/* What sched/mark.c does for contexts with a strand.  c is about to enter s, just opened; it
 * has left s, which is about to be closed; and what forks in s shall look whether that is
 * over, though s->ex does not carry it. */
extern void (*forks_enter_hook)(struct context *c, struct scope *s);
extern void (*forks_leave_hook)(struct context *c, struct scope *s);
extern void (*forks_look_hook)(struct scope *s);
/* The caller's wait was cut: the code to return. */
int scope_cut_code(struct context *c);
/* Make c findable from above before it parks. */
void scope_enlist_slow(struct context *c);
static inline void scope_enlist(struct context *c)
{
    if (unlikely(c->enlisted != c->scope))
        scope_enlist_slow(c);
}
/* Make s findable from above before anybody parks for it. */
void scope_link(struct scope *s);
/* End what waits below s, and to start in s, after s->over was set. */
void scope_cut(struct scope *s);
/* Set bits of `over`, then cut. */
void scope_stop(struct scope *s, uint32_t why);
/* End the wait of one task and of what it has opened. */
void context_cut(struct context *c);
/* A context leaves its home's members; a scope its parent's children. */
void context_unlist(struct context *c);
void scope_unlink(struct scope *s);

/* --- failures: core/failures.c --- */
/* One failure of s: index and task say whose; words (owned, may be NULL) why; signal: what a
 * worker died of, or 0. */
void scope_note_failure(struct scope *s, int code, int signal, const char *task,
                        uint64_t index, char *words);
static inline bool end_is_failure(tutti_end end)
{
    return end == TUTTI_FAILED || end == TUTTI_CRASHED || end == TUTTI_LOST;
}
/* The first failure of s, its words as the caller's tutti_why. */
int scope_failure_again(struct scope *s);
void failures_free(struct scope_more *m);

/* --- deadlines brought forward: core/alarm.c --- */
int alarm_set(struct scope *s); /* for its deadline, just set; 0 or -ENOMEM */
/* By a thread whose time is its own: those that have come; the time of the next. */
int64_t alarms_fire_here(void);
void alarm_clear(struct scope *s);
#endif
