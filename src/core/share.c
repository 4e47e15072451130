/* core/share.c - items shared by reference.  In one process a ref finds its items through a
 * table of segments: its id is an index with a generation, so one whose scope has closed
 * finds nothing.  Tests: tests/share_test.c. */
#include "base/memory.h"
#include "core/owned.h"
#include "core/scope.h"
#include "core/thread.h"
#include <stdio.h>
#include <sys/mman.h>

enum { BLOCK = 256, BLOCKS = 4096, INDEX_BITS = 20 }; /* 2^20 segments at once */

/* Holds: base != NULL if and only if the segment is open. */
struct segment {
    struct owned owned;
    _Atomic uint64_t id;      /* generation << INDEX_BITS | index; changes at close */
    void *_Atomic base;
    uint64_t bytes, count;
    uint32_t item, flags;
    uint32_t next;            /* free list: index + 1 */
};

static struct latch table_latch;
static struct segment *_Atomic table[BLOCKS]; /* blocks are never freed */
static uint32_t table_free, table_size;       /* under the latch */

static struct segment *segment_at(uint64_t id)
{
    uint64_t index = id & ((1u << INDEX_BITS) - 1);
    /* acquire: pairs with segment_new */
    struct segment *block = load_acquire(&table[index / BLOCK]);
    return block ? &block[index % BLOCK] : NULL;
}

/* Under the latch. */
static struct segment *segment_new(void)
{
    if (table_free) {
        struct segment *g = segment_at(table_free - 1);
        table_free = g->next;
        return g;
    }
    if (table_size == BLOCKS * BLOCK)
        return NULL;
    if (table_size % BLOCK == 0) {
        struct segment *block = memory_zalloc(sizeof *block * BLOCK);
        if (!block)
            return NULL;
        store_release(&table[table_size / BLOCK], block); /* pairs with segment_at */
    }
    struct segment *g = &load_relaxed(&table[table_size / BLOCK])[table_size % BLOCK];
    /* Generations begin at 1, so that a zeroed ref finds nothing.  Relaxed: no ref has it yet,
     * the latch orders the table. */
    store_relaxed(&g->id, (UINT64_C(1) << INDEX_BITS) + table_size++);
    return g;
}

static void segment_end(struct owned *o)
{
    struct segment *g = list_entry(o, struct segment, owned);
    void *base = load_relaxed(&g->base); /* the closer's own */
    store_relaxed(&g->base, NULL);       /* a ref used after the close is a race anyway */
    munmap(base, g->bytes);
    latch_lock(&table_latch);
    uint64_t id = load_relaxed(&g->id); /* under the latch, here and below */
    store_release(&g->id, id + (UINT64_C(1) << INDEX_BITS)); /* pairs with ref_find */
    g->next = table_free;
    table_free = (uint32_t)(id & ((1u << INDEX_BITS) - 1)) + 1;
    latch_unlock(&table_latch);
}

static void *share_map(uint64_t bytes)
{
    if (fault_now())
        return NULL;
    void *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                      0);
    return base == MAP_FAILED ? NULL : base;
}

/* The segment, or NULL and *rc. */
static struct segment *share_make(uint64_t count, size_t item, unsigned flags, int *rc)
{
    uint64_t bytes;
    *rc = -EINVAL;
    if (item == 0 || item > UINT32_MAX || flags > TUTTI_WRITE)
        return NULL;
    *rc = -EOVERFLOW;
    if (__builtin_mul_overflow(count, item, &bytes) || bytes > SIZE_MAX / 2)
        return NULL;
    *rc = -ENOMEM;
    bytes = bytes ? bytes : 1;
    void *base = share_map(bytes);
    latch_lock(&table_latch);
    struct segment *g = base ? segment_new() : NULL;
    latch_unlock(&table_latch);
    if (!g) {
        if (base)
            munmap(base, bytes);
        return NULL;
    }
    g->owned.end = segment_end;
    g->bytes = bytes;
    g->count = count;
    g->item = (uint32_t)item;
    g->flags = flags;
    store_release(&g->base, base); /* pairs with ref_find */
    return g;
}

/* --- items that other processes reach ------------------------------------------ */

void *(*executor_ref_hook)(const tutti_ref *r, unsigned flags);

/* Holds: ref was given by ex's share and not taken back by its unshare yet. */
struct far {
    struct owned owned;
    struct tutti_executor *ex;
    tutti_ref ref;
};

static void far_end(struct owned *o)
{
    struct far *f = list_entry(o, struct far, owned);
    f->ex->ops->unshare(f->ex, &f->ref);
    memory_free(f);
}

enum { WHY = 240 };

/* The items, or NULL and *rc; why: the executor's words, if it has any. */
static void *far_share(tutti_scope *s, uint64_t count, size_t item, unsigned flags,
                       tutti_ref *out, int *rc, char why[WHY])
{
    uint64_t bytes;
    struct far *f;
    *rc = item == 0 || item > UINT32_MAX || flags > TUTTI_WRITE ? -EINVAL
          : __builtin_mul_overflow(count, item, &bytes)         ? -EOVERFLOW
                                                                : 0;
    if (*rc)
        return NULL;
    *rc = -ENOMEM;
    if (!(f = memory_zalloc(sizeof *f)))
        return NULL;
    f->owned.end = far_end;
    f->ex = scope_of(s)->ex;
    void *base = f->ex->ops->share(f->ex, count, (uint32_t)item, flags, &f->ref);
    if (!base) {
        memory_free(f);
        snprintf(why, WHY, "%s", tutti_why());
        return NULL;
    }
    *out = f->ref;
    *rc = 0;
    if (scope_own(s, &f->owned) < 0) { /* lost by fork() */
        memory_free(f);
        return NULL;
    }
    return base;
}

static void *share_failed(tutti_scope *s, uint64_t count, size_t item, int rc,
                          const char *why)
{
    scope_fail(s, why_set(rc, "tutti_share: %llu items of %zu bytes: %s",
                          (unsigned long long)count, item, *why ? why : tutti_strerror(rc)));
    return NULL;
}

void *tutti_share(tutti_scope *s, uint64_t count, size_t item, unsigned flags,
                  tutti_ref *out)
{
    int rc;
    if (out)
        *out = (tutti_ref){ UINT64_MAX, 0, 0, 0, 0 };
    if (!scope_is_open(scope_of(s)) || scope_lost(scope_of(s))) {
        scope_own(s, NULL); /* says why */
        return NULL;
    }
    if (!out) {
        scope_fail(s, why_set(-EINVAL, "tutti_share: nowhere to put the ref"));
        return NULL;
    }
    struct tutti_executor *ex = scope_of(s)->ex;
    if (ex && ex->ops->share) {
        char why[WHY] = "";
        void *base = far_share(s, count, item, flags, out, &rc, why);
        return base || !rc ? base : share_failed(s, count, item, rc, why);
    }
    struct segment *g = share_make(count, item, flags, &rc);
    if (!g)
        return share_failed(s, count, item, rc, "");
    if (scope_own(s, &g->owned) < 0) { /* lost by fork() */
        segment_end(&g->owned);
        return NULL;
    }
    *out = (tutti_ref){ load_relaxed(&g->id), 0, count, (uint32_t)item, flags };
    return load_relaxed(&g->base); /* our own stores */
}

/* flags: those it must have been shared with, whatever the ref says. */
static char *ref_find(const tutti_ref *r, unsigned flags)
{
    if (r && r->id >> 63 && r->id != UINT64_MAX)
        return executor_ref_hook ? executor_ref_hook(r, flags) : NULL;
    struct segment *g = !r || r->id == UINT64_MAX ? NULL : segment_at(r->id);
    /* acquire: pairs with segment_end and share_make */
    if (!g || load_acquire(&g->id) != r->id || !load_acquire(&g->base))
        return NULL;
    if ((g->flags & flags) != flags || r->from > g->count || r->count > g->count - r->from)
        return NULL;
    return (char *)load_relaxed(&g->base) + r->from * g->item; /* read above */
}

const void *tutti_ref_view(const tutti_ref *r)
{
    return ref_find(r, 0);
}

void *tutti_ref_edit(const tutti_ref *r)
{
    return r && r->flags & TUTTI_WRITE ? ref_find(r, TUTTI_WRITE) : NULL;
}

static void share_after_fork(void)
{
    table_latch = (struct latch){ 0 };
}

__attribute__((constructor)) static void share_begin(void)
{
    fork_watch(share_after_fork);
}
