/* tests/misuse_test.c - the calls of executors, scopes and tasks, misused. */
#include "misuse.h"
#include <pthread.h>

static tutti_scope never; /* all zero: never opened */
static const tutti_bytes empty;
static const tutti_bytes nowhere = { NULL, 8 };

/* --- words, executors --------------------------------------------------------- */

CALL(fail_empty, CODE, tutti_fail(-EINVAL, "%s", "said"))
CALL(executor_open_nowhere, CODE, tutti_executor_open(NULL, "loop://"))
static int executor_open_null(void)
{
    tutti_executor *ex = (tutti_executor *)(void *)&never;
    int rc = tutti_executor_open(&ex, NULL);
    return ex ? 0 : rc;
}
CALL(executor_open_no_url, CODE, executor_open_null())
CALL(executor_close_null, NOTHING, tutti_executor_close(NULL))
static int executor_close_twice(void)
{
    tutti_executor *ex;
    if (tutti_executor_open(&ex, "threads://1") < 0 || tutti_executor_close(ex) < 0)
        return 0;
    return tutti_executor_close(ex);
}
CALL(executor_closed_twice, CODE, executor_close_twice())
CALL(executor_close_own, CODE, tutti_executor_close(tutti_scope_executor(&here)))
CALL(executor_url_null, NOTHING, strlen(tutti_executor_url(NULL)) != 0)
CALL(executor_workers_null, NOTHING, (int)tutti_executor_workers(NULL))
CALL(executor_stat_null, CODE, tutti_executor_stat(NULL, &(tutti_executor_stats){ 72 }))
CALL(executor_stat_nowhere, CODE, tutti_executor_stat(tutti_scope_executor(&here), NULL))
CALL(executor_stat_size, CODE,
     tutti_executor_stat(tutti_scope_executor(&here), &(tutti_executor_stats){ 0 }))
CALL(run_no_function, CODE, tutti_run("loop://", NULL, NULL))
CALL(run_bad_url, CODE, tutti_run("lop://", fine, NULL))

/* --- scopes --------------------------------------------------------------------- */

CALL(scope_open_null, ABORT, VOID(tutti_scope_open(NULL, NULL, TUTTI_NEVER, 0)))
CALL(scope_open_again, ABORT, VOID(tutti_scope_open(&here, NULL, TUTTI_NEVER, 0)))
static int scope_open_outer(void)
{
    TUTTI_SCOPE(inner, NULL, TUTTI_NEVER, 0);
    tutti_scope_open(&here, NULL, TUTTI_NEVER, 0);
    return 0;
}
#ifndef NDEBUG
CALL(scope_open_again_outside, ABORT, scope_open_outer())
#else
CALL(scope_open_again_outside, NOTHING, 0 && scope_open_outer())
#endif
static int scope_broken(unsigned flags)
{
    tutti_scope s;
    tutti_scope_open(&s, NULL, TUTTI_NEVER, flags);
    int rc = tutti_go(&s, fine, NULL);
    return tutti_scope_close(&s) < 0 ? rc : 0;
}
CALL(scope_open_flags, CODE, scope_broken(0xff00))
CALL(scope_open_shield, CODE, scope_broken(TUTTI_SHIELD))
CALL(scope_close_null, CODE, tutti_scope_close(NULL))
CALL(scope_close_never, CODE, tutti_scope_close(&never))
CALL(scope_close_twice, CODE, tutti_scope_close(closed()))
static int close_outer(void)
{
    TUTTI_SCOPE(inner, NULL, TUTTI_NEVER, 0);
    return tutti_scope_close(&here);
}
CALL(scope_close_out_of_order, CODE, close_outer())
static int close_open(void *unused)
{
    (void)unused;
    return tutti_scope_close(&here);
}
static int close_inside(void)
{
    tutti_future f;
    tutti_spawn(&here, close_open, NULL, NULL, &f);
    return tutti_future_await(f, NULL);
}
CALL(scope_close_from_inside, CODE, close_inside())
CALL(scope_leave_null, NOTHING, VOID(tutti_scope_leave(NULL)))
CALL(scope_leave_never, NOTHING, VOID(tutti_scope_leave(&never)))
CALL(scope_leave_closed, NOTHING, VOID(tutti_scope_leave(closed())))
CALL(scope_executor_null, NOTHING, tutti_scope_executor(NULL) != NULL)
CALL(scope_executor_never, NOTHING, tutti_scope_executor(&never) != NULL)
static int leave_it(void *arg)
{
    tutti_scope_leave(arg);
    return 0;
}
static int leave_by_another(void)
{
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    tutti_go(&s, leave_it, &s);
    return tutti_scope_close(&s);
}
CALL(scope_leave_by_another, ABORT_OTHER, leave_by_another())
CALL(scope_cancel_null, ABORT, VOID(tutti_scope_cancel(NULL)))
CALL(scope_cancel_never, NOTHING, VOID(tutti_scope_cancel(&never)))
CALL(scope_cancel_closed, NOTHING, VOID(tutti_scope_cancel(closed())))
CALL(scope_expire_null, ABORT, VOID(tutti_scope_expire(NULL, 0)))
CALL(scope_expire_never, NOTHING, VOID(tutti_scope_expire(&never, 0)))
CALL(scope_limit_null, ABORT, VOID(tutti_scope_limit(NULL, 1)))
CALL(scope_limit_never, ABORT, VOID(tutti_scope_limit(&never, 1)))
static int limit_open(void *unused)
{
    (void)unused;
    tutti_scope_limit(&here, 1);
    return 0;
}
static int limit_other(void)
{
    tutti_go(&here, limit_open, NULL);
    return tutti_scope_close(&here);
}
CALL(scope_limit_not_owner, CODE, limit_other())
CALL(scope_stat_null, CODE, tutti_scope_stat(NULL, &(tutti_scope_stats){ 72 }))
CALL(scope_stat_never, CODE, tutti_scope_stat(&never, &(tutti_scope_stats){ 72 }))
CALL(scope_stat_nowhere, CODE, tutti_scope_stat(&here, NULL))
CALL(scope_stat_size, CODE, tutti_scope_stat(&here, &(tutti_scope_stats){ 0 }))

/* --- tasks ---------------------------------------------------------------------- */

CALL(go_null, CODE, tutti_go(NULL, fine, NULL))
CALL(go_never, CODE, tutti_go(&never, fine, NULL))
CALL(go_closed, CODE, tutti_go(closed(), fine, NULL))
CALL(go_no_function, CODE, tutti_go(&here, NULL, NULL))
static int dropped;
static void drop(void *unused)
{
    (void)unused;
    dropped++;
}
static int spawn_dropped(tutti_scope *s, tutti_fn *fn)
{
    tutti_future f = { { 1, 1 } };
    int rc = tutti_spawn(s, fn, NULL, drop, &f);
    int code = tutti_future_await(f, NULL); /* one that failed, or none: never hangs */
    return dropped == 1 && code < 0 ? rc : 0;
}
CALL(spawn_null, CODE, spawn_dropped(NULL, fine))
CALL(spawn_never, CODE, spawn_dropped(&never, fine))
CALL(spawn_no_function, CODE, spawn_dropped(&here, NULL))
CALL(reserve_null, ABORT, POINTER(tutti_reserve(NULL, 1)))
CALL(put_null, CODE, tutti_put(NULL, "x", 1))
static int put_nothing(tutti_bytes in, tutti_out *out)
{
    (void)in;
    return tutti_put(out, NULL, 8);
}
static int put_huge(tutti_bytes in, tutti_out *out)
{
    (void)in;
    int rc = tutti_put(out, "x", 1);
    if (rc == 0 && tutti_reserve(out, SIZE_MAX - 20))
        return 0;
    return rc < 0 ? rc : tutti_put(out, "x", SIZE_MAX - 1);
}
static int task_of(int (*run)(tutti_bytes, tutti_out *))
{
    static tutti_task t = { .size = sizeof t, .name = "misuse.made" };
    tutti_future f;
    t.run = run;
    tutti_submit(&here, &t, empty, &f);
    return tutti_future_await(f, NULL);
}
CALL(put_nowhere, CODE, task_of(put_nothing))
CALL(put_too_much, CODE, task_of(put_huge))
CALL(enrol_null, ABORT, VOID(tutti_enrol(NULL)))
CALL(enrol_no_name, ABORT, VOID(tutti_enrol(&(tutti_task){ .size = sizeof(tutti_task) })))
static int enrol_clash(void)
{
    static tutti_task other = { .size = sizeof other, .name = "misuse.twice" };
    other.run = any_task.run;
    tutti_enrol(&other);
    return 0;
}
CALL(enrol_clashes, ABORT_OTHER, enrol_clash())
CALL(task_find_null, NOTHING, tutti_task_find(NULL) != NULL)
CALL(task_find_unknown, NOTHING, tutti_task_find("misuse.unknown") != NULL)
static int submit_bad(tutti_scope *s, const tutti_task *t, tutti_bytes in)
{
    tutti_future f = { { 1, 1 } };
    int rc = tutti_submit(s, t, in, &f);
    return tutti_future_await(f, NULL) < 0 ? rc : 0;
}
static const int number = 3;
static const tutti_bytes three = { &number, sizeof number };
CALL(submit_null, CODE, submit_bad(NULL, &twice_task, three))
CALL(submit_never, CODE, submit_bad(&never, &twice_task, three))
CALL(submit_no_task, CODE, submit_bad(&here, NULL, three))
CALL(submit_size, CODE, submit_bad(&here, &twice_task, (tutti_bytes){ &number, 2 }))
CALL(submit_nowhere, CODE, submit_bad(&here, &any_task, nowhere))
CALL(submit_huge, CODE,
     submit_bad(&here, &any_task, (tutti_bytes){ &number, SIZE_MAX / 2 }))
static int call_bad(const tutti_task *t, tutti_bytes in)
{
    int out;
    return tutti_task_call(t, in, &out);
}
CALL(task_call_null, CODE, call_bad(NULL, three))
CALL(task_call_size, CODE, call_bad(&twice_task, empty))
CALL(task_call_nowhere, CODE, call_bad(&twice_task, (tutti_bytes){ NULL, 4 }))
static int batch_bad(tutti_scope *s, const tutti_task *t, const tutti_batch *b)
{
    tutti_future f = { { 1, 1 } };
    int rc = tutti_submit_batch(s, t, b, &f);
    return tutti_future_await(f, NULL) < 0 ? rc : 0;
}
static int room[4];
CALL(batch_null, CODE, batch_bad(NULL, &twice_task, &(tutti_batch){ room, room, NULL, 4 }))
CALL(batch_no_task, CODE, batch_bad(&here, NULL, &(tutti_batch){ room, room, NULL, 4 }))
CALL(batch_no_batch, CODE, batch_bad(&here, &twice_task, NULL))
CALL(batch_no_input, CODE,
     batch_bad(&here, &twice_task, &(tutti_batch){ NULL, room, NULL, 4 }))
CALL(batch_no_output, CODE,
     batch_bad(&here, &twice_task, &(tutti_batch){ room, NULL, NULL, 4 }))
CALL(batch_no_future, CODE,
     tutti_submit_batch(&here, &twice_task, &(tutti_batch){ room, room, NULL, 4 }, NULL))
CALL(task_name_null, NOTHING,
     (tutti_task_name_set("x"), tutti_task_name_set(NULL), !*tutti_task_name()))
CALL(blocking_null, CODE, tutti_blocking(NULL, NULL, NULL))
static int blocking_dropped(void)
{
    int rc = tutti_blocking(NULL, NULL, drop);
    return dropped == 1 ? rc : 0;
}
CALL(blocking_null_dropped, CODE, blocking_dropped())

/* --- leaving without returning: who waits would wait for ever -------------------- */

static int leave(void *unused)
{
    (void)unused;
    pthread_exit(NULL);
}
static int leave_task(void)
{
    tutti_go(&here, leave, NULL);
    return tutti_scope_close(&here);
}
static void *leave_open(void *s)
{
    tutti_scope_open(s, NULL, TUTTI_NEVER, 0);
    return NULL;
}
static int leave_scope(void)
{
    static tutti_scope s;
    pthread_t thread;
    CHECK_INT(pthread_create(&thread, NULL, leave_open, &s), 0);
    return pthread_join(thread, NULL);
}
/* AddressSanitizer takes the thread's stack for the task's by then, and reports that first;
 * ThreadSanitizer insists that a thread ends on its own stack. */
#if defined(__has_feature)
#define STACK_CHECKED __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define STACK_CHECKED 1
#else
#define STACK_CHECKED 0
#endif
#if STACK_CHECKED || CHECK_TSAN
CALL(task_leaves, NOTHING, 0 && leave_task())
#else
CALL(task_leaves, ABORT_OTHER, leave_task())
#endif
CALL(blocking_leaves, ABORT_OTHER, tutti_blocking(leave, NULL, NULL))
CALL(thread_leaves_a_scope, ABORT_OTHER, leave_scope())

TEST_MAIN
