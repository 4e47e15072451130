/* patterns/flow.c - tutti_map_flow: items from a source through a task to a sink, any
 * number of them, in bounded memory.
 *
 * Source and sink run in the caller, between which it hands out items and takes
 * results. Ordered, the futures lie in a ring and the oldest is awaited; unordered,
 * the scope tells which is next.  Before the source is asked again, what is ready
 * goes to the sink, so that no result waits for a slow source longer than one item.
 * Tests: tests/flow_test.c. */
#include "patterns/room.h"
#include "patterns/typed.h"
#include <tutti/patterns.h>

enum { FLOW_WINDOW_LEAST = 16, FLOW_WINDOW_MOST = 1024 }; /* of a measured one */

/* Holds: sunk <= started; started - sunk <= window; ordered: ring[i % window] is the
 * future of item i, for sunk <= i < started. */
struct flow {
    tutti_scope inner;
    tutti_executor *ex;
    struct room *room;
    const tutti_task *task;
    const tutti_flow *as;
    uint64_t started, sunk;
    size_t window;
    uint64_t looked_at;   /* sunk, when the measured window was last looked at */
    uint64_t parks, waits; /* of the executor until then; of ours since */
    tutti_future *ring;
    int ordered, ended;   /* ended: the source has */
};

/* --- results --------------------------------------------------------------- */

/* Hand the result of item i, whose future is done or awaited now, to the sink. */
static int flow_sink(struct flow *w, uint64_t i, tutti_future f)
{
    tutti_bytes result = { NULL, 0 };
    int code = tutti_future_await(f, &result);
    int over = code < 0 ? tutti_check() : 0;
    if (over < 0)
        return over;
    w->sunk++;
    int rc = code < 0 ? code : 0;
    if (w->as->sink)
        rc = w->as->sink(w->as->ctx, i, code, result);
    tutti_future_release(f);
    return rc;
}

static int flow_take(struct flow *w)
{
    if (w->ordered)
        return flow_sink(w, w->sunk, w->ring[w->sunk % w->window]);
    tutti_future f;
    tutti_outcome o = { .size = sizeof o };
    int rc = tutti_scope_next(&w->inner, &f);
    if (rc <= 0)
        return rc;
    tutti_future_outcome(f, &o);
    return flow_sink(w, o.index, f);
}

/* Would flow_take not wait? */
static int flow_is_ready(struct flow *w)
{
    if (w->started == w->sunk)
        return 0;
    if (w->ordered)
        return tutti_future_done(w->ring[w->sunk % w->window]) != 0;
    /* Tasks end after their futures: what is not live has a result to give. */
    tutti_scope_stats now = { .size = sizeof now };
    return tutti_scope_stat(&w->inner, &now) == 0 && now.started - now.live > w->sunk;
}

/* --- the window ------------------------------------------------------------ */

static int flow_widen(struct flow *w, size_t window)
{
    if (w->ordered) {
        tutti_future *ring = room_take(w->room, window, sizeof *ring);
        if (!ring)
            return tutti_fail(-ENOMEM, "tutti_map_flow: no memory for %zu futures",
                              window);
        for (uint64_t i = w->sunk; i < w->started; i++)
            ring[i % window] = w->ring[i % w->window];
        w->ring = ring;
    }
    w->window = window;
    return 0;
}

static uint64_t flow_parks(const struct flow *w)
{
    tutti_executor_stats now = { .size = sizeof now };
    return tutti_executor_stat(w->ex, &now) == 0 ? now.parked : 0;
}

/* A window that is not given begins with a few for each worker, which is enough for
 * what computes, and doubles while items wait: while, since the last look, tasks
 * have parked half as often as there were items, our own waits not counted. */
static int flow_measure(struct flow *w)
{
    uint64_t items = w->sunk - w->looked_at;
    if (w->as->window || w->window >= FLOW_WINDOW_MOST || items < w->window / 4)
        return 0;
    uint64_t parks = flow_parks(w), since = parks - w->parks;
    int waits = since > w->waits && (since - w->waits) * 2 >= items;
    w->looked_at = w->sunk;
    w->parks = parks;
    w->waits = 0;
    return waits ? flow_widen(w, w->window * 2) : 0;
}

/* --- items ----------------------------------------------------------------- */

static int flow_item(struct flow *w)
{
    tutti_bytes item = { NULL, 0 };
    tutti_future f;
    int rc = w->as->source(w->as->ctx, &item);
    if (rc <= 0) {
        w->ended = 1;
        return rc;
    }
    rc = tutti_submit(&w->inner, w->task, item, &f);
    if (rc < 0) {
        tutti_future_release(f);
        return rc;
    }
    if (w->ordered)
        w->ring[w->started % w->window] = f;
    w->started++;
    return 0;
}

static int flow_run(struct flow *w)
{
    int rc = 0;
    while (rc == 0 && !(w->ended && w->started == w->sunk)) {
        rc = tutti_check();
        if (rc == 0 && w->started - w->sunk == w->window)
            rc = flow_measure(w);
        if (rc != 0)
            break;
        int ready = flow_is_ready(w);
        if (ready || w->ended || w->started - w->sunk == w->window) {
            w->waits += !ready;
            rc = flow_take(w);
        } else {
            rc = flow_item(w);
        }
    }
    return rc;
}

int tutti_map_flow(tutti_scope *s, const tutti_task *t, const tutti_flow *flow)
{
    tutti_executor *ex;
    int rc = typed_executor("tutti_map_flow", s, &ex);
    if (rc < 0)
        return rc;
    if (!t || !flow || flow->size < sizeof *flow || !flow->source)
        return tutti_fail(-EINVAL,
                          "tutti_map_flow: it needs a task, and a flow with its size "
                          "and a source");
    ROOM(room, ex);
    /* Without a sink nobody sees the order, and the first failure is seen when it
     * happens. */
    struct flow w = { .ex = ex, .room = &room, .task = t, .as = flow,
                      .ordered = flow->sink && !flow->unordered };
    w.parks = flow_parks(&w);
    size_t window = 4 * (size_t)tutti_executor_workers(ex);
    window = window < FLOW_WINDOW_LEAST ? FLOW_WINDOW_LEAST : window;
    rc = flow_widen(&w, flow->window ? flow->window : window);
    if (rc < 0)
        return rc;
    tutti_scope_open(&w.inner, ex, TUTTI_NEVER, 0);
    rc = flow_run(&w);
    if (rc == 0)
        return tutti_scope_close(&w.inner);
    tutti_scope_leave(&w.inner); /* keeps the words of what ended it */
    return rc;
}
