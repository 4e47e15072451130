/* below.c - a task is cancelled alone while another of its scope finds that scope clear: the
 * one that is cancelled opens a scope below it and waits there, and must hear of it.  The
 * two tasks are threads that say they are, so that it takes few steps. */
#include "cell.h"
#include "core/scope.h"
#include <semaphore.h>

static tutti_scope scope;
static tutti_event never;
static struct context *one;
static sem_t began, cancelled;

static struct context *begin(void)
{
    struct context *c = context_self();
    c->home = scope_of(&scope);
    scope_enter(c, c->home);
    return c;
}

static void end(struct context *c)
{
    if (c->member)
        context_unlist(c);
    scope_enter(c, NULL);
    c->home = NULL;
}

static void *waits(void *arg)
{
    struct context *c = begin();
    tutti_scope inner;
    one = c;
    sem_post(&began);
    tutti_scope_open(&inner, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    assert(tutti_event_wait(&never) == -ECANCELED);
    assert(tutti_scope_close(&inner) <= 0);
    sem_wait(&cancelled); /* a future keeps its task until then */
    end(c);
    return arg;
}

static void *looks(void *arg)
{
    struct context *c = begin();
    assert(tutti_check() == 0);
    end(c);
    return arg;
}

static void *cancels(void *arg)
{
    sem_wait(&began);
    context_cut(one);
    sem_post(&cancelled);
    return arg;
}

int main(void)
{
    sem_init(&began, 0, 0);
    sem_init(&cancelled, 0, 0);
    tutti_scope_open(&scope, cell_nowhere(), TUTTI_NEVER, TUTTI_KEEP_GOING);
    CELL_RUN(waits, looks, cancels);
    assert(tutti_scope_close(&scope) <= 0);
    return 0;
}
