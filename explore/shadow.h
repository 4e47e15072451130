/* explore/shadow.h - the table under races.c and model.c: for each eight bytes that the
 * program has touched, who read and wrote which of them and when, and the atomic
 * locations in them.  An open hash whose cells belong to one schedule by their
 * generation, so that a new schedule costs nothing.  Cells move when the table grows:
 * never keep one over another look-up. */
#ifndef EXPLORE_SHADOW_H
#define EXPLORE_SHADOW_H
#include "engine.h"

enum { INLINE_RECORDS = 2, MORE_RECORDS = 7 };

/* One thread's newest access of one sort to some of the eight bytes. */
struct record {
    int32_t at; /* that thread's time */
    uint8_t thread, mask;
    bool write;
    uint8_t unused;
    uintptr_t pc;
};

struct more {
    struct more *next;
    int n;
    struct record record[MORE_RECORDS];
};

struct location;

struct cell {
    uintptr_t granule; /* address / 8 */
    uint32_t generation;
    uint16_t n; /* inline records */
    bool upper; /* the eight bytes before begin an atomic of 16 */
    uint8_t unused;
    struct location *locations;
    struct record record[INLINE_RECORDS];
    struct more *more;
} __attribute__((aligned(64)));

void shadow_open(void);
void shadow_reset(void);
void *arena_take(size_t size); /* until the schedule ends; not cleared */

/* The cell of these eight bytes, new and empty if there was none. */
struct cell *cell_of(uintptr_t granule);
/* The same, NULL if there is none. */
struct cell *cell_find(uintptr_t granule);
/* Each cell there is of [low, high); none may be made meanwhile. */
void cells_each(uintptr_t low, uintptr_t high, void (*look)(struct cell *c, const void *),
                const void *arg);

/* --- between races.c and model.c --- */
enum { HISTORY = 16 };

/* A store in the history of one location.
 * Holds: seen[i] is thread i's time when it first read this or a later store; with
 * heads 0, clock means nothing. */
struct store {
    wide value;
    uint64_t writer; /* thread << 32 | its point */
    uint64_t heads;  /* threads: clock is what a release of each has made known */
    int32_t sc;      /* since when later sequentially consistent loads may read nothing
                        older; 0: they may */
    int32_t seen[THREADS];
    struct clock clock;
} __attribute__((aligned(64)));

/* An atomic object, in the list of the cell that it begins in.  One of 16 bytes has
 * `upper` set in the cell behind; while it is, that cell has no atomics of its own.
 * Holds: store[(n - 1) % HISTORY] is the newest and equal to memory,
 * unless `reset` (a plain write has been seen) or somebody unseen wrote. */
struct location {
    void *address;
    struct location *next; /* in the same eight bytes */
    int size, n;
    bool reset;
    struct clock **alone; /* of each head of a newest store with several; else NULL */
    struct store *store[HISTORY];
    int32_t wrote[THREADS], read[THREADS]; /* times of the newest; 0: never */
    uintptr_t wrote_pc[THREADS], read_pc[THREADS];
} __attribute__((aligned(64)));

#endif
