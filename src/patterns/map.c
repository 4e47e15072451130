/* patterns/map.c - tutti_map: one task over many inputs, each with a result of its own.
 *
 * Unlike tutti_for it runs no first items in the caller before the cost is known: a
 * map is often over things to wait for, and one that waits alone delays all others.
 * When an earlier call has shown that the whole is small and waits for nothing, it
 * stays in the caller.
 * Tests: tests/map_test.c. */
#include "patterns/crew.h"
#include "patterns/typed.h"
#include <tutti/patterns.h>

struct map {
    struct typed typed;
    const char *in;
    char *out;
    int *codes;
};

static int map_do(void *arg, void *seat, uint64_t a, uint64_t b)
{
    struct map *m = arg;
    const tutti_task *t = m->typed.task;
    (void)seat;
    return typed_batch(&m->typed, m->in + a * t->in_size,
                       m->out ? m->out + a * t->out_size : NULL,
                       m->codes ? m->codes + a : NULL, b - a);
}

static void map_set(void *arg, tutti_scope *inner)
{
    ((struct map *)arg)->typed.inner = inner;
}

static int map_failures(const int *codes, size_t n)
{
    size_t failures = 0;
    for (size_t i = 0; i < n; i++)
        failures += codes[i] < 0;
    return failures < INT32_MAX ? (int)failures : INT32_MAX;
}

static int map_check(const tutti_task *t, const void *in, void *out, size_t n)
{
    if (n && (!in || (t->out_size && !out)))
        return tutti_fail(-EINVAL, "tutti_map: %s needs inputs and room for outputs",
                          t->name);
    return 0;
}

/* How often tasks of ex have parked so far. */
static uint64_t map_parked(const tutti_executor *ex)
{
    tutti_executor_stats now = { .size = sizeof now };
    return tutti_executor_stat(ex, &now) == 0 ? now.parked : 0;
}

/* By a crew; its cost is kept.  Parks are counted for the whole executor, so those of
 * others may be taken for ours, which only means that the next call starts tasks, too.
 * The caller itself parks once. */
static int map_crew(struct map *m, struct crew *c, tutti_executor *ex)
{
    uint64_t before = map_parked(ex);
    int rc = crew_run(c, ex, map_set);
    pace_keep(m->typed.task, m->typed.task->in_size,
              map_parked(ex) - before > 1 ? UINT64_MAX : c->cost);
    return rc;
}

int tutti_map(tutti_scope *s, const tutti_task *t, const void *in, void *out, size_t n,
              int *codes)
{
    tutti_executor *ex;
    struct map m = { .in = in, .out = out, .codes = codes };
    int rc = typed_open("tutti_map", s, t, &ex, &m.typed);
    if (rc == 0)
        rc = map_check(t, in, out, n);
    if (rc < 0 || n == 0)
        return rc;
    for (size_t i = 0; codes && i < n; i++)
        codes[i] = -ECANCELED; /* of those that never run */
    struct crew c = { .fn = map_do, .arg = &m, .name = t->name, .to = n,
                      .cost = pace_kept(t, t->in_size) };
    if (m.typed.here && (n == 1 || c.cost))
        rc = pace_first(map_do, &m, NULL, &c.from, n, &c.cost);
    if (c.from == n)
        pace_keep(t, t->in_size, c.cost);
    else if (rc == 0)
        rc = map_crew(&m, &c, ex);
    return rc == 0 && codes ? map_failures(codes, n) : rc;
}
