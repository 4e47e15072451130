/* patterns/generate.c - generators: a task and a channel that ends with it.
 *
 * The task closes the channel when all went well.  When it did not, and above all when its
 * process died, nobody closes it: so who receives waits for the task's outcome beside the
 * items, and looks for items once more when that has come, since all that were given were
 * there before it.
 * Tests: tests/generate_test.c, tests/generate_inside_test.c. */
#include <tutti/generate.h>
#include <tutti/shared.h>

int tutti_generate(tutti_scope *s, const tutti_task *t, void *in, size_t item,
                   size_t capacity, tutti_items *out)
{
    if (!out)
        return tutti_fail(-EINVAL, "tutti_generate: nowhere to put the items");
    memset(out, 0, sizeof *out);
    if (!t || !in || t->in_size < sizeof(tutti_chan *))
        out->code = tutti_fail(-EINVAL, "tutti_generate: %s is no generator",
                               t ? t->name : "a task that is NULL");
    else if (t->flags & TUTTI_IDEMPOTENT)
        out->code = tutti_fail(-EINVAL, "tutti_generate: %s is declared to be run again after "
                               "a crash, and its items would come twice", t->name);
    else
        out->code = tutti_chan_share(&out->chan, s, item, capacity);
    if (out->code < 0)
        return out->code;
    memcpy(in, &out->chan, sizeof out->chan);
    return tutti_submit(s, t, (tutti_bytes){ in, t->in_size }, &out->end);
}

/* All items have been received. */
static int items_end(tutti_items *g)
{
    int rc = tutti_future_await(g->end, NULL);
    return rc < 0 ? rc : 0;
}

int tutti_items_next(tutti_items *g, void *item)
{
    int over = 0;
    if (!g || !item)
        return tutti_fail(-EINVAL, "tutti_items_next: %s", g ? "no item" : "no items");
    if (!g->chan)
        return g->code;
    for (;;) {
        tutti_case c[] = { tutti_on_recv(g->chan, item),
                           over ? tutti_on_none() : tutti_on_done(g->end) };
        int i = tutti_wait(c, 2);
        if (i < 0 || c[0].code == 1)
            return i < 0 ? i : 1;
        if (i == 1 ? over : c[0].code == 0)
            return items_end(g);
        if (i == 1)
            over = 1;
        else if (c[0].code != -TUTTI_EOWNERDEAD) /* that comes with the outcome */
            return c[0].code;
    }
}

void tutti_items_stop(tutti_items *g)
{
    if (!g || !g->chan)
        return;
    tutti_future_cancel(g->end);
    tutti_chan_close(g->chan); /* who waits for room is told; ended already: all the same */
    tutti_future_release(g->end);
    memset(g, 0, sizeof *g);
}
