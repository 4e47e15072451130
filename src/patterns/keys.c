/* patterns/keys.c - see keys.h.  Tests: tests/worklist_test.c. */
#include "patterns/keys.h"
#include <assert.h>

enum { KEYS_SLOTS = 64 };

/* --- queues ---------------------------------------------------------------- */

static void queue_put(struct key_queue *q, struct key *key)
{
    key->next = NULL;
    if (q->first)
        q->last->next = key;
    else
        q->first = key;
    q->last = key;
}

static struct key *queue_take(struct key_queue *q)
{
    struct key *key = q->first;
    if (key)
        q->first = key->next;
    return key;
}

/* --- hashing --------------------------------------------------------------- */

static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 32) * UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

/* Keys come from outside (links of a page); the seed keeps them from being chosen so
 * that all fall on one slot. */
static uint64_t key_hash(const struct keys *k, tutti_bytes key)
{
    uint64_t hash = k->seed ^ key.size, word;
    const unsigned char *p = key.data;
    size_t left = key.size;
    for (; left >= sizeof word; left -= sizeof word, p += sizeof word) {
        memcpy(&word, p, sizeof word);
        hash = mix(hash ^ word);
    }
    word = 0;
    if (left)
        memcpy(&word, p, left);
    return mix(hash ^ word);
}

void keys_init(struct keys *k, struct room *room, size_t most, size_t per_group)
{
    *k = (struct keys){ .room = room, .most = most, .per_group = per_group };
    k->seed = mix((uint64_t)tutti_now() ^ (uint64_t)(uintptr_t)k);
}

/* --- tables: of keys by their bytes, of groups by their ids ----------------- */

static uint64_t group_hash(const struct keys *k, uint64_t id)
{
    return mix(k->seed ^ id);
}

static uint64_t slot_hash(const struct keys *k, const struct key_table *t,
                          const void *p)
{
    return t == &k->groups ? group_hash(k, ((const struct key_group *)p)->id)
                           : ((const struct key *)p)->hash;
}

static void table_put(struct key_table *t, uint64_t hash, void *p)
{
    size_t i = hash & (t->slots - 1);
    while (t->slot[i])
        i = (i + 1) & (t->slots - 1);
    t->slot[i] = p;
    t->used++;
    assert(t->used <= t->slots / 2);
}

/* Make place for one more.  The old slots stay in the room: all tables of one set
 * together are twice the last. */
static int table_grow(struct keys *k, struct key_table *t)
{
    if (t->used < t->slots / 2)
        return 0;
    struct key_table bigger = { .slots = t->slots ? t->slots * 2 : KEYS_SLOTS };
    bigger.slot = room_take(k->room, bigger.slots, sizeof *bigger.slot);
    if (!bigger.slot)
        return -ENOMEM;
    for (size_t i = 0; i < t->slots; i++)
        if (t->slot[i])
            table_put(&bigger, slot_hash(k, t, t->slot[i]), t->slot[i]);
    *t = bigger;
    return 0;
}

static int keys_seen(const struct keys *k, tutti_bytes key, uint64_t hash)
{
    const struct key_table *t = &k->all;
    const struct key *at;
    for (size_t i = hash & (t->slots - 1); t->slots && (at = t->slot[i]);
         i = (i + 1) & (t->slots - 1))
        if (at->hash == hash && at->size == key.size
            && (!key.size || !memcmp(at->data, key.data, key.size)))
            return 1;
    return 0;
}

/* The group of that id, made when it is new; NULL: no memory. */
static struct key_group *group_of(struct keys *k, uint64_t id)
{
    if (table_grow(k, &k->groups) < 0)
        return NULL;
    struct key_table *t = &k->groups;
    uint64_t hash = group_hash(k, id);
    struct key_group *g;
    for (size_t i = hash & (t->slots - 1); (g = t->slot[i]);
         i = (i + 1) & (t->slots - 1))
        if (g->id == id)
            return g;
    g = room_take(k->room, 1, sizeof *g);
    if (g) {
        g->id = id;
        table_put(t, hash, g);
    }
    return g;
}

/* --- the set --------------------------------------------------------------- */

static struct key *key_copy(struct keys *k, tutti_bytes key, uint64_t hash)
{
    if (key.size > SIZE_MAX / 2)
        return NULL;
    struct key *copy = room_take(k->room, 1, sizeof *copy + key.size);
    if (copy) {
        copy->hash = hash;
        copy->size = key.size;
        if (key.size)
            memcpy(copy->data, key.data, key.size);
    }
    return copy;
}

static void keys_queue(struct keys *k, struct key *key)
{
    struct key_group *g = key->group;
    if (g && g->taken == k->per_group) {
        queue_put(&g->waiting, key);
        return;
    }
    if (g)
        g->taken++;
    queue_put(&k->ready, key);
}

int keys_add(struct keys *k, tutti_bytes key, uint64_t (*group)(tutti_bytes key))
{
    uint64_t hash = key_hash(k, key);
    if (keys_seen(k, key, hash) || (k->most && k->all.used >= k->most))
        return 0;
    struct key_group *g = NULL;
    int grouped = group && k->per_group;
    if (grouped && !(g = group_of(k, group(key))))
        return -ENOMEM;
    struct key *copy = table_grow(k, &k->all) < 0 ? NULL : key_copy(k, key, hash);
    if (!copy)
        return -ENOMEM;
    copy->group = g;
    table_put(&k->all, hash, copy);
    keys_queue(k, copy);
    return 1;
}

struct key *keys_take(struct keys *k)
{
    return queue_take(&k->ready);
}

void keys_done(struct keys *k, struct key *key)
{
    struct key_group *g = key->group;
    if (!g)
        return;
    struct key *next = queue_take(&g->waiting);
    if (next)
        queue_put(&k->ready, next); /* in the place of the one that ended */
    else
        g->taken--;
}
