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
    /* relaxed: only the number matters; alone, it needs no locked instruction */
    uint32_t n = s->many ? add_relaxed(&s->events, 1) : load_relaxed(&s->events);
    if (!s->many)
        store_relaxed(&s->events, n + 1);
    struct event *e = &s->own->event[n % EVENTS];
    e->index = r->index;
    e->value = value;
    e->name = r->name;
    store_release(&e->what, n << EVENT_BITS | kind); /* pairs with event_read */
}

/* --- at home --------------------------------------------------------------------------- */

/* What lies in that place, read once; its number, or 0: nothing that makes sense. */
static uint32_t event_read(const struct own *own, unsigned i, struct event *e)
{
    const volatile struct event *from = &own->event[i];
    /* acquire: pairs with event_note */
    uint32_t what = load_acquire(&((struct event *)(uintptr_t)from)->what);
    e->index = from->index;
    e->value = from->value;
    e->name = from->name;
    store_relaxed(&e->what, what & ((1 << EVENT_BITS) - 1)); /* our own copy */
    return what >> EVENT_BITS;
}

/* Counts up from *used, never beyond size - 1. */
static void add(char *to, size_t size, size_t *used, int n)
{
    (void)to;
    *used += n < 0 ? 0 : (size_t)n < size - *used ? (size_t)n : size - *used - 1;
}

static void event_say(const struct head *h, const struct event *e, int64_t end, char *to,
                      size_t size, size_t *used)
{
    static const char *const verbs[EVENT_KINDS] = {
        [EVENT_BEGAN] = "began", [EVENT_ENDED] = "ended", [EVENT_ASKED] = "was asked to end",
        [EVENT_INTERRUPTED] = "was interrupted"
    };
    unsigned kind = load_relaxed(&((struct event *)(uintptr_t)e)->what); /* our own copy */
    if (!kind || kind >= EVENT_KINDS || e->name >= NAMES || !*h->name[e->name].text)
        return;
    add(to, size, used, snprintf(to + *used, size - *used, "%s%.30s %llu %s",
                                 *used ? ", " : "", h->name[e->name].text,
                                 (unsigned long long)e->index, verbs[kind]));
    if (kind == EVENT_BEGAN && end >= e->value)
        add(to, size, used, snprintf(to + *used, size - *used, " %.1f ms before",
                                     (double)(end - e->value) / 1e6));
    else if (kind == EVENT_ENDED)
        add(to, size, used, snprintf(to + *used, size - *used, " with %d", (int)e->value));
}

void events_say(const struct head *h, const struct own *own, int64_t end, char *to,
                size_t size)
{
    struct event e[EVENTS];
    uint32_t number[EVENTS], last = 0;
    size_t used = 0;
    *to = 0;
    for (unsigned i = 0; i < EVENTS; i++) {
        number[i] = event_read(own, i, &e[i]);
        if (number[i] % EVENTS == i && number[i] > last)
            last = number[i];
    }
    for (uint32_t n = last < TOLD ? 1 : last - TOLD + 1; last && n <= last; n++)
        if (number[n % EVENTS] == n)
            event_say(h, &e[n % EVENTS], end, to, size, &used);
}
