/* patterns/crew.h - hands that take slices of a range of items until none is left.
 *
 * Starting is lazy: one hand for each worker at first, and each hand, when it
 * begins, starts one more behind it.  While all hands compute, that one waits in the
 * queue, and ends at once when its turn comes; when a hand parks (its items wait for
 * something), its worker begins the next.  So work that computes costs twice the
 * workers in starts, however many slices there are, and work that waits is
 * overlapped, up to CREW_MOST, without anybody having said which of the two it is. */
#ifndef PATTERNS_CREW_H
#define PATTERNS_CREW_H
#include "patterns/pace.h"
#include <tutti/sync.h>

enum {
    CREW_MOST = 1024, /* hands of one crew: each parked one holds a stack */
    CREW_SEAT = 512   /* bytes of scratch of a hand, before it needs more */
};

/* Set the first part; the rest is zero.  Holds, while it runs: unit >= 1, units of that size
 * cover from..to; a unit below `taken` is done or a hand's, and `done` counts the items of those
 * that were done to their end; hands also counts what was refused beyond CREW_MOST. */
struct crew {
    pace_fn *fn;
    void *arg;
    size_t seat;         /* bytes of scratch each hand needs */
    const char *name;    /* of the task, for views; may be NULL */
    uint64_t from, to;
    uint64_t grain;      /* items in a slice; 0: measured as it goes */
    uint64_t cost;       /* known so far, 0: nothing; then as crew_run measured */
    tutti_scope *inner;  /* set by crew_run before a hand starts */
    /* --- its own --- */
    unsigned workers;
    uint64_t unit, units; /* items in a unit; units in from..to */
    tutti_counter taken;  /* units handed out, may pass units */
    tutti_counter hands, spent, done; /* hands started; ns and items measured */
};

/* Run it to its end in a scope of its own on ex.  set, may be NULL, is told the
 * scope. */
int crew_run(struct crew *c, tutti_executor *ex,
             void (*set)(void *arg, tutti_scope *inner));
#endif
