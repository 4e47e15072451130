/* exec/processes/events.c - a ring in the worker's own pages: a few stores a task, read by home
 * when the worker has died, each field once, since it is a worker's word.  Which events are
 * the last is told by their numbers, which are counted in memory of the worker's own.
 * Tests: tests/processes_crash_test.c, tests/processes_inside_test.c. */
#include "exec/processes/events.h"
#include "exec/processes/serve.h"
#include <stdio.h>

enum { TOLD = 4 };

/* --- in a worker --------------------------------------------------------------------- */

void event_note(struct serving *s, enum event_kind kind, const struct request *r,
                int64_t value)
{
    uint32_t n = add_relaxed(&s->events, 1); /* the listener notes, too; only numbers matter */
    struct event *e = &s->own->event[n % EVENTS];
    store_relaxed(&e->index, r->index); /* `what` releases these */
    store_relaxed(&e->value, value);
    store_relaxed(&e->name, r->name);
    store_release(&e->what, n << EVENT_BITS | kind); /* pairs with event_read */
}

/* --- at home --------------------------------------------------------------------------- */

/* One of them, as it was found. */
struct seen {
    uint32_t number, kind, name;
    uint64_t index;
    int64_t value;
};

static void event_read(const struct own *own, unsigned i, struct seen *e)
{
    struct event *from = (struct event *)(uintptr_t)&own->event[i];
    uint32_t what = load_acquire(&from->what); /* pairs with event_note */
    e->number = what >> EVENT_BITS;
    e->kind = what & ((1 << EVENT_BITS) - 1);
    e->index = load_relaxed(&from->index); /* as `what` says */
    e->value = load_relaxed(&from->value);
    e->name = load_relaxed(&from->name);
}

/* Counts up from *used, never beyond size - 1. */
static void add(char *to, size_t size, size_t *used, int n)
{
    (void)to;
    *used += n < 0 ? 0 : (size_t)n < size - *used ? (size_t)n : size - *used - 1;
}

static void event_say(const struct head *h, const struct seen *e, int64_t end, char *to,
                      size_t size, size_t *used)
{
    static const char *const verbs[EVENT_KINDS] = {
        [EVENT_BEGAN] = "began", [EVENT_ENDED] = "ended", [EVENT_ASKED] = "was asked to end",
        [EVENT_INTERRUPTED] = "was interrupted"
    };
    if (!e->kind || e->kind >= EVENT_KINDS || e->name >= NAMES || !*h->name[e->name].text)
        return;
    add(to, size, used, snprintf(to + *used, size - *used, "%s%.30s %llu %s",
                                 *used ? ", " : "", h->name[e->name].text,
                                 (unsigned long long)e->index, verbs[e->kind]));
    if (e->kind == EVENT_BEGAN && end >= e->value)
        add(to, size, used, snprintf(to + *used, size - *used, " %.1f ms before",
                                     (double)(end - e->value) / 1e6));
    else if (e->kind == EVENT_ENDED)
        add(to, size, used, snprintf(to + *used, size - *used, " with %d", (int)e->value));
}

void events_say(const struct head *h, const struct own *own, int64_t end, char *to,
                size_t size)
{
    struct seen e[EVENTS];
    uint32_t last = 0;
    size_t used = 0;
    *to = 0;
    for (unsigned i = 0; i < EVENTS; i++) {
        event_read(own, i, &e[i]);
        if (e[i].number % EVENTS == i && e[i].number > last)
            last = e[i].number;
    }
    for (uint32_t n = last < TOLD ? 1 : last - TOLD + 1; last && n <= last; n++)
        if (e[n % EVENTS].number == n)
            event_say(h, &e[n % EVENTS], end, to, size, &used);
}
