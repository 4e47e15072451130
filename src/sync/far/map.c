/* sync/far/map.c - tutti_table: a small map from bytes to bytes, among processes; on
 * executors that have none it is the same map in memory of this process.
 *
 * Design: open addressing in slots of one size, under the state's latch.  A slot has
 * one word that says what is in it, and room for two values: a change writes its
 * bytes where nobody looks, and then that word.  So who dies at any step has changed
 * nothing or all.  Only the count may be off by one after a death; home counts anew.
 * Tests: tests/processes_table_test.c, tests/processes_sync_inside_test.c. */
#include "base/memory.h"
#include "core/scope.h"
#include "sync/far/far.h"

/* The word: what is there, which of the two values, bytes of the key and of the value. */
enum { EMPTY, FULL, GONE, STATE = 3, SECOND = 4, KEY_SHIFT = 3, VALUE_SHIFT = 32 };
#define KEY_MOST ((UINT64_C(1) << 28) - 1)
#define VALUE_MOST UINT32_MAX

/* On this process alone: an object, its space and its slots in one block. */
struct near_map {
    struct far_entry entry; /* first: it is the tutti_table */
    struct owned owned;
    struct far_space space;
    struct far far;
    _Atomic unsigned char mark;
};

/* One map, under both latches. */
struct map {
    struct far *f;
    unsigned char *slots;
    uint64_t n, key_room, value_room, each;
};

static uint64_t words(uint64_t n)
{
    return (n + 7) / 8 * 8;
}
/* Slots: a quarter more than entries, so that there is an end to each search. */
static uint64_t slots_of(uint64_t capacity)
{
    return capacity + capacity / 4 + 1;
}
static uint64_t slot_size(uint64_t key, uint64_t value)
{
    return sizeof(uint64_t) + words(key) + 2 * words(value);
}

static struct map map_of(struct far *f)
{
    const struct far_entry *e = f->entry;
    return (struct map){ f, (unsigned char *)(uintptr_t)e->data, slots_of(e->capacity),
                         words(e->item), words(e->value), slot_size(e->item, e->value) };
}

static _Atomic uint64_t *slot_word(const struct map *m, uint64_t i)
{
    return (_Atomic uint64_t *)(void *)(m->slots + i * m->each);
}
static unsigned char *slot_key(const struct map *m, uint64_t i)
{
    return m->slots + i * m->each + sizeof(uint64_t);
}
static unsigned char *slot_value(const struct map *m, uint64_t i, uint64_t word)
{
    return slot_key(m, i) + m->key_room + (word & SECOND ? m->value_room : 0);
}
static uint64_t key_size(uint64_t word)
{
    return word >> KEY_SHIFT & KEY_MOST;
}
static uint64_t value_size(uint64_t word)
{
    return word >> VALUE_SHIFT;
}

static unsigned state_of(uint64_t word)
{
    return word & STATE;
}

/* What slot i says, read once; EMPTY with *bad set: it cannot be. */
static uint64_t slot_read(const struct map *m, uint64_t i, bool *bad)
{
    const struct far_entry *e = m->f->entry;
    uint64_t word = load_relaxed(slot_word(m, i)); /* under the state's latch */
    if ((state_of(word) == FULL && key_size(word) && key_size(word) <= e->item
         && value_size(word) <= e->value)
        || state_of(word) == EMPTY || state_of(word) == GONE)
        return word;
    *bad = true;
    return EMPTY;
}
static void slot_write(const struct map *m, uint64_t i, uint64_t word)
{
    far_step();
    store_release(slot_word(m, i), word); /* the one store; the latch orders it */
    far_step();
}

static uint64_t hash(tutti_bytes key)
{
    const unsigned char *at = key.data;
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key.size; i++)
        h = (h ^ at[i]) * UINT64_C(0x100000001b3);
    return h ^ h >> 29;
}

enum { FOUND, FREE, FULL_UP, BAD };
/* Where key is, or would be put. */
static int map_find(const struct map *m, tutti_bytes key, uint64_t *at, uint64_t *word)
{
    uint64_t i = hash(key) % m->n, gone = m->n;
    bool bad = false;
    for (uint64_t k = 0; k < m->n; k++, i = i + 1 < m->n ? i + 1 : 0) {
        *word = slot_read(m, i, &bad);
        if (bad)
            return BAD;
        if (state_of(*word) == FULL && key_size(*word) == key.size
            && !memcmp(slot_key(m, i), key.data, key.size)) {
            *at = i;
            return FOUND;
        }
        if (state_of(*word) == GONE && gone == m->n)
            gone = i;
        if (state_of(*word) == EMPTY) {
            *at = gone < m->n ? gone : i;
            return FREE;
        }
    }
    *at = gone;
    return gone < m->n ? FREE : FULL_UP;
}

/* The count is in tail. */
static void map_count(struct far *f, int by)
{
    _Atomic uint64_t *count = &f->state->tail;
    store_relaxed(count, load_relaxed(count) + (uint64_t)(int64_t)by); /* state's latch */
}

/* 1: new; 0: it had another value. */
static int map_set(const struct map *m, tutti_bytes key, tutti_bytes value)
{
    uint64_t at, word;
    int rc = map_find(m, key, &at, &word);
    if (rc == BAD)
        return -EUCLEAN;
    if (rc != FOUND && (rc == FULL_UP
                        || load_relaxed(&m->f->state->tail) >= m->f->entry->capacity))
        return -ENOSPC; /* relaxed: under the state's latch */
    uint64_t to = (uint64_t)key.size << KEY_SHIFT | (uint64_t)value.size << VALUE_SHIFT;
    to |= FULL;
    if (rc == FOUND)
        to |= ~word & SECOND;
    else
        memcpy(slot_key(m, at), key.data, key.size);
    if (value.size)
        memcpy(slot_value(m, at, to), value.data, value.size);
    slot_write(m, at, to);
    if (rc != FOUND)
        map_count(m->f, 1);
    return rc != FOUND;
}

/* --- a death --------------------------------------------------------------------------- */

static void map_settle(struct far *f, struct list *woken)
{
    (void)f;
    (void)woken; /* nobody waits here */
}
static void map_pass(struct far *f)
{
    (void)f;
}
static void map_bury(struct far *f, unsigned lane, bool retired)
{
    (void)lane;
    (void)retired;
    store_release(&f->died, true); /* pairs with far_tend, which is rung */
}
static void map_mourn(struct far *f)
{
    const struct map m = map_of(f);
    uint64_t count = 0;
    bool bad = false;
    far_lock_state(f);
    for (uint64_t i = 0; i < m.n; i++)
        count += state_of(slot_read(&m, i, &bad)) == FULL;
    store_relaxed(&f->state->tail, count); /* under the state's latch */
    far_unlock_state(f);
}
const struct far_ops far_map_ops = { map_settle, map_pass, NULL, map_bury, map_mourn };

/* --- calls -------------------------------------------------------------------------------- */

/* Both latches of the map; NULL and *rc: it is gone. */
static struct far *map_enter(const tutti_table *public, int *rc)
{
    struct far_entry *e = (struct far_entry *)(uintptr_t)public;
    *rc = 0;
    if (!e) {
        *rc = why_static(-EINVAL, "no map");
        return NULL;
    }
    bool near = e->epoch == load_relaxed(&fork_epoch); /* as scope_lost */
    if (!near && e->epoch != FAR_EPOCH) {
        *rc = why_static(-TUTTI_ELOST, "the table was opened before fork(), in the parent");
        return NULL;
    }
    struct far *f = near ? &((struct near_map *)(void *)e)->far : far_open(e);
    if (!f) {
        *rc = far_ended();
        return NULL;
    }
    far_lock(f);
    far_lock_state(f);
    return f;
}

static int map_leave(struct far *f, int rc)
{
    far_unlock_state(f);
    far_unlock(f);
    if (rc == -EUCLEAN)
        return far_rubbish("table");
    return rc == -ENOSPC ? why_static(rc, "the table is full") : rc;
}

static int key_bad(const struct far *f, tutti_bytes key)
{
    if (key.size && key.data && key.size <= f->entry->item)
        return 0;
    return why_set(-EINVAL, "a key of %zu bytes, where 1 to %llu are taken", key.size,
                   (unsigned long long)f->entry->item);
}

int tutti_table_put(tutti_table *public, tutti_bytes key, tutti_bytes value)
{
    int rc;
    struct far *f = map_enter(public, &rc);
    if (!f)
        return rc;
    const struct map m = map_of(f);
    rc = key_bad(f, key);
    if (rc == 0 && (value.size > f->entry->value || (!value.data && value.size)))
        rc = why_set(-EINVAL, "a value of %zu bytes, where %llu are the most", value.size,
                     (unsigned long long)f->entry->value);
    return map_leave(f, rc ? rc : map_set(&m, key, value));
}

int64_t tutti_table_get(tutti_table *public, tutti_bytes key, void *value, size_t room)
{
    int rc;
    uint64_t at, word;
    struct far *f = map_enter(public, &rc);
    if (!f)
        return rc;
    const struct map m = map_of(f);
    int64_t size = key_bad(f, key);
    int found = size ? BAD : map_find(&m, key, &at, &word);
    if (size == 0 && found == FOUND) {
        size = (int64_t)value_size(word);
        size_t n = room < (size_t)size ? room : (size_t)size;
        if (n)
            memcpy(value, slot_value(&m, at, word), n);
    } else if (size == 0) {
        size = found == BAD ? -EUCLEAN : -ENOENT;
    }
    rc = map_leave(f, size < 0 ? (int)size : 0);
    return rc < 0 ? rc : size;
}

int tutti_table_add(tutti_table *public, tutti_bytes key, int64_t n, int64_t *now)
{
    int rc;
    uint64_t at, word;
    int64_t value = 0;
    struct far *f = map_enter(public, &rc);
    if (!f)
        return rc;
    const struct map m = map_of(f);
    rc = key_bad(f, key);
    if (rc == 0 && f->entry->value < sizeof value)
        rc = why_static(-EINVAL, "values of this map are too small for a number");
    int found = rc ? BAD : map_find(&m, key, &at, &word);
    if (rc == 0 && found == FOUND && value_size(word) != sizeof value)
        rc = why_static(-EINVAL, "the value is no number");
    if (rc == 0 && found == FOUND)
        memcpy(&value, slot_value(&m, at, word), sizeof value);
    value = (int64_t)((uint64_t)value + (uint64_t)n);
    rc = rc ? rc : map_set(&m, key, (tutti_bytes){ &value, sizeof value });
    if (rc >= 0 && now)
        *now = value;
    return map_leave(f, rc < 0 ? rc : 0);
}

int tutti_table_delete(tutti_table *public, tutti_bytes key)
{
    int rc;
    uint64_t at, word;
    struct far *f = map_enter(public, &rc);
    if (!f)
        return rc;
    const struct map m = map_of(f);
    rc = key_bad(f, key);
    int found = rc ? BAD : map_find(&m, key, &at, &word);
    if (rc == 0 && found == FOUND) {
        bool bad = false;
        uint64_t next = slot_read(&m, at + 1 < m.n ? at + 1 : 0, &bad);
        slot_write(&m, at, state_of(next) == EMPTY ? EMPTY : GONE);
        map_count(f, -1);
    } else if (rc == 0) {
        rc = found == BAD ? -EUCLEAN : -ENOENT;
    }
    return map_leave(f, rc);
}

size_t tutti_table_length(tutti_table *public)
{
    int rc;
    struct far *f = map_enter(public, &rc);
    if (!f)
        return 0;
    uint64_t n = load_relaxed(&f->state->tail); /* under the state's latch */
    n = n <= slots_of(f->entry->capacity) ? n : 0; /* else rubbish */
    map_leave(f, 0);
    return n;
}

int tutti_table_next(tutti_table *public, uint64_t *at, void *key, size_t *key_bytes,
                   void *value, size_t *value_bytes)
{
    int rc;
    bool bad = false;
    if (!at || !key_bytes || !value_bytes)
        return why_static(-EINVAL, "tutti_table_next: nowhere to put what it finds");
    struct far *f = map_enter(public, &rc);
    if (!f)
        return rc;
    const struct map m = map_of(f);
    for (; rc == 0 && *at < m.n; ++*at) {
        uint64_t word = slot_read(&m, *at, &bad);
        if (bad || state_of(word) != FULL) {
            rc = bad ? -EUCLEAN : 0;
            continue;
        }
        rc = key_size(word) > *key_bytes || value_size(word) > *value_bytes ? -EMSGSIZE : 1;
        if (rc < 0)
            break;
        memcpy(key, slot_key(&m, *at), *key_bytes = key_size(word));
        if ((*value_bytes = value_size(word)))
            memcpy(value, slot_value(&m, *at, word), *value_bytes);
    }
    return map_leave(f, rc);
}

/* --- making one ----------------------------------------------------------------------------- */

static void near_end(struct owned *o)
{
    memory_free(list_entry(o, struct near_map, owned));
}

static int near_make(tutti_table **out, tutti_scope *s, const struct far_entry *as)
{
    const uint64_t head = (sizeof(struct near_map) + 63) / 64 * 64;
    const uint64_t state = sizeof(struct far_state) + 64; /* and a lane's counts */
    struct near_map *n = NULL;
    if (as->data_size < INT64_MAX - head - state)
        n = memory_aligned(64, (head + state + as->data_size + 63) / 64 * 64);
    if (!n)
        return why_static(-ENOMEM, "no memory for a map");
    unsigned char *at = (unsigned char *)n;
    n->entry = *as;
    n->entry.epoch = load_relaxed(&fork_epoch); /* as scope_lost */
    n->far.state = (void *)(at + head);
    n->entry.data = (uintptr_t)(at + head + state);
    n->space.table = &n->entry;
    n->space.at.lanes = 1;
    n->space.at.marks = &n->mark;
    n->far.space = &n->space;
    n->far.entry = &n->entry;
    list_init(&n->far.waiters[0]);
    list_init(&n->far.waiters[1]);
    n->owned.end = near_end;
    int rc = scope_own(s, &n->owned);
    if (rc < 0)
        memory_free(n);
    else
        *out = (tutti_table *)(void *)n;
    return rc;
}

int tutti_table_share(tutti_table **out, tutti_scope *s, size_t capacity, size_t key_most,
                    size_t value_most)
{
    struct far_space *space;
    uint64_t bytes;
    int rc;
    if (!out)
        return why_static(-EINVAL, "tutti_table_share: nowhere to put the table");
    *out = NULL;
    if (!capacity || capacity > UINT32_MAX || !key_most || key_most > KEY_MOST
        || value_most > VALUE_MOST / 2
        || __builtin_mul_overflow(slots_of(capacity), slot_size(key_most, value_most), &bytes))
        return why_static(-EINVAL, "tutti_table_share: entries and keys have a size");
    struct far_entry as = { .kind = FAR_MAP, .item = key_most, .capacity = capacity,
                            .value = value_most, .data_size = bytes };
    if ((rc = far_space_of(s, &space)) < 0)
        return rc;
    if (!space)
        return near_make(out, s, &as);
    struct far_entry *e = far_make(space, s, &as, &rc);
    *out = (tutti_table *)(void *)e;
    return e ? 0 : rc;
}
