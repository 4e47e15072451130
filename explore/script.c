/* explore/script.c - decisions written down and followed.  A script holds only the
 * decisions that differ from the usual one (go on, newest value, no early timer, first
 * waiter), each named by its thread and that thread's count of points, so that a script
 * with some of them taken out still says what was meant: shrink.c lives from that.
 * Tests: tests/explore_test.py, tests/explore/suite.py (replays). */
#include "engine.h"
#include "fail.h"
#include "scarce.h"
#include "schedule.h"
#include "script.h"
#include <assert.h>
#include <stdlib.h>

struct event *script_events; /* recorded, or to be followed, each thread's in order */
size_t script_count, script_room;

/* Where each thread's events begin in the index, and how far it has come. */
static uint32_t *order, first[THREADS + 1], reached[THREADS];

static void record(enum choice kind, unsigned nth, int value)
{
    if (script_count == script_room)
        return; /* the report says that the schedule was too long to be kept */
    script_events[script_count++] =
        (struct event){ .thread = (uint8_t)ex.me->id, .kind = (uint8_t)kind,
                        .nth = (uint16_t)nth, .point = ex.me->points, .value = value };
}

/* The script's word on this decision of this thread, else the usual value. */
static int follow(enum choice kind, unsigned nth, int usual_value)
{
    int t = ex.me->id;
    uint32_t i = reached[t];
    assert(i >= first[t] && i <= first[t + 1] && first[t + 1] <= script_count);
    while (i < first[t + 1] && script_events[order[i]].point < ex.me->points)
        i++;
    reached[t] = i;
    for (; i < first[t + 1]; i++) {
        const struct event *e = &script_events[order[i]];
        if (e->point != ex.me->points)
            break;
        if (e->kind == kind && e->nth == nth)
            return e->value;
    }
    return usual_value;
}

int script_choose(enum choice kind, int usual_value, int (*draw)(void))
{
    unsigned nth = ex.me->nth[kind]++;
    if (ex.mode == MODE_SCRIPT)
        return follow(kind, nth, usual_value);
    int value = draw();
    if (value != usual_value)
        record(kind, nth, value);
    return value;
}

/* Follow these n events, which stay where they are, from the next schedule on. */
void script_load(const struct event *e, size_t n)
{
    static size_t room;
    script_events = (struct event *)e;
    script_count = n;
    if (!order || room < n) {
        room = n + 1024;
        free(order);
        order = scarce_bytes(room * sizeof *order);
        if (!order)
            cannot("no memory for a script of %zu decisions", n);
    }
    uint32_t at = 0;
    for (int t = 0; t < THREADS; t++) {
        first[t] = reached[t] = at;
        for (size_t i = 0; i < n; i++)
            if (e[i].thread == t)
                order[at++] = (uint32_t)i;
        first[t + 1] = at;
    }
}
