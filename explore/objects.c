/* explore/objects.c - locks, conditions, barriers, semaphores: what the model knows of
 * each, found by its address.  Reset with the schedule.
 * Holds: an object of kind OBJECT_GONE stands for a destroyed one as long as its mark is
 * in the program's memory; an object's clock is what its last release made known.
 * Tests: tests/cells/gone.c. */
#include "clock.h"
#include "engine.h"
#include "fail.h"
#include "fibers.h"
#include "heap.h"
#include "objects.h"
#include "restore.h"
#include "shadow.h"
#include "stack.h"
#include <stddef.h>
#include <string.h>

enum { BUCKETS = 256 };
static struct object *bucket[BUCKETS];
static uint64_t dirty[BUCKETS / 64];

void objects_reset(void)
{
    for (int w = 0; w < BUCKETS / 64; w++) {
        for (uint64_t set = dirty[w]; set; set &= set - 1)
            bucket[w * 64 + __builtin_ctzll(set)] = NULL;
        dirty[w] = 0;
    }
}

static unsigned place_of(const void *address)
{
    return (unsigned)((uintptr_t)address * 0x9E3779B97F4A7C15u >> 56);
}

struct object *object_find(void *address, enum object_kind kind)
{
    for (struct object *o = bucket[place_of(address)]; o; o = o->next)
        if (o->address == address && o->kind == kind)
            return o;
    return NULL;
}

/* In the first word of what is destroyed; whoever makes a new object there, by a call or
 * by an initialiser, writes over it. */
enum { MARK = 0x6e06a7ed };

static int mark_at(const void *address)
{
    int mark;
    memcpy(&mark, address, sizeof mark);
    return mark;
}

void object_live(void *address)
{
    uintptr_t told = ex.result->address; /* heap_check() changes it, failing or not */
    if (heap_owns(address))
        heap_check(address, 1, false, ex.me->pc);
    else if (stacks_own(address))
        stack_check(address, false, ex.me->pc);
    ex.result->address = told;
    const struct object *o = object_find(address, OBJECT_GONE);
    if (usual(!o) || mark_at(address) != MARK)
        return;
    ex.result->address = (uintptr_t)address;
    fail_place(o->owner, OP_DESTROY, o->pc);
    fail(FAIL_MISUSE, ex.me->pc, "thread %d uses what thread %d has destroyed",
         ex.me->id, o->owner);
}

/* Whether all that is done with that kind is done while the object lives: a futex may be
 * woken when its memory is gone, and what sanitizers are told is only an address. */
static bool must_live(enum object_kind kind)
{
    return kind <= OBJECT_SEM || kind == OBJECT_READERS;
}

static struct object *object_new(void *address, enum object_kind kind)
{
    unsigned at = place_of(address);
    struct object *o = arena_take(sizeof *o);
    memset(o, 0, offsetof(struct object, clock));
    o->address = address;
    o->kind = kind;
    o->owner = -1;
    o->next = bucket[at];
    clock_zero(&o->clock, ex.lanes);
    bucket[at] = o;
    dirty[at / 64] |= 1ull << at % 64;
    return o;
}

struct object *object_of(void *address, enum object_kind kind)
{
    struct object *o = object_find(address, kind);
    if (must_live(kind))
        object_live(address);
    else if (!o && heap_owns(address))
        heap_check(address, 1, false, ex.me->pc);
    return usual(o != NULL) ? o : object_new(address, kind);
}

/* Forget what is at this address, of all kinds: it is initialised or destroyed. */
void object_drop(void *address)
{
    for (struct object **at = &bucket[place_of(address)]; *at;)
        if ((*at)->address == address)
            *at = (*at)->next;
        else
            at = &(*at)->next;
}

void object_made(void *address, size_t n)
{
    object_drop(address);
    restore_own(address, n);
}

void object_gone(void *address, const void *pc)
{
    static const int mark = MARK;
    object_drop(address);
    struct object *o = object_new(address, OBJECT_GONE);
    o->owner = ex.me->id;
    o->pc = pc;
    restore_own(address, sizeof mark);
    memcpy(address, &mark, sizeof mark);
}

void objects_each(void (*look)(struct object *o, void *arg), void *arg)
{
    for (int i = 0; i < BUCKETS; i++)
        for (struct object *o = bucket[i]; o; o = o->next)
            look(o, arg);
}

void acquire_clock(struct clock *c)
{
    clock_join(&ex.me->now, c, ex.lanes);
}

void release_clock(struct clock *c)
{
    struct thread *me = ex.me;
    clock_join(c, &me->now, ex.lanes);
    clock_set(&me->now, me->id, ++me->at);
}
