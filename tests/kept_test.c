/* kept_test.c - locks that outlive the task that holds them (src/core/task.c). */
#include "urls.h"
#include <tutti/sync.h>

struct kept {
    tutti_mutex mutex;
    tutti_rwlock rw;
    tutti_scope *scope;
};
static int keep_mutex(void *arg)
{
    struct kept *k = arg;
    tutti_task_name_set("keeper");
    CHECK_INT(tutti_mutex_lock(&k->mutex), 0);
    return 7;
}
static int keep_rwlock(void *arg)
{
    struct kept *k = arg;
    tutti_task_name_set("writer");
    CHECK_INT(tutti_rwlock_wrlock(&k->rw), 0);
    tutti_yield(); /* the wait of another is handed over */
    return 0;
}
static int find_held(void *arg)
{
    struct kept *k = arg;
    CHECK_INT(tutti_mutex_trylock(&k->mutex), -EBUSY);
    CHECK_INT(tutti_mutex_lock_cut(&k->mutex), -ETIMEDOUT); /* it is not taken for ours */
    return 0;
}
static int hold_and_let_go(void *arg)
{
    struct kept *k = arg;
    CHECK_INT(tutti_mutex_lock(&k->mutex), 0);
    CHECK_INT(tutti_mutex_trylock(&k->mutex), -EBUSY);
    tutti_yield();
    tutti_mutex_unlock(&k->mutex);
    CHECK_INT(tutti_rwlock_rdlock(&k->rw), 0);
    tutti_rwlock_unlock(&k->rw);
    CHECK_INT(tutti_rwlock_wrlock(&k->rw), 0);
    tutti_yield();
    tutti_rwlock_unlock(&k->rw);
    return 0;
}
static void ends_with(tutti_executor *ex, tutti_fn *fn, void *arg, int code, const char *words)
{
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, fn, arg), 0);
    CHECK_INT(tutti_scope_close(&s), code);
    if (words)
        CHECK_HAS(tutti_why(), words);
}
ON_URLS(a_task_that_keeps_a_lock_has_failed_and_nobody_else_gets_it)
{
    tutti_executor *ex = urls_open(url);
    struct kept k = { 0 };
    ends_with(ex, keep_mutex, &k, -EDEADLK, "task keeper returned while it held 1 lock;");
    ends_with(ex, keep_rwlock, &k, -EDEADLK, "task writer returned while it held 1 lock;");
    for (int i = 0; i < 100; i++) { /* whatever contexts there are */
        tutti_scope s;
        tutti_scope_open(&s, ex, tutti_after(TUTTI_MS), TUTTI_KEEP_GOING);
        for (int n = 0; n < 4; n++)
            tutti_go(&s, find_held, &k);
        int rc = tutti_scope_close(&s);
        CHECK(rc == 0 || rc == -ETIMEDOUT);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}
ON_URLS(locks_that_were_handed_over_are_counted_once)
{
    tutti_executor *ex = urls_open(url);
    struct kept k = { 0 };
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 50; i++)
        CHECK_INT(tutti_go(&s, hold_and_let_go, &k), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
