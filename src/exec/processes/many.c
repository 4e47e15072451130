/* exec/processes/many.c - a worker that runs several requests at once, as it was told of an
 * inner executor.
 *
 * Each becomes a closure there as soon as it has come, and is claimed when that begins: so
 * what only waits for a thread still can be taken back, and a crash fails what had begun and
 * nothing else.  Who takes requests sleeps on their bell: on `threads://` the main thread,
 * which runs no tasks there; a loop runs on the main thread, and a second one takes.
 * Tests: tests/processes_many_test.c. */
#include "base/launch.h"
#include "exec/processes/names.h"
#include "exec/processes/serve.h"
#include <signal.h>
#include <time.h>
#include <tutti/sync.h>

static tutti_scope many_scope; /* around all of them */
static tutti_event many_over;  /* no more will be taken */

static int many_run(void *number)
{
    struct serving *s = &serving;
    listen_let_in();
    serve_one(s, (uint64_t)(uintptr_t)number);
    /* acquire: pairs with many_begin: those below have been counted before */
    uint64_t next = load_acquire(&s->next);
    if (sub_acqrel(&s->begun, 1) == 1) /* pairs with itself: all of them have answered */
        serve_check(s, next);
    return 0; /* a task's failure is its own */
}

static bool many_begin(struct serving *s, uint64_t number)
{
    char why[128];
    const struct timespec nap = { 0, 1000000 };
    const struct request *r = &s->lane->request[number % RING];
    /* Here, where it is done once: a task's library is loaded, its inits are called. */
    if (!name_task(s->head, r->name, why, sizeof why))
        return serve_one(s, number); /* says so */
    add_relaxed(&s->begun, 1);           /* `next` releases it */
    store_release(&s->next, number + 1); /* pairs with many_run */
    while (tutti_go(&many_scope, many_run, (void *)(uintptr_t)number) < 0)
        nanosleep(&nap, NULL); /* out of memory, of which those that run give some back */
    return true;
}

static void *many_taker(void *unused)
{
    (void)unused;
    serve_take(&serving, many_begin);
    tutti_event_set(&many_over);
    return NULL;
}

const char *serve_many(struct serving *s)
{
    const char *why = NULL;
    pthread_t taker;
    bool is_loop = !strncmp(s->head->inner, "loop", 4);
    tutti_scope_open(&many_scope, s->inner, TUTTI_NEVER, TUTTI_KEEP_GOING);
    if (!is_loop) {
        serve_take(s, many_begin);
    } else if (thread_launch(&taker, NULL, NULL, many_taker, NULL) == 0) {
        tutti_event_wait(&many_over); /* the loop turns meanwhile */
        pthread_join(taker, NULL);
    } else {
        why = "it could not start the thread that takes requests";
    }
    tutti_scope_close(&many_scope);
    return why;
}
