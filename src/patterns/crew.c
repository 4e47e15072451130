/* patterns/crew.c - see crew.h.  Tests: tests/patterns_test.c, tests/map_test.c. */
#include "patterns/crew.h"
#include "patterns/typed.h"

static uint64_t crew_left(const struct crew *c)
{
    uint64_t taken = (uint64_t)tutti_counter_get(&c->taken);
    return taken < c->units ? c->units - taken : 0;
}

/* Take up to `step` units: 1, and the items a..b-1; 0: none left. */
static int crew_take(struct crew *c, uint64_t step, uint64_t *a, uint64_t *b)
{
    uint64_t at = (uint64_t)tutti_counter_add(&c->taken, (int64_t)step) - step;
    if (at >= c->units)
        return 0;
    *a = c->from + at * c->unit;
    *b = c->units - at <= step ? c->to : *a + step * c->unit;
    return 1;
}

/* `step` bounded so that each worker has a few more to take, and all end at about
 * the same time. */
static uint64_t crew_fair(const struct crew *c, uint64_t step)
{
    uint64_t fair = crew_left(c) / c->workers / 4;
    step = step < fair ? step : fair;
    return step && !c->grain ? step : 1;
}

static int crew_start(struct crew *c);

static int crew_work(struct crew *c, void *seat)
{
    uint64_t a, b, spent = 0, done = 0;
    uint64_t step = c->cost ? crew_fair(c, pace_items(c->cost, PACE_AIM) / c->unit) : 1;
    tutti_time last = tutti_now();
    int rc;
    while ((rc = tutti_check()) == 0 && crew_take(c, step, &a, &b)) {
        rc = c->fn(c->arg, seat, a, b);
        if (rc < 0)
            break;
        tutti_time now = tutti_now();
        uint64_t took = (uint64_t)(now - last);
        last = now;
        spent += took;
        done += b - a;
        step = crew_fair(c, pace_next(step, took));
    }
    tutti_counter_add(&c->spent, (int64_t)spent);
    tutti_counter_add(&c->done, (int64_t)done);
    return rc < 0 ? rc : 0;
}

static int crew_hand(void *arg)
{
    struct crew *c = arg;
    _Alignas(16) unsigned char seat[CREW_SEAT];
    void *at = seat;
    tutti_ref ref;
    if (!crew_left(c))
        return 0;
    int rc = crew_start(c);
    if (rc == 0 && c->seat > sizeof seat
        && !(at = tutti_share(c->inner, 1, c->seat, TUTTI_WRITE, &ref)))
        rc = -ENOMEM;
    if (rc < 0)
        return rc;
    if (c->name)
        tutti_task_name_set(c->name);
    return crew_work(c, at);
}

static int crew_start(struct crew *c)
{
    if (!crew_left(c) || tutti_counter_add(&c->hands, 1) > CREW_MOST)
        return 0;
    return tutti_go(c->inner, crew_hand, c);
}

int crew_run(struct crew *c, tutti_executor *ex,
             void (*set)(void *arg, tutti_scope *inner))
{
    uint64_t items = c->to - c->from;
    TUTTI_SCOPE(inner, ex, TUTTI_NEVER, 0);
    c->inner = &inner;
    if (set)
        set(c->arg, &inner);
    c->workers = tutti_executor_workers(ex);
    /* Hands that find nothing left have pushed the counter past the end: measured
     * slices of a vast range are cut in coarser units, so that it cannot come round. */
    c->unit = c->grain ? c->grain : (items >> 48) + 1;
    c->units = items / c->unit + (items % c->unit != 0);
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < c->workers && i < c->units; i++)
        rc = crew_start(c);
    rc = typed_close(&inner, rc);
    uint64_t done = (uint64_t)tutti_counter_get(&c->done);
    if (done)
        c->cost = pace_cost((uint64_t)tutti_counter_get(&c->spent), done);
    return rc;
}
