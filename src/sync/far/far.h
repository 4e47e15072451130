/* sync/far/far.h - locks, channels and maps that several processes share.
 *
 * Where it lies.  A *space* is memory mapped at one address in the process that
 * opened an executor (home, lane 0) and in its workers (lane 1 and up).  It has two
 * parts: the table, which home alone can write and which says what there is (kind,
 * sizes, places); and the region, which all write and nobody trusts: the state of
 * each object, a doorbell for each lane, the slots of channels and maps.  Every
 * process keeps a private `struct far` beside each object, with those of its own
 * contexts that wait there, under an ordinary latch.
 *
 * Who waits.  No context is known to another process.  A lane in which somebody
 * waits sets its bit in the state; whoever lets somebody go on rings one such lane
 * (or all); and a thread of that process *settles* the object: does what is waited
 * for on behalf of its contexts, in their order, and wakes them by the four verbs.
 * A ring that finds nobody is passed on to the next lane; one too many is harmless.
 * So a wake is lost only with the process that had it, and home rings all lanes anew
 * when a worker dies.
 *
 * Who dies.  A lane may end at every instruction.  Each change of an object is
 * decided by ONE store or compare-and-swap: of the mutex' word, of a lane's own
 * count of a semaphore, of a channel's head or tail behind the copied item, of a map
 * entry's head word behind its bytes.  What needs more than one step takes the
 * state's latch, whose word names its lane; home takes it from the dead.  So there
 * is nothing to undo and nothing half done.
 *
 * Rubbish.  Fields of the region are read once and checked; walks are bounded by the
 * table's numbers; home looks twice at a latch or mutex that does not move.  What
 * cannot be is -EUCLEAN; what could be, but is wrong, is like a program's own error.
 *
 * Order of latches: the executor's, then the space's; a far's, then the executor's;
 * never a far's with the space's.  A far's, then the state's; one far after the
 * other as tutti_wait orders them, one state at a time.
 * Tests: tests/processes_sync_test.c, tests/processes_sync_inside_test.c,
 * tests/processes_rubbish_test.c, and tests/cells/tutti/. */
#ifndef SYNC_FAR_FAR_H
#define SYNC_FAR_FAR_H
#include "base/atomic.h"
#include "base/latch.h"
#include "base/small.h"
#include "core/context.h"
#include "core/owned.h"
#include "core/waiters.h"
#include <pthread.h>
#include <tutti/shared.h>

enum {
    FAR_OBJECTS = SMALL(2048, 64), /* in one space at once */
    FAR_LANES = 257,     /* home and 256 workers */
    FAR_MASK = (FAR_LANES + 63) / 64,
    FAR_HOME = 0,
    FAR_SPACES = 16,     /* in one process */
    FAR_INDEX_BITS = 16,
    FAR_MEET_MOST = 65534 /* at one barrier */
};
#define FAR_EPOCH UINT32_MAX /* fork_epoch never comes to it */

enum far_kind {
    FAR_NONE, FAR_MUTEX, FAR_SEM, FAR_EVENT, FAR_COND, FAR_BARRIER, FAR_CHAN, FAR_MAP,
    FAR_KINDS
};

/* In the table.  Holds: written by home only, and while id is 0 but for the last two.  The
 * address of one is a tutti_chan or tutti_table. */
struct far_entry {
    _Alignas(16) uint32_t epoch; /* first, and aligned, as in struct tutti_chan: FAR_EPOCH */
    uint32_t kind;
    _Atomic uint64_t id;   /* generation << FAR_INDEX_BITS | index; 0: free */
    uint64_t user;         /* the address of the user's object; 0: it has none */
    uint64_t item, capacity, value; /* bytes of an item or key, how many, bytes of a value */
    uint64_t data, data_size; /* address of slots in the region */
    uint64_t limit;        /* units at the beginning; how many meet at a barrier */
    _Atomic uint64_t back; /* units of the dead that came back; of a channel: deaths of
                              lanes that had received */
    _Atomic uint64_t deaths; /* of lanes that had sent */
};

struct far_count {
    _Atomic uint64_t up, down;
};

/* In the region.  What the words mean is said by each kind's file. */
struct far_state {
    _Alignas(64) _Atomic uint32_t latch; /* latch.c */
    _Atomic uint32_t count;
    _Atomic uint64_t word, head, tail;
    _Atomic uint64_t waiting[2][FAR_MASK]; /* lanes in which somebody waits, for each queue */
    _Atomic uint64_t been[2][FAR_MASK];    /* whose running task has sent, received, come */
    _Atomic uint64_t told[2];              /* of a channel: see chan.c */
    struct far_count lane[];
};

/* Holds: bell only counts up; a bit of rung is cleared by the lane alone, and set before its
 * bell is rung. */
struct far_lane {
    _Alignas(64) _Atomic uint32_t bell; /* futex: counts rings */
    _Atomic uint32_t asleep;            /* its thread sleeps, or is about to */
    _Atomic uint32_t parked;            /* its contexts wait and do not look */
    _Alignas(64) _Atomic uint64_t rung[FAR_OBJECTS / 64]; /* for which objects */
};

/* What a space needs of the executor it belongs to.  take, give, lane_is, lane_kill:
 * home. */
enum far_life { FAR_GONE, FAR_RUNS, FAR_STOPPED };
struct far_host {
    void *ctx;
    void *(*take)(void *ctx, uint64_t n); /* zeroed, in the region; NULL: none left */
    void (*give)(void *ctx, void *at, uint64_t n);
    enum far_life (*lane_is)(void *ctx, unsigned lane);
    void (*lane_kill)(void *ctx, unsigned lane);
    unsigned (*lane_mark)(void *ctx, unsigned lane, unsigned index); /* FAR_INSIDE... */
    bool (*may_spin)(void *ctx);
};
/* What a lane says of itself and object i, in bytes that it alone can write: it has the
 * latch; it holds the mutex.  Set after it has taken it and cleared before it lets go. */
enum { FAR_INSIDE = 1, FAR_HOLDS = 2 };

/* Where things lie.  Holds: table and region are of far_table_size and
 * far_region_least. */
struct far_place {
    uint64_t from, to;           /* all of the arena */
    uint64_t user_from, user_to; /* where objects of the user's may lie... */
    uint64_t more_from, more_to; /* ...and here, if there is more */
    void *table, *region;
    unsigned lanes, me, slot;
    _Atomic unsigned char *marks; /* ours, one for each object */
};

/* This process's side of an object.  Holds: enlisted[q] if and only if our bit is set in
 * waiting[q]; a queue that is not empty is enlisted. */
struct far {
    struct latch latch;      /* guards all below but for id and holder */
    uint32_t turn;
    _Atomic uint64_t id;     /* as the entry's when this was made ready */
    struct far_space *space;
    struct far_entry *entry;
    struct far_state *state;
    struct list waiters[2];
    bool enlisted[2];
    bool came[2];            /* our bit in been[q] is set */
    _Atomic bool died;       /* home: a lane that knew it has died */
    _Atomic uint64_t *marks; /* home, of a semaphore: for each lane down - up at its last
                                death; changed under the space's latch */
    uint64_t seen_word;      /* home, far_verify: of a mutex, and since when */
    int64_t seen_since;
    _Atomic uint64_t lost;   /* home: units that dead lanes held */
    _Atomic unsigned cursor; /* the lane that far_next found last: a hint */
    _Atomic int64_t spin;    /* ns worth looking before a wait; see far_look */
    _Atomic(struct context *) holder; /* of a mutex, if it is one of ours */
};

/* Holds: objects[i] is our side of table[i]; no entry at or above *top was ever used; at home,
 * under latch, no more than `made` of them have an id. */
struct far_space {
    struct far_place at;
    struct far_host host;
    struct far *objects;     /* FAR_OBJECTS; made when one is first used: far_object */
    struct far_entry *table;
    _Atomic uint32_t *top;   /* behind the table: entries above it were never used */
    struct far_lane *lanes;
    unsigned words;          /* of a mask that can be set */
    struct latch latch;      /* guards made, next, generation; before an object's */
    struct latch listen_latch; /* guards the thread's start */
    unsigned made, next;
    uint32_t generation;
    _Atomic uint64_t waits[FAR_OBJECTS / 64]; /* objects at which we are enlisted */
    _Atomic bool came;       /* far_came since far_task_ended */
    _Atomic bool thread_runs;
    _Atomic bool quit;
    pthread_t thread;
};

/* --- addresses: far.c --- */
extern _Atomic uintptr_t far_from, far_span;
bool far_is_slow(const void *p, enum far_kind kind);
/* Is p for the far calls: shared as such, or in a worker in memory of home's, where
 * nothing else can be?  For paths that are not the fast ones. */
static inline bool far_is(const void *p, enum far_kind kind)
{
    /* relaxed: whoever has a p in a space learnt of it after both were set */
    return unlikely((uintptr_t)p - load_relaxed(&far_from) < load_relaxed(&far_span))
           && far_is_slow(p, kind);
}
/* Our side of the user's object at p; NULL: none of that kind was shared there. */
struct far *far_find(const void *p, enum far_kind kind);
/* The same for an entry; NULL: it has ended. */
struct far *far_open(const struct far_entry *e);
/* Ours for entry i, which knows by then where it belongs.  Under its latch, or, in a new one,
 * before its id is told. */
struct far *far_object(struct far_space *s, unsigned i);
struct far *far_open_in(struct far_space *s, const struct far_entry *e);

/* --- spaces: far.c --- */
size_t far_table_size(void);
size_t far_region_least(unsigned lanes); /* to which what host.take gives is added */
/* NULL: no memory.  Home: the memory is zeroed; workers enter what home has laid out. */
struct far_space *far_space_open(const struct far_place *at, const struct far_host *host);
void far_space_close(struct far_space *s);
/* Worker `lane` is gone, or (retired) has left of its own will; no new one has begun. */
void far_lane_died(struct far_space *s, unsigned lane, bool retired);
/* Have the thread that hears the bell run.  0 or -EAGAIN, with words.  bell.c */
int far_listen(struct far_space *s);
void far_listen_end(struct far_space *s);

/* --- where they lie: where.c --- */
/* Addresses [from, to) are s's; to == 0: none are any more. */
void far_range_set(struct far_space *s, uint64_t from, uint64_t to);
struct far_space *far_space_at(const void *p); /* NULL: none */
struct far_space *far_space_number(unsigned slot); /* NULL: none */

/* The space of the scope's executor, NULL where it has none.  0 or an error, with
 * words. */
int far_space_of(tutti_scope *scope, struct far_space **out);
/* A new object of s, ended with `scope`.  NULL and *rc. */
struct far_entry *far_make(struct far_space *s, tutti_scope *scope,
                           const struct far_entry *as, int *rc);
/* Make *user, of `size` bytes, one; its first word gets the id, shifted, and `tag`.
 * 1: done; 0: there is no space, an object of this process will do; or an error,
 * with words. */
int far_share(tutti_scope *scope, void *user, size_t size, unsigned tag,
              const struct far_entry *as);

/* --- the state's latch: latch.c --- */
void far_lock_state(struct far *f);
void far_unlock_state(struct far *f);
void far_latch_bury(struct far_state *st, unsigned lane);
/* Say, or unsay, that this lane has the mutex: for home's doubts. */
void far_holds(struct far *f, bool yes);

/* --- waiting: bell.c --- */
void far_ring(struct far_space *s, unsigned lane, unsigned index);
void far_ring_all(struct far *f, unsigned q);
/* Whose turn it is among the lanes that wait in queue q: the next after the last one
 * found; -1: none.  The other: among those that are not ours. */
int far_next(struct far *f, unsigned q);
int far_next_other(struct far *f, unsigned q);
/* Ring that other one, if there is one. */
void far_ring_other(struct far *f, unsigned q);
bool far_nobody(const struct far *f, unsigned q);
void far_lock(struct far *f);
/* Settle, let f's latch go, wake. */
void far_unlock(struct far *f);
/* The same where a signal handler may be the caller; leaves it to who holds the latch. */
void far_poke(struct far *f);
void far_enlist(struct far *f, unsigned q, struct wait_node *n);
/* Under f's latch, which is let go: wait in queue q.  What a waker gave, or why it ended;
 * *item: node.item, before and after. */
int far_wait(struct far *f, struct context *c, unsigned q, void **item, const char *what,
             unsigned flags);
/* The same in two steps, with something in between that does not wait.  begin gives
 * 0, or why there is no wait.  w is on the caller's stack. */
struct far_waiting {
    struct wait_node node;
    uint64_t ticket;
};
int far_wait_begin(struct far *f, struct context *c, unsigned q, void *item,
                   const char *what, struct far_waiting *w);
int far_wait_end(struct far *f, struct context *c, struct far_waiting *w, unsigned flags);
/* Before that, without latches: look at *word for a while until it differs from
 * `seen`, if that has been worth it lately and no CPU is taken from others by it. */
void far_look(struct far *f, const _Atomic uint64_t *word, uint64_t seen);

/* In a worker: its running task takes part in what queue q is about (been), so that
 * its death says something to the others; and does not any more.  Under f's latch. */
void far_came(struct far *f, unsigned q);
void far_went(struct far *f, unsigned q);
/* In a worker: the running task has ended well. */
extern _Atomic bool far_came_some; /* far_came since then, in any space */
void far_task_ended_slow(void);
static inline void far_task_ended(void)
{
    if (unlikely(load_relaxed(&far_came_some))) /* set by what has ended now */
        far_task_ended_slow();
}

/* --- kinds --- */
struct far_ops {
    /* Under f's latch: do what our contexts wait for, as far as it goes; who may run goes
     * to woken. */
    void (*settle)(struct far *f, struct list *woken);
    /* A ring was for nobody here: ring another lane if something can be had. */
    void (*pass)(struct far *f);
    /* Home, now and then while somebody here waits, under f's latch: NULL, or look
     * whether what is waited for is held by somebody who can hold it. */
    void (*verify)(struct far *f);
    /* Home, under the space's latch alone: `lane` is gone. */
    void (*bury)(struct far *f, unsigned lane, bool retired);
    /* Home, later, under f's latch: what bury has left. */
    void (*mourn)(struct far *f);
};
extern const struct far_ops far_mutex_ops, far_sem_ops, far_event_ops, far_cond_ops,
    far_barrier_ops, far_chan_ops, far_map_ops;
const struct far_ops *far_ops_of(const struct far *f);

int far_mutex_lock(tutti_mutex *m, struct context *c, unsigned flags);
int far_mutex_trylock(tutti_mutex *m, struct context *c);
void far_mutex_unlock(tutti_mutex *m, struct context *c);
bool far_mutex_mine(tutti_mutex *m, const struct context *c);
/* c's task has returned: the mutexes it still holds are as those of a dead one. */
void far_abandon(struct context *c);
int far_sem_down(tutti_sem *s, struct context *c);
int far_sem_trydown(tutti_sem *s);
void far_sem_up(tutti_sem *s);
void far_event_set(tutti_event *e);
void far_event_clear(tutti_event *e);
int far_event_is_set(tutti_event *e);
int far_event_wait(tutti_event *e, struct context *c);
int far_cond_wait(tutti_cond *d, tutti_mutex *m, struct context *c);
void far_cond_signal(tutti_cond *d);
void far_cond_broadcast(tutti_cond *d);
int far_barrier_wait(tutti_barrier *b, struct context *c);
void far_barrier_init(tutti_barrier *b);
/* c's first word tells: see struct far_entry. */
static inline bool far_chan_is(const tutti_chan *c)
{
    return *(const uint32_t *)(const void *)c == FAR_EPOCH;
}
int far_chan_send(tutti_chan *c, const void *item, struct context *self);
int far_chan_recv(tutti_chan *c, void *item, struct context *self);
void far_chan_writers(tutti_chan *c, unsigned n);
int far_chan_close(tutti_chan *c);
size_t far_chan_length(const tutti_chan *c);

struct waitable;
extern const struct waitable far_event_waitable, far_chan_recv_waitable,
    far_chan_send_waitable;
/* What serves case c instead of `near`, which serves its kind; mostly `near`. */
const struct waitable *far_waitable(const tutti_case *c, const struct waitable *near);

/* --- for tests --- */
/* Above 0: how many steps until this process kills itself.  A step lies between any two
 * stores to the region. */
extern _Atomic long far_steps;
void far_step_last(void);
static inline void far_step(void)
{
    /* relaxed, both: a test's, which orders nothing */
    if (unlikely(load_relaxed(&far_steps) > 0) && sub_relaxed(&far_steps, 1) == 1)
        far_step_last();
}

static inline unsigned far_index(const struct far *f)
{
    return (unsigned)(f->entry - f->space->table);
}
static inline int far_rubbish(const char *what)
{
    return why_set(-EUCLEAN, "the shared state of a %s was overwritten", what);
}
static inline int far_ended(void)
{
    return why_static(-ESTALE, "the scope of a shared object has closed");
}
#endif
