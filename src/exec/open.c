/* exec/open.c - executors by URL: which are open, who shares one, which is the default.
 * Tests: tests/executor_test.c. */
#include "base/cpus.h"
#include "base/memory.h"
#include "core/thread.h"
#include "core/wait.h"
#include "exec/processes/processes.h"
#include "exec/url.h"
#include "sched/pool.h"
#include <stdlib.h>

/* One open executor.  Holds: users >= 1; shared ones were opened as threads:// without a
 * number and are found again by who opens it so. */
struct entry {
    struct entry *next;
    struct tutti_executor *ex;
    struct url url;
    unsigned users;
    bool shared;
};

static struct latch open_latch; /* guards the table; held while one is opened, so that two
                                   who ask for the shared one get the same */
static struct entry *open_entries;
static struct entry *lost_entries; /* those of the process before fork() */
static struct tutti_executor *default_executor; /* under the latch */
static _Thread_local struct tutti_executor *default_loop; /* a default loop is the thread's */

static struct entry *entry_find(const struct tutti_executor *ex)
{
    for (struct entry *e = open_entries; e; e = e->next)
        if (e->ex == ex)
            return e;
    return NULL;
}

static struct entry *entry_shared(const struct url *u)
{
    for (struct entry *e = open_entries; e; e = e->next)
        if (e->shared && e->url.stack == u->stack && e->url.lock == u->lock
            && e->url.io == u->io && e->url.spares == u->spares)
            return e;
    return NULL;
}

/* --- opening ---------------------------------------------------------------- */

static struct tutti_executor *executor_make(struct url *u, bool follows, int *rc)
{
    struct tutti_executor *ex =
        u->scheme == URL_SIM         ? loop_open_sim(u->seed, u->stack, rc)
        : u->scheme == URL_LOOP      ? loop_open(u->stack, (enum io_kind)u->io, rc)
        : u->scheme == URL_PROCESSES ? processes_open(u, rc)
                                     : threads_open(u->workers, u->spares, u->stack,
                                                    u->lock, (enum io_kind)u->io, rc);
    if (!ex)
        return NULL;
    if (follows)
        threads_follow(ex);
    ex->epoch = load_relaxed(&fork_epoch); /* changes in a lone thread only */
    ex->url = url_print(u);
    if (!ex->url) {
        *rc = why_set(-ENOMEM, "out of memory");
        ex->ops->close(ex);
        memory_free(ex);
        return NULL;
    }
    return ex;
}

/* Under the latch. */
static struct entry *entry_open(struct url *u, int *rc)
{
    bool shared = u->scheme == URL_THREADS && u->workers == 0;
    struct entry *e = shared ? entry_shared(u) : NULL;
    if (e) {
        e->users++;
        return e;
    }
    if (shared || (u->scheme == URL_PROCESSES && !u->workers))
        u->workers = cpus_granted();
    e = memory_zalloc(sizeof *e);
    *rc = e ? 0 : why_set(-ENOMEM, "out of memory");
    if (e)
        e->ex = executor_make(u, shared, rc);
    if (*rc) {
        memory_free(e);
        return NULL;
    }
    e->url = *u;
    e->users = 1;
    e->shared = shared;
    e->next = open_entries;
    open_entries = e;
    return e;
}

int tutti_executor_open(tutti_executor **out, const char *text)
{
    struct url u;
    if (!out)
        return why_set(-EINVAL, "tutti_executor_open: where to is NULL");
    *out = NULL;
    int rc = url_parse(&u, text);
    if (rc < 0)
        return rc;
    const char *refused = NULL;
    if (u.io != IO_ANY) /* asking costs, and what is not asked for cannot be refused */
        io_resolve((enum io_kind)u.io, &refused);
    if (refused)
        return why_set(-ENOTSUP, "\"%.60s\": io_uring cannot be had: %s; without io= the "
                       "executor takes what there is", text, refused);
    if (u.scheme == URL_AUTO)
        u.scheme = cpus_granted() > 1 || u.workers || u.lock ? URL_THREADS : URL_LOOP;
    latch_lock(&open_latch);
    struct entry *e = entry_open(&u, &rc);
    latch_unlock(&open_latch);
    if (!e)
        return rc;
    *out = e->ex;
    return 0;
}

/* --- closing ---------------------------------------------------------------- */

/* What a fork() left to the parent is known, so that closing it can say so. */
static int entry_none(const struct tutti_executor *ex)
{
    for (struct entry *e = lost_entries; e; e = e->next)
        if (e->ex == ex)
            return why_set(-TUTTI_ELOST, "executor %s was opened before fork(); only the "
                           "parent can close it", ex->url);
    return why_set(-EINVAL, "tutti_executor_close: it is not open (closed twice?)");
}

/* Under the latch: 0 and the entry is out of the table, 1: others still use it. */
static int entry_leave(struct entry *e, struct context *c)
{
    int rc = e->ex->ops->may_close ? e->ex->ops->may_close(e->ex) : 0;
    if (rc < 0)
        return rc;
    if (e->users > 1) {
        e->users--;
        return 1;
    }
    if (executor_holds(e->ex, c))
        return why_set(-EDEADLK, "%s cannot be closed by %s, which is inside a scope on it",
                       e->ex->url, tutti_task_name());
    if (default_executor == e->ex)
        default_executor = NULL; /* somebody got hold of it by tutti_scope_executor */
    if (default_loop == e->ex)
        default_loop = NULL;
    struct entry **at = &open_entries;
    while (*at != e)
        at = &(*at)->next;
    *at = e->next;
    return 0;
}

int tutti_executor_close(tutti_executor *ex)
{
    if (!ex)
        return 0;
    latch_lock(&open_latch);
    struct entry *e = entry_find(ex);
    int rc = e ? entry_leave(e, context_self()) : entry_none(ex);
    latch_unlock(&open_latch);
    if (rc)
        return rc < 0 ? rc : 0;
    executor_wait_scopes(ex);
    ex->ops->close(ex);
    memory_free(ex->url);
    memory_free(ex);
    memory_free(e);
    return 0;
}

/* --- the default ---------------------------------------------------------------- */

static void default_loop_end(void *unused)
{
    (void)unused;
    tutti_executor_close(default_loop);
    default_loop = NULL;
}

static struct tutti_executor *default_get(int *rc)
{
    const char *text = getenv("TUTTI_EXECUTOR");
    struct url u;
    if (!text || !*text)
        text = "threads://";
    *rc = url_parse(&u, text);
    if (*rc < 0) {
        char words[300];
        strncpy(words, tutti_why(), sizeof words - 1);
        words[sizeof words - 1] = 0;
        why_set(*rc, "TUTTI_EXECUTOR: %s", words);
        return NULL;
    }
    if (u.scheme == URL_PROCESSES && processes_refused())
        u.scheme = url_parse(&u, text = "threads://") ? u.scheme : URL_THREADS;
    if (u.scheme == URL_LOOP || u.scheme == URL_SIM) {
        if (!default_loop && (*rc = tutti_executor_open(&default_loop, text)) == 0)
            thread_at_end(default_loop_end, NULL);
        return default_loop;
    }
    latch_lock(&open_latch);
    struct tutti_executor *ex = default_executor;
    latch_unlock(&open_latch);
    if (ex)
        return ex;
    if ((*rc = tutti_executor_open(&ex, text)) < 0)
        return NULL;
    latch_lock(&open_latch);
    struct tutti_executor *other = default_executor;
    if (!other)
        default_executor = ex;
    latch_unlock(&open_latch);
    if (other) /* two threads at once: one is enough */
        tutti_executor_close(ex);
    return other ? other : ex;
}

static void open_after_fork(void)
{
    open_latch = (struct latch){ 0 };
    struct entry **end = &lost_entries;
    while (*end)
        end = &(*end)->next;
    *end = open_entries;
    open_entries = NULL;
    default_executor = NULL;
    default_loop = NULL;
}

__attribute__((constructor)) static void open_begin(void)
{
    executor_default_hook = default_get;
    fork_watch(open_after_fork);
}

/* --- looking at one, and the shortest way to use one ------------------------------ */

const char *tutti_executor_url(const tutti_executor *ex)
{
    return ex ? ex->url : "";
}

unsigned tutti_executor_workers(const tutti_executor *ex)
{
    return ex ? load_relaxed(&ex->workers) : 0; /* a figure */
}

int tutti_executor_stat(const tutti_executor *ex, tutti_executor_stats *out)
{
    if (!ex || !out || !out->size)
        return why_set(-EINVAL, "tutti_executor_stat: %s", ex ? "set size first"
                       : "the executor is NULL");
    tutti_executor_stats all = { .size = out->size };
    ex->ops->stat(ex, &all);
    memcpy(out, &all, out->size < sizeof all ? out->size : sizeof all);
    return 0;
}

struct run {
    tutti_fn *fn;
    void *arg;
    int code;
};

static int run_first(void *arg)
{
    struct run *r = arg;
    return r->code = r->fn(r->arg);
}

int tutti_run(const char *text, tutti_fn *fn, void *arg)
{
    tutti_executor *ex;
    struct run r = { fn, arg, 0 };
    const char *given = getenv("TUTTI_EXECUTOR");
    if (!text)
        text = given && *given ? given : "threads://";
    int rc = tutti_executor_open(&ex, text);
    if (rc < 0)
        return rc;
    if (!fn)
        rc = why_set(-EINVAL, "tutti_run: the function is NULL");
    if (rc < 0) {
        tutti_executor_close(ex);
        return rc;
    }
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_go(&s, run_first, &r);
    rc = tutti_scope_close(&s);
    tutti_executor_close(ex);
    return rc < 0 ? rc : r.code;
}
