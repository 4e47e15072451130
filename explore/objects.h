/* explore/objects.h - locks, conditions and their like: see objects.c. */
#ifndef EXPLORE_OBJECTS_H
#define EXPLORE_OBJECTS_H
#include "clock.h"
#include "common.h"

enum object_kind {
    OBJECT_MUTEX = 1, OBJECT_RWLOCK, OBJECT_COND, OBJECT_BARRIER, OBJECT_SEM,
    OBJECT_ONCE, OBJECT_FUTEX, OBJECT_READERS, OBJECT_FD, OBJECT_TOLD,
    OBJECT_GONE /* destroyed */
};
struct object {
    void *address;
    struct object *next;
    enum object_kind kind;
    int owner, count, readers, value, generation;
    bool robust, dead, lost; /* dead: not made consistent; lost: never will be */
    uint64_t reader_set;
    const void *pc; /* where it was taken */
    uint64_t last;  /* who let go of it last, and at which of its points */
    struct clock clock;
};
void objects_reset(void);
struct object *object_of(void *address, enum object_kind kind);
struct object *object_find(void *address, enum object_kind kind);
void object_drop(void *address);
/* n bytes there are being initialised, by libc: what was there is forgotten. */
void object_made(void *address, size_t n);
/* It has been destroyed by this thread: who uses it now fails. */
void object_gone(void *address, const void *pc);
/* Fail if what is used at that address has been freed or destroyed. */
void object_live(void *address);
void objects_each(void (*look)(struct object *o, void *arg), void *arg);
void acquire_clock(struct clock *c);
void release_clock(struct clock *c);
#endif
