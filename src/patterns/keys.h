/* patterns/keys.h - the keys of a work-list: a set that copies them, queues of those to
 * visit, and groups that may be full.  Its caller locks it.
 *
 * A key whose group is full waits in its group, not in the queue, so that whoever
 * takes a key can visit it at once and no place is held for nothing. */
#ifndef PATTERNS_KEYS_H
#define PATTERNS_KEYS_H
#include "patterns/room.h"

/* Holds: next links it in one queue or none. */
struct key {
    struct key *next;
    struct key_group *group; /* NULL: keys are not grouped */
    uint64_t hash;
    size_t size;
    unsigned char data[];
};

/* First in, first out.  Holds: last is the last of first's chain; NULL: empty. */
struct key_queue {
    struct key *first, *last;
};

/* Holds: taken counts the group's keys that are ready or being visited, at most
 * per_group; waiting is empty unless taken == per_group. */
struct key_group {
    uint64_t id;
    size_t taken;
    struct key_queue waiting;
};

/* Open addressing.  Holds: slots is 0 or a power of two; used of them are not NULL, half at
 * most. */
struct key_table {
    void **slot;
    size_t slots, used;
};

/* Holds: all.used <= most; each key that is ready has room in its group. */
struct keys {
    struct room *room;
    size_t most, per_group;
    uint64_t seed;
    struct key_table all, groups;
    struct key_queue ready;
};

void keys_init(struct keys *k, struct room *room, size_t most, size_t per_group);
/* 1: new; 0: there before, or over `most`; -ENOMEM.  group: may be NULL. */
int keys_add(struct keys *k, tutti_bytes key, uint64_t (*group)(tutti_bytes key));
/* The next to visit; NULL: none is ready. */
struct key *keys_take(struct keys *k);
/* A visit has ended: its group has a place. */
void keys_done(struct keys *k, struct key *key);
#endif
