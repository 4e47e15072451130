/* core/registry.c - tasks by name.  A constructor for each task enrols it, so the table is
 * complete before main; the nodes are the tasks themselves.  Tests: tests/task_test.c. */
#include "base/latch.h"
#include "core/context.h"
#include "core/thread.h"

static struct latch registry_latch;
static tutti_task *registry; /* under the latch */

static tutti_task *registry_find(const char *name)
{
    for (tutti_task *t = registry; t; t = t->next)
        if (!strcmp(t->name, name))
            return t;
    return NULL;
}

void tutti_enrol(tutti_task *t)
{
    if (!t || !t->name)
        misuse("tutti_enrol in %s: the task is NULL, or has no name", tutti_task_name());
    latch_lock(&registry_latch);
    tutti_task *old = registry_find(t->name);
    if (old && old != t && old->run && t->run)
        misuse("two tasks are called \"%s\"; a task's name must be its own, such as "
               "\"module.task\"", t->name);
    if (!old || (old != t && !old->run)) {
        t->next = registry; /* one with code comes before those elsewhere */
        registry = t;
    }
    latch_unlock(&registry_latch);
}

static void registry_after_fork(void)
{
    registry_latch = (struct latch){ 0 };
}

__attribute__((constructor)) static void registry_begin(void)
{
    fork_watch(registry_after_fork);
}

const tutti_task *tutti_task_find(const char *name)
{
    latch_lock(&registry_latch);
    const tutti_task *t = name ? registry_find(name) : NULL;
    latch_unlock(&registry_latch);
    return t;
}
