/* exec/processes/arena.c - see arena.h.
 *
 * The address is chosen so that it is free in programs of any kind, in those of
 * ThreadSanitizer too, which ends a program that maps memory anywhere else.
 * Tests: tests/processes_inside_test.c, tests/processes_test.c. */
#include "exec/processes/arena.h"
#include "exec/processes/spill.h"
#include "base/memory.h"
#include "core/context.h"
#include "sync/far/far.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

/* --- where ------------------------------------------------------------------ */

struct place {
    uint64_t base, stride;
};

static const struct place *places(void)
{
    static const struct place ordinary[] = { { 0x2a0000000000, UINT64_C(1) << 40 },
                                             { 0x4000000000, UINT64_C(1) << 34 },
                                             { 0, 0 } };
    static const struct place for_tsan[] = { { 0x7ea000000000, UINT64_C(1) << 36 },
                                             { 0, 0 } };
    return dlsym(RTLD_DEFAULT, "__tsan_init") ? for_tsan : ordinary;
}

static struct head *_Atomic heads[ARENA_SLOTS];

struct head *arena_head(unsigned slot)
{
    /* acquire: pairs with the stores in arena_open and arena_enter */
    return slot < ARENA_SLOTS ? load_acquire(&heads[slot]) : NULL;
}

void arena_forget(unsigned slot)
{
    store_relaxed(&heads[slot], NULL); /* the child has one thread */
}

/* How much the parts for items may hold each: half of the memory there is. */
static uint64_t arena_most(const struct url *u)
{
    uint64_t pages = (uint64_t)sysconf(_SC_PHYS_PAGES);
    uint64_t most = pages * (uint64_t)sysconf(_SC_PAGESIZE) / 2;
    return whole_pages(u->arena ? u->arena : most);
}

/* Fill in where the parts lie; false: they do not fit into `stride`. */
static bool head_lay_out(struct head *h, const struct url *u, uint64_t stride)
{
    uint64_t boxes = u->workers * UINT64_C(2) + 2, most = arena_most(u);
    if (*u->spill) { /* the upper half is for the file */
        stride /= 2;
        h->spill = stride;
        h->spill_part = stride / (2 + boxes) / EXTENT_PAGE * EXTENT_PAGE;
    }
    h->workers = u->workers;
    h->table = whole_pages(sizeof *h);
    h->lanes = h->table + whole_pages(far_table_size());
    h->lane_size = whole_pages(sizeof(struct lane_shared));
    h->owns = h->lanes + h->lane_size * u->workers;
    h->own_size = whole_pages(sizeof(struct own));
    h->hatch = h->owns + h->own_size * u->workers;
    h->between = h->hatch + EXTENT_PAGE;
    if (h->between > stride / 4)
        return false;
    uint64_t room = most < stride / 16 ? most : stride / 16; /* for what channels hold */
    h->between_size = whole_pages(far_region_least(u->workers + 1) + room);
    h->read = h->between + h->between_size;
    if (h->read > stride / 2)
        return false;
    uint64_t left = stride - h->read;
    h->read_size = most < left / 3 ? most : left / 3 / EXTENT_PAGE * EXTENT_PAGE;
    h->write = h->read + h->read_size;
    h->write_size = h->read_size;
    h->outs = h->write + h->write_size;
    left = (stride - h->outs) / boxes / EXTENT_PAGE * EXTENT_PAGE;
    h->out_size = most < left ? most : left;
    h->total = h->outs + h->out_size * boxes;
    return h->out_size > 0;
}

/* --- at home ------------------------------------------------------------------ */

int descriptor_high(int fd)
{
    int high = fd < 0 || fault_now() ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, ARENA_FD_LEAST);
    if (high < 0 && fd >= 0)
        high = fcntl(fd, F_DUPFD_CLOEXEC, ARENA_FD_LOWEST); /* a small ulimit -n */
    if (fd >= 0)
        close(fd);
    return high;
}

static int arena_file(uint64_t size)
{
    struct rlimit most;
    if (fault_now())
        return -EMFILE;
    if (getrlimit(RLIMIT_FSIZE, &most) == 0 && size > most.rlim_cur)
        return -EFBIG; /* instead of SIGXFSZ */
    int fd = memfd_create("tutti-arena", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    int high = descriptor_high(fd);
    int rc = high < 0 ? -EMFILE : 0;
    if (rc == 0 && ftruncate(high, (off_t)size) < 0)
        rc = -errno;
    /* Nobody, however mad, may make it shorter: who reads beyond the end is killed. */
    if (rc == 0 && fcntl(high, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
        rc = -errno;
    if (rc < 0 && high >= 0)
        close(high);
    return rc < 0 ? rc : high;
}

static void *arena_map(uint64_t at, uint64_t size, int fd, int how)
{
    if (fault_now())
        return NULL;
    void *p = mmap((void *)(uintptr_t)at, size, how,
                   MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE, fd, 0);
    if (p == MAP_FAILED)
        return NULL;
    if ((uintptr_t)p != at) { /* a kernel that takes the address for a wish */
        munmap(p, size);
        return NULL;
    }
    return p;
}

/* The file, mapped; its head filled in so far, from h, which is zero so far.  0 or an error. */
static int arena_try(struct arena *a, struct head *h, const struct url *u,
                     const struct place *at, unsigned slot)
{
    h->magic = ARENA_MAGIC;
    h->base = at->base + slot * at->stride;
    h->slot = slot;
    if (!head_lay_out(h, u, at->stride))
        return -ENOMEM;
    int fd = arena_file(h->total);
    if (fd < 0)
        return fd;
    void *base = arena_map(h->base, h->total, fd, PROT_READ | PROT_WRITE);
    if (!base) {
        close(fd);
        return -ENOMEM;
    }
    a->fd = fd;
    a->head = base;
    memcpy(a->head, h, offsetof(struct head, waits));
    return 0;
}

/* At the first place that can be had.  The draft of its head is no local, as that is more
 * than a megabyte, and is touched in its first page alone. */
static int arena_place(struct arena *a, const struct url *u, unsigned slot)
{
    int rc = -ENOMEM;
    const uintptr_t align = _Alignof(struct head) - 1;
    void *room = memory_zalloc(sizeof(struct head) + align); /* memory_aligned touches all */
    struct head *draft = (struct head *)(((uintptr_t)room + align) & ~align);
    for (const struct place *at = places(); room && at->base && !a->head; at++)
        rc = arena_try(a, draft, u, at, slot);
    memory_free(room);
    return rc;
}

static int arena_books(struct arena *a)
{
    struct head *h = a->head;
    uint64_t warm = h->read_size / 4;
    int rc = extents_init(&a->read, head_at(h, h->read), h->read_size, warm);
    if (rc == 0)
        rc = extents_init(&a->write, head_at(h, h->write), h->write_size, warm);
    a->outboxes = (unsigned)((h->total - h->outs) / h->out_size);
    a->outbox_users = memory_zalloc(a->outboxes * sizeof *a->outbox_users);
    return a->outbox_users ? rc : -ENOMEM;
}

int arena_open(struct arena *a, const struct url *u, unsigned slot)
{
    *a = (struct arena){ .fd = -1, .spill.fd = -1 };
    int rc = arena_place(a, u, slot);
    if (rc == 0)
        rc = arena_books(a);
    if (rc == 0 && *u->spill && (rc = spill_open(a, u)) < 0) {
        arena_close(a);
        return rc;
    }
    if (rc < 0) {
        arena_close(a);
        return why_set(rc, "no arena for worker processes could be had: %s",
                       rc == -ENOMEM ? "no memory, or no range of addresses is large enough "
                                       "(ulimit -v?); ?arena= asks for less"
                       : rc == -EFBIG ? "it is larger than a file may be (ulimit -f); ?arena= "
                                        "asks for less"
                       : rc == -EMFILE ? "no descriptor is left (ulimit -n)"
                                       : tutti_strerror(rc));
    }
    struct head *h = a->head;
    if (getrandom(&h->nonce, sizeof h->nonce, GRND_NONBLOCK) < 0)
        h->nonce = (uint64_t)(uintptr_t)a ^ (uint64_t)getpid();
    h->home = getpid();
    /* Children of this process's own making have no business in it, and a core file no use
     * for it. */
    madvise(h, h->total, MADV_DONTFORK);
    madvise(h, h->total, MADV_DONTDUMP);
    store_release(&heads[slot], h); /* pairs with arena_head */
    return 0;
}

void arena_close(struct arena *a)
{
    struct head *h = a->head;
    spill_close(a);
    if (h) {
        store_release(&heads[h->slot], NULL); /* as in arena_open */
        munmap(h, h->total);
    }
    if (a->fd >= 0)
        close(a->fd);
    extents_fini(&a->read);
    extents_fini(&a->write);
    memory_free(a->outbox_users);
    *a = (struct arena){ .fd = -1, .spill.fd = -1 };
}

void *arena_take(struct arena *a, uint64_t n)
{
    bool zeroed;
    if (fault_now())
        return NULL;
    latch_lock(&a->latch);
    void *at = extents_take(&a->read, n, &zeroed);
    at = at ? at : spill_take(a, TUTTI_READ, n, &zeroed);
    latch_unlock(&a->latch);
    return at;
}

void arena_give(struct arena *a, void *at, uint64_t n)
{
    latch_lock(&a->latch);
    if (!spill_give(a, at, n))
        extents_give(&a->read, at, n);
    latch_unlock(&a->latch);
}

bool arena_reaches(const struct arena *a, const void *at, uint64_t n)
{
    const struct head *h = a->head;
    uint64_t from = (uint64_t)(uintptr_t)at - h->base; /* below base: huge */
    if (head_is_spill(h, from))
        return from < head_spill_box(h, 0) && n <= head_spill_box(h, 0) - from;
    return from >= h->read && from < h->outs && n <= h->outs - from;
}

/* --- shared items -------------------------------------------------------------- */

/* Under the latch: a free entry, or NULL. */
static struct segment_shared *segment_free(struct arena *a)
{
    for (uint32_t i = 0; i < SEGMENTS; i++) {
        uint32_t at = (a->segments_from + i) % SEGMENTS;
        if (!load_relaxed(&a->head->segment[at].id)) { /* home alone writes them */
            a->segments_from = at + 1;
            return &a->head->segment[at];
        }
    }
    return NULL;
}

/* 1 | slot 4 | generation 31 | index 28: never one of core/share.c, whose ids have the
 * highest bit clear. */
static uint64_t segment_id(struct arena *a, const struct segment_shared *g)
{
    uint64_t index = (uint64_t)(g - a->head->segment);
    a->generation = (a->generation + 1) & 0x7fffffff;
    return UINT64_C(1) << 63 | (uint64_t)a->head->slot << 59
           | (uint64_t)a->generation << 28 | index;
}

void *arena_share(struct arena *a, uint64_t count, uint32_t item, unsigned flags,
                  tutti_ref *out)
{
    struct extents *from = flags & TUTTI_WRITE ? &a->write : &a->read;
    uint64_t bytes = count * item;
    bool zeroed;
    char why[200] = "too many items are shared at once";
    if (fault_now()) {
        why_static(-ENOMEM, "out of memory");
        return NULL;
    }
    latch_lock(&a->latch);
    struct segment_shared *g = segment_free(a);
    void *base = g ? extents_take(from, bytes, &zeroed) : NULL;
    if (g && !base && !(base = spill_take(a, flags, bytes, &zeroed)))
        spill_words(a, why, sizeof why);
    if (base) {
        g->base = (uint64_t)(uintptr_t)base - a->head->base;
        g->count = count;
        g->item = item;
        g->flags = flags;
        strncpy(g->maker, tutti_task_name(), sizeof g->maker - 1);
        *out = (tutti_ref){ segment_id(a, g), 0, count, item, flags };
        store_release(&g->id, out->id); /* pairs with procs_ref */
    }
    latch_unlock(&a->latch);
    if (base && !zeroed)
        memset(base, 0, bytes);
    if (!base)
        why_set(-ENOMEM, "%s", why);
    return base;
}

void arena_unshare(struct arena *a, const tutti_ref *r)
{
    struct segment_shared *g = &a->head->segment[r->id & 0xfffffff];
    latch_lock(&a->latch);
    store_release(&g->id, 0); /* a ref used after the close is a race anyway */
    void *base = head_at(a->head, g->base);
    if (!spill_give(a, base, g->count * g->item))
        extents_give(r->flags & TUTTI_WRITE ? &a->write : &a->read, base, g->count * g->item);
    latch_unlock(&a->latch);
}

const char *arena_maker(const struct arena *a, uint64_t address)
{
    uint64_t at = address - a->head->base;
    for (uint32_t i = 0; i < SEGMENTS; i++) {
        const struct segment_shared *g = &a->head->segment[i];
        /* relaxed: home's own table, and the answer is for a message */
        if (load_relaxed(&g->id) && at >= g->base && at - g->base < g->count * g->item)
            return g->maker;
    }
    return NULL;
}

/* --- outboxes -------------------------------------------------------------------- */

uint64_t arena_outbox(struct arena *a)
{
    uint64_t offset = 0;
    latch_lock(&a->latch);
    for (unsigned i = 0; i < a->outboxes && !offset; i++)
        if (!a->outbox_users[i]) {
            a->outbox_users[i] = 1;
            offset = a->head->outs + i * a->head->out_size;
        }
    latch_unlock(&a->latch);
    return offset;
}

bool arena_outbox_is_mine(struct arena *a, uint64_t offset)
{
    latch_lock(&a->latch);
    bool mine = a->outbox_users[(offset - a->head->outs) / a->head->out_size] == 1;
    latch_unlock(&a->latch);
    return mine;
}

void arena_outbox_hold(struct arena *a, uint64_t offset)
{
    latch_lock(&a->latch);
    a->outbox_users[(offset - a->head->outs) / a->head->out_size]++;
    latch_unlock(&a->latch);
}

void arena_outbox_drop(struct arena *a, uint64_t offset)
{
    const struct head *h = a->head;
    unsigned i = (unsigned)((offset - h->outs) / h->out_size);
    latch_lock(&a->latch);
    /* Pages that a dead worker has left are given back; the next one starts afresh. */
    bool left = --a->outbox_users[i] == 0;
    if (left)
        madvise(head_at(h, h->outs + i * h->out_size), h->out_size, MADV_REMOVE);
    if (left && h->spill_part)
        madvise(head_at(h, head_spill_box(h, i)), h->spill_part, MADV_REMOVE);
    latch_unlock(&a->latch);
}

/* --- in a worker ------------------------------------------------------------------ */

static bool enter_map(uint64_t offset, uint64_t size, int fd, const struct head *h)
{
    return mmap(head_at(h, offset), size, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd, (off_t)offset) != MAP_FAILED;
}

struct head *arena_enter(int fd, uint64_t base, const char **why)
{
    char path[40];
    uint64_t words[4]; /* magic, nonce, base, total */
    *why = "the descriptor is no arena";
    if (pread(fd, words, sizeof words, 0) != sizeof words || words[0] != ARENA_MAGIC
        || words[2] != base)
        return NULL;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int reading = open(path, O_RDONLY | O_CLOEXEC);
    *why = "the arena cannot be opened for reading (is /proc mounted?)";
    if (reading < 0)
        return NULL;
    *why = "the arena's address is taken, or ulimit -v is too small for it";
    struct head *h = arena_map(base, words[3], reading, PROT_READ);
    close(reading);
    return h;
}

bool arena_hatch(struct head *h, int fd)
{
    return enter_map(h->hatch, EXTENT_PAGE, fd, h);
}

bool arena_own(struct head *h, int fd, unsigned index)
{
    const struct lane_shared *lane = head_lane(h, index);
    if (index >= h->workers
        || !enter_map(h->owns + index * h->own_size, h->own_size, fd, h)
        || !enter_map(h->write, h->write_size, fd, h)
        || !enter_map(h->between, h->between_size, fd, h)
        || !enter_map(lane->outbox, h->out_size, fd, h))
        return false;
    madvise(h, h->total, MADV_DONTFORK);
    madvise(h, h->total, MADV_DONTDUMP);
    store_release(&heads[h->slot], h); /* pairs with arena_head */
    return true;
}
