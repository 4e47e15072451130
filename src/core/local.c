/* core/local.c - see local.h.  Tests: tests/task_test.c. */
#include "core/local.h"
#include "base/memory.h"
#include "core/thread.h"

/* Holds: value is not NULL; a list has one for each `of` at most, the newest first. */
struct local_value {
    struct local_value *next;
    const tutti_local *of;
    void *value;
};

static _Thread_local struct local_value *thread_locals;

static void *local_find(struct local_value *v, const tutti_local *l)
{
    while (v && v->of != l)
        v = v->next;
    return v ? v->value : NULL;
}

static void *local_get(struct local_value **list, const tutti_local *l)
{
    void *value = local_find(*list, l);
    if (value)
        return value;
    struct local_value *v = memory_alloc(sizeof *v);
    value = v ? l->make() : NULL;
    void *other = local_find(*list, l); /* made while our make was parked */
    if (!value || other) {
        if (value && l->drop)
            l->drop(value);
        memory_free(v);
        return other;
    }
    *v = (struct local_value){ *list, l, value };
    *list = v;
    return value;
}

void locals_drop(struct local_value **list)
{
    while (*list) {
        struct local_value *v = *list;
        *list = v->next;
        if (v->of->drop)
            v->of->drop(v->value);
        memory_free(v);
    }
}

static void thread_locals_drop(void *list)
{
    locals_drop(list);
}

/* The thread's list, which the thread drops when it ends. */
static void *thread_local_get(const tutti_local *l)
{
    static _Thread_local bool watched;
    if (!watched) {
        if (thread_at_end(thread_locals_drop, &thread_locals) < 0)
            return NULL;
        watched = true;
    }
    return local_get(&thread_locals, l);
}

static void *local_makeless(const char *call)
{
    why_set(-EINVAL, "%s in %s: the local is NULL, or has no make", call, tutti_task_name());
    return NULL;
}

void *tutti_per_worker(tutti_local *l)
{
    if (unlikely(!l || !l->make))
        return local_makeless(__func__);
    return thread_local_get(l);
}

void *tutti_per_task(tutti_local *l)
{
    struct context *c = context_self();
    if (unlikely(!l || !l->make))
        return local_makeless(__func__);
    return c->task ? local_get(&c->locals, l) : thread_local_get(l);
}
