/* sync/far/far.c - spaces, and finding the objects in them.  See far.h; made and ended in
 * make.c.  Tests: tests/processes_sync_test.c. */
#include "base/memory.h"
#include "core/task.h"
#include "sync/far/far.h"
#include <signal.h>

/* --- finding -------------------------------------------------------------------------- */

static bool entry_is(const struct far_entry *e, const void *p, enum far_kind kind)
{
    /* acquire: pairs with far_make */
    return load_acquire(&((struct far_entry *)(uintptr_t)e)->id) && e->kind == kind
           && e->user == (uintptr_t)p;
}

static size_t lines(size_t n)
{
    return (n + 63) / 64 * 64;
}
static size_t state_size(unsigned lanes)
{
    return lines(sizeof(struct far_state) + lanes * sizeof(struct far_count));
}

struct far *far_object(struct far_space *s, unsigned i)
{
    struct far *f = &s->objects[i];
    if (!f->space) { /* once: others may have it from an object that was here before */
        unsigned char *states = (unsigned char *)(s->lanes + s->at.lanes);
        f->entry = &s->table[i];
        f->state = (void *)(states + i * state_size(s->at.lanes));
        f->space = s;
    }
    return f;
}

struct far *far_open_in(struct far_space *s, const struct far_entry *e)
{
    /* acquire: pairs with far_make */
    uint64_t id = load_acquire(&((struct far_entry *)(uintptr_t)e)->id);
    if (unlikely(!id))
        return NULL;
    struct far *f = &s->objects[e - s->table]; /* its latch needs no beginning */
    if (likely(load_acquire(&f->id) == id)) /* pairs with the store below */
        return f;
    latch_lock(&f->latch);
    if (load_relaxed(&f->id) != id) { /* under the latch */
        far_object(s, (unsigned)(e - s->table));
        list_init(&f->waiters[0]);
        list_init(&f->waiters[1]);
        f->enlisted[0] = f->enlisted[1] = false;
        store_relaxed(&f->died, false); /* the store of id orders these */
        f->came[0] = f->came[1] = false;
        f->seen_word = 0;
        store_relaxed(&f->spin, 1);
        store_relaxed(&f->lost, 0);
        store_relaxed(&f->holder, NULL);
        store_release(&f->id, id); /* pairs with the load above */
    }
    far_unlock(f); /* who found it ready may have left a poke already */
    return f;
}

struct far *far_open(const struct far_entry *e)
{
    struct far_space *s = far_space_at(e);
    return likely(s != NULL) ? far_open_in(s, e) : NULL;
}

struct far *far_find(const void *p, enum far_kind kind)
{
    struct far_space *s = (uintptr_t)p & 7 ? NULL : far_space_at(p);
    if (!s)
        return NULL;
    /* relaxed: a hint, which anybody may have overwritten */
    uint32_t word = load_relaxed((_Atomic uint32_t *)(uintptr_t)p) >> 8;
    if (likely(word < FAR_OBJECTS && entry_is(&s->table[word], p, kind)))
        return far_open_in(s, &s->table[word]);
    unsigned top = load_acquire(s->top); /* pairs with entry_free */
    for (unsigned i = 0; i < top; i++)
        if (entry_is(&s->table[i], p, kind))
            return far_open_in(s, &s->table[i]);
    return NULL;
}

bool far_is_slow(const void *p, enum far_kind kind)
{
    const struct far_space *s = far_space_at(p);
    return s && (s->at.me != FAR_HOME || far_find(p, kind));
}

const struct far_ops *far_ops_of(const struct far *f)
{
    static const struct far_ops *const ops[FAR_KINDS] = {
        [FAR_MUTEX] = &far_mutex_ops, [FAR_SEM] = &far_sem_ops,
        [FAR_EVENT] = &far_event_ops,
        [FAR_CHAN] = &far_chan_ops, [FAR_COND] = &far_cond_ops,
        [FAR_BARRIER] = &far_barrier_ops, [FAR_MAP] = &far_map_ops,
    };
    return ops[f->entry->kind];
}

/* --- opening a space -------------------------------------------------------------------- */

size_t far_table_size(void)
{
    return FAR_OBJECTS * sizeof(struct far_entry) + 64;
}

size_t far_region_least(unsigned lanes)
{
    return lanes * sizeof(struct far_lane) + FAR_OBJECTS * state_size(lanes);
}

struct far_space *far_space_open(const struct far_place *at, const struct far_host *host)
{
    struct far_space *s = memory_zalloc(sizeof *s);
    struct far *objects = s ? memory_zalloc(FAR_OBJECTS * sizeof *objects) : NULL;
    if (!objects) {
        memory_free(s);
        return NULL;
    }
    s->at = *at;
    s->host = *host;
    s->objects = objects;
    s->table = at->table;
    s->top = (_Atomic uint32_t *)(void *)&s->table[FAR_OBJECTS];
    s->lanes = at->region;
    s->words = (at->lanes + 63) / 64;
    far_range_set(s, at->from, at->to);
    return s;
}

void far_space_close(struct far_space *s)
{
    if (!s)
        return;
    far_listen_end(s);
    far_range_set(s, 0, 0);
    memory_free(s->objects);
    memory_free(s);
}

__attribute__((constructor)) static void far_begin(void)
{
    locks_abandon_hook = far_abandon;
}

/* --- a death ------------------------------------------------------------------------------ */

static void mask_drop(_Atomic uint64_t *mask, unsigned lane)
{
    /* as or_seqcst in far_enlist */
    and_acqrel(&mask[lane / 64], ~(UINT64_C(1) << lane % 64));
}

static void object_bury(struct far *f, unsigned lane, bool retired)
{
    struct far_state *st = f->state;
    const struct far_ops *ops = far_ops_of(f);
    far_latch_bury(st, lane);
    mask_drop(st->waiting[0], lane);
    mask_drop(st->waiting[1], lane);
    if (ops->bury)
        ops->bury(f, lane, retired);
    mask_drop(st->been[0], lane);
    mask_drop(st->been[1], lane);
    far_ring_all(f, 0);
    far_ring_all(f, 1);
    far_ring(f->space, FAR_HOME, far_index(f));
}

void far_lane_died(struct far_space *s, unsigned lane, bool retired)
{
    latch_lock(&s->latch);
    unsigned left = s->made;
    for (unsigned i = 0; left && i < FAR_OBJECTS; i++) {
        struct far *f = load_relaxed(&s->table[i].id) ? far_open_in(s, &s->table[i])
                                                          : NULL;
        if (!f) /* home's own table, under the latch */
            continue;
        left--;
        object_bury(f, lane, retired);
    }
    store_relaxed(&s->lanes[lane].parked, 0); /* hints: nobody of it is there */
    store_relaxed(&s->lanes[lane].asleep, 0);
    latch_unlock(&s->latch);
}

/* --- for tests ------------------------------------------------------------------------------ */

_Atomic long far_steps;

void far_step_last(void)
{
    raise(SIGKILL);
}
