/* exec/processes/hooks.c - what a program wants each of its workers to call when it begins and
 * when it leaves.  Tests: tests/processes_life_test.c. */
#include "base/latch.h"
#include "core/context.h"
#include "exec/processes/serve.h"

static struct latch hooks_latch;
static tutti_worker *hooks, **hooks_end = &hooks; /* in order; under the latch */

void tutti_worker_enrol(tutti_worker *w)
{
    if (!w)
        misuse_null(__func__);
    latch_lock(&hooks_latch);
    tutti_worker *at = hooks;
    while (at && at != w)
        at = at->next;
    if (!at) {
        w->next = NULL;
        *hooks_end = w;
        hooks_end = &w->next;
    }
    latch_unlock(&hooks_latch);
}

/* The list only grows, at its end. */
static tutti_worker *hooks_first(void)
{
    latch_lock(&hooks_latch);
    tutti_worker *w = hooks;
    latch_unlock(&hooks_latch);
    return w;
}

int hooks_init(void)
{
    for (tutti_worker *w = hooks_first(); w; w = w->next) {
        int rc = w->kept || !w->init ? 0 : w->init();
        if (rc < 0) {
            const char *why = tutti_why();
            return why_set(rc, "%s: init of a worker: %.80s", w->name ? w->name : "?",
                           *why ? why : tutti_strerror(rc));
        }
        w->kept = 1;
    }
    return 0;
}

static void hooks_fini_from(tutti_worker *w)
{
    if (w) {
        hooks_fini_from(w->next); /* newest first */
        if (w->kept && w->fini)
            w->fini();
    }
}

void hooks_fini(void)
{
    hooks_fini_from(hooks_first());
}
