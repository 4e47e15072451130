/* fiber/inside.h - what the files of this layer share: who must be told of stacks and
 * switches (the sanitizers, valgrind), the switch of each architecture, and the layout
 * of a pool's mappings, which the overflow handler reads. */
#ifndef FIBER_INSIDE_H
#define FIBER_INSIDE_H
#include "base/latch.h"
#include "fiber/fiber.h"

/* --- one per architecture --- */

/* Save the callee-saved registers on from's stack and its stack pointer in from->sp,
 * and go on where `to` did that. */
void fiber_swap(struct fiber *from, struct fiber *to);
/* Set f->sp so that the first fiber_swap to f calls fiber_begin(f, main). */
void fiber_frame(struct fiber *f, fiber_main *main);
/* Where every made fiber begins. */
void fiber_begin(struct fiber *self, fiber_main *main);

/* --- telling: nothing in ordinary builds --- */

/* A stack came into being or goes; told_new is false when no more can be had. */
bool told_new(struct fiber *f);
void told_gone(struct fiber *f);
void told_adopt(struct fiber *f);

/* --- mappings --- */

/* One mapping of many fibers' slots, side by side.
 * Holds: used <= slots; slots below used have their guard and their fiber. */
struct region {
    struct region *next;
    char *base, *map; /* the first slot, a multiple of the strand's room; the mapping */
    size_t slots, length;
    _Atomic size_t used; /* grows under the pool's grow latch */
};

/* Holds: a slot is room | guard | stack and user block, sizes that are multiples of the
 * page, and slots follow each other at multiples of `slot`, itself one of room. */
struct fiber_pool {
    struct latch latch;        /* free */
    struct fiber *free;
    struct latch grow;         /* regions and what is made; held over system calls, in
                                  which others that grow would queue anyway */
    struct region *_Atomic regions; /* the newest first */
    size_t room, guard, slot;  /* bytes */
    size_t stack, block;       /* as asked, rounded up */
    size_t next_slots;         /* of the next region */
    fiber_main *main;
    struct fiber_pool *_Atomic next; /* in the list of all pools */
};

/* The fiber whose slot this is. */
struct fiber *pool_fiber(const struct fiber_pool *p, const struct region *r, size_t i);
/* The fiber whose guard holds the address and its pool; NULL.  Safe in signal handlers;
 * pools cannot go away between begin and end. */
void pools_read_begin(void);
void pools_read_end(void);
struct fiber *pools_guard(const void *address, const struct fiber_pool **p);
void why_fiber(const char *words);
#endif
