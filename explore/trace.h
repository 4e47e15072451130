/* explore/trace.h - what the process that runs schedules and the one that watches and
 * reports share.  One mapping, made before the fork. */
#ifndef EXPLORE_TRACE_H
#define EXPLORE_TRACE_H
#include "engine.h"

/* An atomic operation in the executable, and the order it asks for. */
struct order_site {
    uintptr_t pc;
    uint8_t op, order;
};

/* An instruction whose access to memory no hook saw. */
struct unseen_site {
    uintptr_t pc;
    uint64_t count;
};

enum { SITES = 4096, UNSEEN_SITES = 64 };
enum { TRACE_STEPS = 1 << 14, EVENTS = 1 << 18, GAPS = 32, GAP_WORDS = 120 };

struct trace {
    uint64_t count; /* of steps; the newest TRACE_STEPS are kept */
    struct step step[TRACE_STEPS];
};

/* Written by the runner, read by the watcher while the runner lives (numbers that are
 * only shown) and after its end (everything). */
struct shared {
    struct result result;
    uint64_t schedules, behaviours, steps, accesses, unseen, threads;
    uint64_t changed, changed_unseen; /* words of memory after the calibrating run */
    uintptr_t unseen_at; /* such a word, or an atomic; 0: none */
    uint64_t stepped, stepped_unseen; /* accesses of the stepped schedule: step.c */
    int unseen_sites;
    struct unseen_site unseen_site[UNSEEN_SITES];
    uint64_t length;
    uint64_t at_seed;
    int runner; /* the process in which schedules run, or the one of this schedule */
    uint64_t beat; /* moves while schedules go on */
    double seconds; /* until the failure or the end */
    bool done;      /* the runner came to its end in good order */
    int lanes;
    int sites;
    struct order_site site[SITES];
    int gaps;
    char gap[GAPS][GAP_WORDS];
    size_t events;
    struct event event[EVENTS];
    struct trace trace;
};
extern hidden struct shared *shared;
extern hidden struct trace *trace;

/* --- the step that the running thread makes, while steps are kept --- */
struct step *trace_step(enum op op, const void *address, const void *pc);
static inline void trace_value(uint64_t v)
{
    if (rare(ex.tracing) && ex.me->step) {
        ex.me->step->value = v;
        ex.me->step->flags |= STEP_VALUE;
    }
}
/* How many bytes a plain access touches. */
static inline void trace_range(size_t n)
{
    if (rare(ex.tracing) && ex.me->step) {
        ex.me->step->size = (uint8_t)(n > 255 ? 255 : n);
        ex.me->step->before = n;
    }
}
/* The value of an atomic of size bytes, and what was there before. */
static inline void trace_wide(int size, wide v, wide before)
{
    if (rare(ex.tracing) && ex.me->step) {
        struct step *s = ex.me->step;
        s->value = (uint64_t)v;
        s->before = (uint64_t)before;
        s->high = (uint64_t)(v >> 64);
        s->high_before = (uint64_t)(before >> 64);
        s->flags |= STEP_VALUE | (size == 16 ? STEP_WIDE : 0);
    }
}
static inline void trace_flag(unsigned f)
{
    if (rare(ex.tracing) && ex.me->step)
        ex.me->step->flags |= f;
}
#endif
