/* tutti/patterns.h - whole shapes of concurrent work, written on tutti.h alone: read
 * their sources as examples.
 *
 * All of them return when the work is done: 0 or a count or an index as said, else the
 * first failure.  All are [any] [wait].  Work that they started is over when they
 * return, also when they failed; a failure of it is theirs to return and not the
 * scope's.
 *
 * The scope says where the work runs: on its executor, in a scope of the call's own
 * that nests in the caller's current one.  So give them a scope that is around the
 * caller: one that it opened and has not closed, or one that it runs in, however far
 * out; then they are cut off with it.  From anywhere else, start a task in that scope
 * that calls the pattern.  (Called from elsewhere all the same, they run to their end
 * whatever becomes of that scope: only its executor is used.)
 *
 * Small work stays in the caller: starting a task for it would cost more. */
#ifndef TUTTI_PATTERNS_H
#define TUTTI_PATTERNS_H
#include <tutti.h>
#ifdef __cplusplus
extern "C" {
#endif

/* ---- for ------------------------------------------------------------------ */

/* Run t on consecutive slices of the tutti_ref that begins `in` (TUTTI_TASK_RANGE).
 * grain: the least number of items worth a task; 0: measured by running the first
 * slices, and kept for that task and size of item. */
TUTTI_API int tutti_for(tutti_scope *s, const tutti_task *t, tutti_bytes in,
                        uint64_t grain);
/* The same over the numbers from..to-1 with a closure: fn(ctx, a, b) does a..b-1. */
typedef int tutti_range_fn(void *ctx, uint64_t from, uint64_t to);
TUTTI_API int tutti_for_range(tutti_scope *s, uint64_t from, uint64_t to,
                              uint64_t grain, tutti_range_fn *fn, void *ctx);

/* ---- reduce --------------------------------------------------------------- */

/* As tutti_for, and fold the outputs into *acc: join(ctx, acc, part), in order of the
 * slices, one at a time, in the caller.  The cut depends on count and grain alone
 * (grain 0: count/256, at least 1), never on workers: every executor gives the same
 * bits. */
TUTTI_API int tutti_reduce(tutti_scope *s, const tutti_task *t, tutti_bytes in,
                           uint64_t grain,
                           void (*join)(void *ctx, void *acc, const void *part),
                           void *ctx, void *acc);
/* The size of a slice that tutti_reduce cuts `count` items into, for a serial program
 * that wants the same bits. */
TUTTI_API uint64_t tutti_reduce_slice(uint64_t count, uint64_t grain);

/* ---- map ------------------------------------------------------------------ */

/* out[i] = t(in[i]) for n inputs that lie side by side; t has fixed sizes.  codes
 * NULL: the first failure cancels the rest and is returned.  Else it goes on, codes[i]
 * is each one's code, and the return value counts the failures. */
TUTTI_API int tutti_map(tutti_scope *s, const tutti_task *t, const void *in,
                        void *out, size_t n, int *codes);

typedef struct tutti_flow { /* set size and what you need; the rest zero */
    size_t size;
    size_t window; /* at most that many items in flight or unread; 0: measured */
    int unordered;
    int (*source)(void *ctx, tutti_bytes *item); /* 1: an item, good until the next
                                                    call; 0: no more; negative */
    int (*sink)(void *ctx, uint64_t i, int code, tutti_bytes result);
                /* not 0 ends the flow; NULL: a failure ends it */
    void *ctx;
} tutti_flow;
/* Any number of items through t, results to sink in the order of the items unless
 * unordered.  source and sink run in the caller.  Returns 0 or what ended it. */
TUTTI_API int tutti_map_flow(tutti_scope *s, const tutti_task *t,
                             const tutti_flow *flow);

/* ---- rivals --------------------------------------------------------------- */

/* n inputs, side by side, to the same task: the first to return 0 or more wins, its
 * result is copied to out (may be NULL), the others are cancelled.  Returns the
 * winner's index, or when all failed the failure of the lowest index. */
TUTTI_API int tutti_race(tutti_scope *s, const tutti_task *t, const void *in,
                         size_t n, void *out);
/* All run to their end, or to the scope's deadline; better(ctx, a, b) says whether
 * result a beats b; equal ones go to the lower index.  The best so far is in out
 * (may be NULL).  Returns its index, also when the deadline came first, or the
 * failure of the lowest index when none succeeded; -ECANCELED when a scope outside
 * was cancelled. */
TUTTI_API int tutti_best(tutti_scope *s, const tutti_task *t, const void *in,
                         size_t n,
                         int (*better)(void *ctx, const void *a, const void *b),
                         void *ctx, void *out);

/* ---- sort ------------------------------------------------------------------ */

enum { TUTTI_SORT_STABLE = 1 }; /* equal items keep their order; needs as much memory
                                   again, while it sorts */
/* Bring count items of `size` bytes that lie side by side into order: compare gives less
 * than 0, 0 or more than 0, may be called from several threads at once and must not wait
 * for what the sort itself holds up.  0; on error the items are all there, in some order:
 * -EINVAL, -ENOMEM (only when stable), or as a wait. */
TUTTI_API int tutti_sort(tutti_scope *s, void *items, size_t count, size_t size,
                         int (*compare)(void *ctx, const void *a, const void *b),
                         void *ctx, unsigned flags);

/* ---- scan: what all items up to each one come to ---------------------------- */

enum { TUTTI_SCAN_EXCLUSIVE = 1 }; /* up to, without the item itself */
/* out[i] = first joined with in[0], in[1], ... in[i], in that order; count items of `size`
 * bytes that lie side by side.  join(ctx, acc, item) makes *acc into *acc joined with
 * *item; it must be associative, need not commute, may be called from several threads at
 * once and must not wait for what the scan itself holds up.
 *
 *     static void add(void *ctx, void *acc, const void *item)
 *     {
 *         *(long *)acc += *(const long *)item;
 *     }
 *     tutti_scan(&s, sizes, offsets, n, sizeof(long), 0, add, NULL, &zero,
 *                TUTTI_SCAN_EXCLUSIVE);     offsets[i]: where the i-th part begins
 *
 * in: may be out.  first: one item, not changed; NULL: begin with in[0], not when
 * exclusive.  grain: items of a slice; 0: count/256, at least 512.  Slices are joined each
 * for itself, then those results in order, so rounding follows from count and grain
 * alone: every executor gives the same bits.  Twice as many joins as items.
 * 0; on error out holds anything: -EINVAL, also when in and out overlap otherwise, -ENOMEM,
 * or as a wait. */
TUTTI_API int tutti_scan(tutti_scope *s, const void *in, void *out, size_t count,
                         size_t size, uint64_t grain,
                         void (*join)(void *ctx, void *acc, const void *item),
                         void *ctx, const void *first, unsigned flags);

/* ---- pipeline: closures over items that pass from stage to stage ---------- */

typedef struct tutti_stage {
    int (*fn)(void *ctx, void *item); /* first: 1 made one, 0 no more; others: 1 pass
                                         on, 0 item consumed here; negative ends all */
    unsigned width;                   /* 0, 1: serial, in order; else so many at once */
} tutti_stage;
typedef struct tutti_line { /* set size; the rest as needed */
    size_t size;
    size_t item;      /* bytes of an item */
    size_t window;    /* items that may exist at once; 0: twice the widths */
    tutti_drop *drop; /* gets items that did not reach the end; may be NULL */
    void *ctx;
    int unordered;
} tutti_line;
/* Serial stages see items in the order they were made unless unordered.  The first
 * stage is serial.  It ends by itself, when the source has and all is through. */
TUTTI_API int tutti_pipeline(tutti_scope *s, const tutti_stage *stage, size_t n,
                             const tutti_line *line);

/* ---- work-list: visit each key once; visits add keys; ends when none is left */

typedef struct tutti_list tutti_list;
typedef int tutti_visit(tutti_list *l, tutti_bytes key, void *ctx);
typedef struct tutti_work { /* set size and visit; the rest as needed */
    size_t size;
    size_t width;     /* visits at once; 0: four a worker */
    size_t per_group; /* of one group (a host) at once; 0: any */
    size_t most;      /* keys in all; more are dropped, see tutti_list_add; 0: any */
    tutti_visit *visit;
    uint64_t (*group)(tutti_bytes key); /* may be NULL */
    void *ctx;
    int strict;       /* a failed visit ends the list; else it is only counted */
} tutti_work;
/* Returns how many visits failed, or what ended it. */
TUTTI_API int tutti_worklist(tutti_scope *s, const tutti_work *w, tutti_bytes first);
/* 1 new, 0 seen before or over `most`, -ENOMEM.  Keys are copied.  [any], from a visit
 * of that list or a task it started and waits for. */
TUTTI_API int tutti_list_add(tutti_list *l, tutti_bytes key);

/* ---- again: retry with back-off ------------------------------------------- */

typedef struct tutti_retry {
    size_t size;
    unsigned tries;               /* at least 1 */
    tutti_time each;              /* limit of one try; 0: none */
    tutti_time pause, pause_most; /* before the second try; doubled up to most */
    int (*worth)(int code);       /* NULL: every failure is worth another try */
} tutti_retry;
/* Call fn(arg) until it gives 0 or more, tries are used up, worth says no, or the
 * caller's scope is over; pauses double, with jitter.  What the last try gave. */
TUTTI_API int tutti_again(const tutti_retry *r, tutti_fn *fn, void *arg);

#ifdef __cplusplus
}
#endif
#endif
