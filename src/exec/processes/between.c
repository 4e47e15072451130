/* exec/processes/between.c - what sync/far/ needs of this executor: memory of the
 * arena that all its processes write, who lives, who may look instead of sleeping.
 * Tests: tests/processes_sync_test.c. */
#include "base/memory.h"
#include "exec/processes/between.h"
#include "exec/processes/procs.h"
#include "exec/processes/serve.h"
#include "sync/far/far.h"
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert((int)SHARED_MARKS == (int)FAR_OBJECTS, "a mark for each object");

/* Of home, which no worker writes. */
static _Atomic unsigned char home_marks[ARENA_SLOTS][SHARED_MARKS];

static struct far_place place_of(const struct head *h, unsigned me,
                                 _Atomic unsigned char *marks)
{
    uint64_t more = h->spill_part ? h->base + h->spill + h->spill_part : 0;
    uint64_t end = h->spill_part ? h->spill + head_spill_size(h) : h->total;
    return (struct far_place){ .from = h->base,
                               .to = h->base + end,
                               .more_from = more,
                               .more_to = more + h->spill_part,
                               .user_from = h->base + h->write,
                               .user_to = h->base + h->write + h->write_size,
                               .table = head_at(h, h->table),
                               .region = head_at(h, h->between),
                               .lanes = h->workers + 1,
                               .me = me,
                               .slot = h->slot,
                               .marks = marks };
}

/* --- who may look ------------------------------------------------------------------------ */

/* No more processes may be awake than there are CPUs.  All of these are hints. */
static bool may_spin(const struct head *h)
{
    const struct far_lane *lane = head_at(h, h->between);
    unsigned awake = load_relaxed(&h->waits) == WAITS_NOBODY
                     && !load_relaxed(&((struct far_lane *)(uintptr_t)&lane[0])->parked);
    for (unsigned i = 0; i < h->workers; i++) {
        const struct own *o = head_own(h, i);
        awake += load_relaxed(&o->up) && !load_relaxed(&o->asleep)
                 && !load_relaxed(&((struct far_lane *)(uintptr_t)&lane[i + 1])->parked);
    }
    return awake <= load_relaxed(&h->cpus);
}

/* --- at home ------------------------------------------------------------------------------- */

static void *between_take(void *ctx, uint64_t n)
{
    struct procs *p = ctx;
    bool zeroed;
    if (fault_now())
        return NULL;
    latch_lock(&p->between_latch);
    void *at = extents_take(&p->between, n, &zeroed);
    latch_unlock(&p->between_latch);
    if (at && !zeroed)
        memset(at, 0, n);
    return at;
}

static void between_give(void *ctx, void *at, uint64_t n)
{
    struct procs *p = ctx;
    latch_lock(&p->between_latch);
    extents_give(&p->between, at, n);
    latch_unlock(&p->between_latch);
}

/* Has somebody stopped it, with a signal or a debugger? */
static bool is_stopped(pid_t pid)
{
    char path[40], state = 0;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
        state = 0;
    if (f)
        fclose(f);
    return state == 'T' || state == 't';
}

static enum far_life between_lane_is(void *ctx, unsigned lane)
{
    struct procs *p = ctx;
    if (lane == FAR_HOME)
        return FAR_RUNS;
    latch_lock(&p->lives); /* not p->latch: we have latches that come after it */
    const struct lane *l = &p->lane[lane - 1];
    pid_t pid = l->pid;
    bool coming = l->coming; /* it runs, and we have not heard its number */
    latch_unlock(&p->lives);
    return pid && is_stopped(pid) ? FAR_STOPPED : pid || coming ? FAR_RUNS : FAR_GONE;
}

static void between_lane_kill(void *ctx, unsigned lane)
{
    struct procs *p = ctx;
    latch_lock(&p->lives); /* as above */
    const struct lane *l = &p->lane[lane - 1];
    if (lane != FAR_HOME && l->pid)
        syscall(SYS_pidfd_send_signal, l->pidfd, SIGKILL, NULL, 0);
    latch_unlock(&p->lives);
}

static unsigned between_lane_mark(void *ctx, unsigned lane, unsigned index)
{
    const struct procs *p = ctx;
    if (lane == FAR_HOME)
        return 0; /* home asks of others only */
    return load_relaxed(&head_own(p->arena.head, lane - 1)->marks[index]); /* as mark_set */
}

static bool between_may_spin(void *ctx)
{
    const struct procs *p = ctx;
    return may_spin(p->arena.head);
}

int between_begin(struct procs *p)
{
    const struct head *h = p->arena.head;
    struct far_place at = place_of(h, FAR_HOME, home_marks[p->slot]);
    struct far_host host = { p,
                             between_take,
                             between_give,
                             between_lane_is,
                             between_lane_kill,
                             between_lane_mark,
                             between_may_spin };
    uint64_t least = whole_pages(far_region_least(at.lanes));
    int rc = extents_init(&p->between, head_at(h, h->between + least),
                          h->between_size - least, h->between_size / 4);
    if (rc == 0 && !(p->space = far_space_open(&at, &host)))
        rc = -ENOMEM;
    return rc ? why_set(rc, "no memory for what worker processes share") : 0;
}

void between_end(struct procs *p)
{
    far_space_close(p->space);
    p->space = NULL;
    extents_fini(&p->between);
}

struct far_space *procs_space(struct tutti_executor *ex)
{
    return procs_of(ex)->space;
}

void between_died(struct procs *p, unsigned i, bool retired)
{
    far_lane_died(p->space, i + 1, retired);
}

/* --- in a worker ----------------------------------------------------------------------------- */

static bool worker_may_spin(void *ctx)
{
    return may_spin(ctx);
}

bool between_enter(struct serving *s)
{
    struct far_place at = place_of(s->head, s->index + 1, s->own->marks);
    struct far_host host = { .ctx = s->head, .may_spin = worker_may_spin };
    return far_space_open(&at, &host) != NULL;
}
