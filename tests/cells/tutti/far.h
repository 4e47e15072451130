/* far.h - for cells of what processes share (sync/far/): two lanes, home and a worker, as
 * threads of one process over the same table and region.  A thread says with lane_enter()
 * in which it is; the linker brings far_space_at() here, which answers accordingly.  Nobody
 * wakes by time: a ring that is lost would be made good by the next look, and not found. */
#ifndef FAR_H
#define FAR_H
#include "base/clock.h"
#include "base/futex.h"
#include "cell.h"
#include "sync/far/far.h"
#include <tutti/shared.h>

#ifndef CELL_LANES
#define CELL_LANES 2
#endif
enum { HOME, WORKER, LANES = CELL_LANES };

static struct {
    _Alignas(64) unsigned char table[FAR_OBJECTS * sizeof(struct far_entry) + 64];
    _Alignas(64) unsigned char region[(LANES + FAR_OBJECTS * 6) * 64 * 4];
    _Alignas(64) unsigned char data[1024];
    union {
        tutti_mutex mutex;
        tutti_sem sem;
        tutti_event event;
        tutti_cond cond;
        tutti_barrier barrier;
    } user[2];
} arena;
static size_t data_used;
static struct far_space *lanes[LANES];
static _Atomic unsigned char lane_marks[LANES][FAR_OBJECTS];
static _Thread_local struct far_space *lane_now;

int __real_futex_wait_shared(_Atomic uint32_t *word, uint32_t seen, int64_t until);
int __wrap_futex_wait_shared(_Atomic uint32_t *word, uint32_t seen, int64_t until);
int __wrap_futex_wait_shared(_Atomic uint32_t *word, uint32_t seen, int64_t until)
{
    (void)until;
    return __real_futex_wait_shared(word, seen, CLOCK_NEVER);
}

struct far_space *__wrap_far_space_at(const void *p);
struct far_space *__wrap_far_space_at(const void *p)
{
    if ((uintptr_t)p - (uintptr_t)&arena >= sizeof arena)
        return NULL;
    assert(lane_now);
    return lane_now;
}

static void *host_take(void *unused, uint64_t n)
{
    (void)unused;
    void *at = arena.data + data_used;
    data_used += (n + 15) / 16 * 16;
    assert(data_used <= sizeof arena.data);
    return at;
}
static void host_give(void *unused, void *at, uint64_t n)
{
    (void)unused, (void)at, (void)n;
}
static enum far_life host_lane_is(void *unused, unsigned lane)
{
    (void)unused, (void)lane;
    return FAR_RUNS;
}
static void host_lane_kill(void *unused, unsigned lane)
{
    (void)unused, (void)lane;
    assert(!"a lane is killed");
}
static unsigned host_lane_mark(void *unused, unsigned lane, unsigned index)
{
    (void)unused;
    return atomic_load_explicit(&lane_marks[lane][index], memory_order_relaxed);
}
static bool host_may_spin(void *unused)
{
    (void)unused;
    return false;
}

static struct far_space *lane_open(unsigned me)
{
    struct far_host host = { NULL,         host_take,      host_give,    host_lane_is,
                             host_lane_kill, host_lane_mark, host_may_spin };
    struct far_place at = { .from = (uintptr_t)&arena,
                            .to = (uintptr_t)(&arena + 1),
                            .user_from = (uintptr_t)arena.user,
                            .user_to = (uintptr_t)(&arena + 1),
                            .table = arena.table,
                            .region = arena.region,
                            .lanes = LANES,
                            .me = me,
                            .slot = me,
                            .marks = lane_marks[me] };
    struct far_space *s = far_space_open(&at, &host);
    assert(s);
    return s;
}

static void lane_enter(unsigned me)
{
    lane_now = lanes[me];
}

static bool home_carries(const tutti_executor *ex, const struct context *c)
{
    return ex && !c; /* never */
}
static void home_look(tutti_executor *ex)
{
    (void)ex;
}
static struct far_space *home_space(tutti_executor *ex)
{
    (void)ex;
    return lanes[HOME];
}

/* The calling thread is home's from now on; its scope is where objects are shared. */
static void home_open(tutti_scope *s)
{
    static const struct executor_ops ops = { .carries = home_carries, .look = home_look,
                                             .space = home_space };
    static tutti_executor home = { .ops = &ops };
    cell_fences();
    assert(far_table_size() <= sizeof arena.table);
    assert(far_region_least(LANES) <= sizeof arena.region);
    for (unsigned i = 0; i < LANES; i++)
        lanes[i] = lane_open(i);
    lane_enter(HOME);
    tutti_scope_open(s, &home, TUTTI_NEVER, 0);
}

__attribute__((unused)) static void home_close(tutti_scope *s)
{
    far_space_close(lanes[WORKER]);
    assert(tutti_scope_close(s) == 0);
    far_space_close(lanes[HOME]);
}
#endif
