/* sync/far/make.c - at home: new objects, and their end with the scope they were made in.
 * Tests: tests/processes_sync_test.c. */
#include "base/memory.h"
#include "core/scope.h"
#include "sync/far/far.h"
#include <assert.h>
#include <inttypes.h>

/* What ending one needs; the entry may be another's as soon as its id is 0.  Holds: until then
 * it is ours, and data and marks are in use by it alone. */
struct made {
    struct owned owned;
    struct far_space *space;
    struct far_entry *entry;
    void *data;
    uint64_t data_size;
    _Atomic uint64_t *marks;
};

static void made_end(struct owned *o)
{
    struct made *m = list_entry(o, struct made, owned);
    struct far_space *s = m->space;
    struct far_entry *e = m->entry;
    struct far *f = &s->objects[e - s->table];
    latch_lock(&f->latch); /* our thread may be at it; never both latches: see far.h */
    store_release(&e->id, 0); /* pairs with far_open and entry_free */
    while (latch_unlock(&f->latch))
        ; /* as far_tend */
    latch_lock(&s->latch);
    assert(s->made > 0);
    s->made--;
    if (f->marks == m->marks)
        f->marks = NULL;
    latch_unlock(&s->latch);
    memory_free((void *)(uintptr_t)m->marks);
    if (m->data)
        s->host.give(s->host.ctx, m->data, m->data_size);
    memory_free(m);
}

/* Under the space's latch: a free entry; NULL: none. */
static struct far_entry *entry_free(struct far_space *s)
{
    for (unsigned i = 0; i < FAR_OBJECTS; i++) {
        struct far_entry *e = &s->table[(s->next + i) % FAR_OBJECTS];
        if (!load_acquire(&e->id)) { /* pairs with made_end */
            s->next = (unsigned)(e - s->table) + 1;
            if (s->next > load_relaxed(s->top)) /* as above */
                store_release(s->top, s->next); /* pairs with far_find */
            return e;
        }
    }
    return NULL;
}

/* Fill e, but for its id.  False: no memory. */
static bool entry_fill(struct far_space *s, struct far_entry *e, const struct far_entry *as)
{
    struct far *f = far_object(s, (unsigned)(e - s->table));
    void *data = as->data_size ? s->host.take(s->host.ctx, as->data_size) : NULL;
    _Atomic uint64_t *marks = NULL;
    if (as->kind == FAR_SEM)
        marks = memory_zalloc(s->at.lanes * sizeof *marks);
    if ((as->data_size && !data) || (as->kind == FAR_SEM && !marks)) {
        if (data)
            s->host.give(s->host.ctx, data, as->data_size);
        memory_free((void *)(uintptr_t)marks);
        return false;
    }
    size_t counts = s->at.lanes * sizeof(struct far_count);
    memset(f->state, 0, sizeof *f->state + counts);
    f->marks = marks;
    e->epoch = FAR_EPOCH;
    e->kind = as->kind;
    e->user = as->user;
    e->item = as->item;
    e->capacity = as->capacity;
    e->value = as->value;
    e->limit = as->limit;
    e->data = (uintptr_t)data;
    e->data_size = as->data_size;
    store_relaxed(&e->back, 0); /* id orders them */
    store_relaxed(&e->deaths, 0);
    return true;
}

struct far_entry *far_make(struct far_space *s, tutti_scope *scope,
                           const struct far_entry *as, int *rc)
{
    struct made *m = memory_alloc(sizeof *m);
    *rc = m ? far_listen(s) : why_static(-ENOMEM, "no memory for a shared object");
    if (*rc) {
        memory_free(m);
        return NULL;
    }
    latch_lock(&s->latch);
    struct far_entry *e = entry_free(s);
    bool full = !e;
    if (e && !entry_fill(s, e, as))
        e = NULL;
    if (e) {
        uint64_t index = (uint64_t)(e - s->table);
        uint64_t id = (uint64_t)++s->generation << FAR_INDEX_BITS | index;
        store_release(&e->id, id); /* pairs with far_open and far_find */
        s->made++;
    }
    latch_unlock(&s->latch);
    if (e)
        *m = (struct made){ .owned.end = made_end, .space = s, .entry = e,
                            .data = (void *)(uintptr_t)e->data, .data_size = e->data_size,
                            .marks = far_open(e)->marks };
    if (!e)
        *rc = why_static(-ENOMEM, full ? "too many shared objects at once"
                                       : "the arena has no room for a shared object");
    else if ((*rc = scope_own(scope, &m->owned)) < 0)
        made_end(&m->owned);
    if (!e)
        memory_free(m);
    return *rc ? NULL : e;
}

int far_space_of(tutti_scope *scope, struct far_space **out)
{
    *out = NULL;
    if (!scope_is_open(scope_of(scope)) || scope_lost(scope_of(scope)))
        return scope_own(scope, NULL); /* says why */
    struct tutti_executor *ex = scope_of(scope)->ex;
    if (ex && ex->ops->space)
        *out = ex->ops->space(ex);
    return 0;
}

int far_share(tutti_scope *scope, void *user, size_t size, unsigned tag,
              const struct far_entry *as)
{
    int rc;
    struct far_entry made = *as;
    if (!user)
        return why_static(-EINVAL, "no object to share");
    struct far_space *s;
    if ((rc = far_space_of(scope, &s)) < 0 || !s)
        return rc;
    uint64_t at = (uintptr_t)user;
    const struct far_place *p = &s->at;
    bool lies = (at >= p->user_from && at <= p->user_to - size)
                || (at >= p->more_from && p->more_to && at <= p->more_to - size);
    if (at % 8 || !lies)
        return why_set(-EINVAL, "%p is not in memory from tutti_share with TUTTI_WRITE on "
                       "this executor", user);
    if (far_find(user, (enum far_kind)as->kind))
        return why_set(-EALREADY, "%p is shared already", user);
    made.user = at;
    struct far_entry *e = far_make(s, scope, &made, &rc);
    if (!e)
        return rc;
    memset(user, 0, size);
    /* relaxed: tasks learn of it later */
    store_relaxed((_Atomic uint64_t *)user, (uint64_t)(e - s->table) << 8 | tag);
    return 1;
}
