/* core/record.h - what a future's ticket points to: a result to come.  Records are never
 * given back to the system, only reused with the next generation, so a stale ticket finds
 * a record of another generation and nothing worse.
 *
 * Latches: a record's before a scope's. */
#ifndef CORE_RECORD_H
#define CORE_RECORD_H
#include "core/scope.h"

/* Holds: size <= room; owned or a grow of its own where data was ever moved. */
struct tutti_out {
    unsigned char *data;
    size_t size, room;
    bool owned; /* data is memory of ours, else the buffer given */
    void (*give)(struct tutti_out *o); /* not NULL: how data is freed */
    void *ctx;
    /* Not NULL: gives memory for `room` bytes with the `size` that are there, which were its
     * own if `owned`; NULL: none, and nothing has changed. */
    unsigned char *(*grow)(struct tutti_out *o, size_t room);
};

enum {
    RECORD_FREE,
    RECORD_PENDING,  /* a task will end it */
    RECORD_PROMISED, /* somebody will fulfil it */
    RECORD_FILLING,  /* somebody is about to have fulfilled it, without the latch */
    RECORD_FILLED,   /* fulfilled; the next holder of the latch settles it */
    RECORD_DONE,
    RECORD_STATE_BITS = 3
};

/* Holds: scope and link are set while the generation is current; `runner` is set from the
 * start of the task to its end; waiters is empty once the state is RECORD_DONE. */
struct record {
    struct latch latch;
    /* generation << RECORD_STATE_BITS | state; see record_seal.  Changed under the latch, but for
     * PROMISED -> FILLING -> FILLED, by whoever fulfils, which may be a signal handler. */
    _Atomic uint64_t tag;
    struct scope *scope;
    struct list link; /* in scope's pending, done or given; under scope's latch */
    struct list waiters;
    struct context *runner;
    const char *name;
    char *words; /* owned */
    uint64_t index;
    _Atomic uint32_t epoch; /* fork_epoch when opened; stale tickets look without the latch */
    int code, signal;
    uint32_t runs;   /* times it was begun */
    tutti_end end;
    bool looked, cancelled;
    _Atomic bool released; /* changed under the latch; scope_next looks without it */
    struct tutti_out out;
    _Alignas(16) unsigned char small[TUTTI_PROMISE_MAX]; /* small results need no memory */
    struct record *next; /* in the slab */
};

/* The upper bits of a record's generations, which only tickets of this process have: they
 * follow from its address, and from where the library lies.  So garbage in a tutti_future is
 * told, but for one in 32,768, before its address is looked at; and what is never an address
 * of the program's, or a small number, always, since the first bit is set. */
enum { RECORD_COUNT_BITS = 45 }; /* below: times it was opened, before they begin again */
extern const char record_place;
static inline uint64_t record_seal(uint64_t address)
{
    uint64_t mixed = (address ^ (uintptr_t)&record_place) * UINT64_C(0x9e3779b97f4a7c15);
    return (mixed >> 49 | UINT64_C(1) << 15) << RECORD_COUNT_BITS;
}
/* A record in s's pending futures in that state, and its ticket; NULL: no memory. */
struct record *record_open(struct scope *s, uint64_t state, const char *name,
                           tutti_future *f);
/* Let the latch go, with what signal handlers left to do done. */
void record_unlock(struct record *r);
/* After a promise was filled: settle it now, or let the holder of the latch do it. */
void record_poke(struct record *r);
/* Of the process before a fork(): its latch may be held for ever, its scope be anywhere. */
static inline bool record_lost(const struct record *r)
{
    return unlikely(load_relaxed(&r->epoch) != load_relaxed(&fork_epoch)); /* as scope_lost */
}
/* Under the latch, which is let go: nobody wants the result. */
void record_release(struct record *r);
/* The task of r has begun on c.  False: cancelled before. */
bool record_begin(struct record *r, struct context *c);
/* Was it cancelled by itself?  For what runs elsewhere. */
bool record_is_cancelled(struct record *r);
/* Its result is a copy of those bytes; 0 or -ENOMEM.  By who ends it. */
int record_result(struct record *r, const void *data, size_t size);
/* ... and ended.  words: owned by r after. */
void record_end(struct record *r, tutti_end end, int code, char *words);
/* Scope is closing: note failures nobody looked at, end promises, recycle all. */
void records_close(struct scope *s);
/* Promises that signal handlers fulfilled while the scope was latched. */
void records_settle(struct scope *s);
void out_free(struct tutti_out *o);
#endif
