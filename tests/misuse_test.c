/* tests/misuse_test.c - every public function, given NULL, a thing that was never opened,
 * or one that is gone: each call must end with an error code and a sentence, or, where it
 * can return none, with an abort and a sentence that says which call in which task it was.
 * Each runs in a process of its own, first on a plain thread, then in a task. */
#include "check.h"
#include <tutti.h>
#include <tutti/patterns.h>
#include <tutti/sync.h>
#include <poll.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum want {
    CODE,    /* negative, and tutti_why() is not empty */
    NOTHING, /* as the header says: it does nothing, or gives nothing, and comes back */
    ABORT,   /* SIGABRT after a line that begins with "tutti: " and names the task */
    ABORT_OTHER /* the same, of a task or thread that has another name, or none */
};

struct call {
    const char *name;
    enum want want;
    int (*make)(void);
    struct call *next;
};
static struct call *calls;

/* CALL(name, want, code): code is the value that is checked for CODE. */
#define CALL(name_, want_, code_)                                             \
    static int call_##name_(void)                                             \
    {                                                                         \
        return (code_);                                                       \
    }                                                                         \
    static struct call entry_##name_ = { #name_, want_, call_##name_, NULL }; \
    __attribute__((constructor)) static void enter_##name_(void)              \
    {                                                                         \
        entry_##name_.next = calls;                                           \
        calls = &entry_##name_;                                               \
    }
#define VOID(call_) ((void)(call_), 0)
/* A call that gives a pointer: NULL is its error. */
#define POINTER(call_) ((call_) ? 0 : -1)

/* --- what is not open -------------------------------------------------------- */

static tutti_scope never; /* all zero: never opened */
static const tutti_future none;
static const tutti_bytes empty;
static const tutti_bytes nowhere = { NULL, 8 };

static int fine(void *unused)
{
    (void)unused;
    return 0;
}
TUTTI_TASK(twice, "misuse.twice", int, int);
static int twice(const int *in, int *out)
{
    *out = 2 * *in;
    return 0;
}
TUTTI_TASK_BYTES(any, "misuse.any");
static int any(tutti_bytes in, tutti_out *out)
{
    return tutti_put(out, in.data, in.size);
}
struct part {
    tutti_ref part;
};
TUTTI_TASK_RANGE(slice, "misuse.slice", struct part, int);
static int slice(const struct part *in, int *out)
{
    *out = tutti_ref_view(&in->part) ? 1 : -EFAULT;
    return 0;
}

/* The scope of the running case, opened around each call, so that it is nobody's fault but
 * the call's own. */
static tutti_scope here;

static tutti_scope *closed(void)
{
    static tutti_scope s;
    tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
    tutti_scope_close(&s);
    return &s;
}
static tutti_future stale(void)
{
    tutti_scope s;
    tutti_future f;
    tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
    tutti_spawn(&s, fine, NULL, NULL, &f);
    tutti_scope_close(&s);
    return f;
}
/* What lay where a future should: a number, an address, all bits, one whose bits have
 * changed. */
static int odd_future(int which, int (*take)(tutti_future))
{
    tutti_future spoilt = stale();
    spoilt._[which == 4] ^= UINT64_C(1) << 50;
    tutti_future odd[] = { { { 7, 7 } },
                           { { (uintptr_t)&odd, (uintptr_t)&never } },
                           { { UINT64_MAX, UINT64_MAX } },
                           spoilt,
                           spoilt,
                           { { 0, 1 } },
                           { { (uintptr_t)&never, 0 } } };
    return take(odd[which]);
}
/* The least of what the call makes of each: 0 if it takes any of them. */
static int odd_futures(int (*take)(tutti_future))
{
    int rc = -EINVAL;
    for (int i = 0; i < 7 && rc == -EINVAL; i++)
        rc = odd_future(i, take);
    return rc == -EINVAL ? rc : 0;
}
static tutti_future promised(void)
{
    tutti_future f;
    tutti_promise(&here, &f);
    return f;
}
static tutti_future ready(void)
{
    tutti_future f;
    int in = 4;
    twice_submit(&here, &in, &f);
    tutti_future_await(f, NULL);
    return f;
}
static tutti_ref old_ref(void)
{
    tutti_scope s;
    tutti_ref r;
    tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
    tutti_share(&s, 4, 4, TUTTI_WRITE, &r);
    tutti_scope_close(&s);
    return r;
}
static tutti_chan *channel(size_t item)
{
    tutti_chan *c;
    tutti_chan_open(&c, &here, item, 4, NULL);
    return c;
}

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

/* --- futures --------------------------------------------------------------------- */

CALL(await_none, CODE, tutti_future_await(none, NULL))
CALL(await_stale, CODE, tutti_future_await(stale(), NULL))
CALL(take_none, CODE, tutti_future_take(none, room, 4))
CALL(take_stale, CODE, tutti_future_take(stale(), room, 4))
CALL(take_size, CODE, tutti_future_take(ready(), room, 2))
CALL(take_nowhere, CODE, tutti_future_take(ready(), NULL, 4))
CALL(done_none, CODE, tutti_future_done(none))
CALL(done_stale, CODE, tutti_future_done(stale()))
CALL(cancel_none, NOTHING, VOID(tutti_future_cancel(none)))
CALL(cancel_stale, NOTHING, VOID(tutti_future_cancel(stale())))
CALL(release_none, NOTHING, VOID(tutti_future_release(none)))
CALL(release_stale, NOTHING, VOID(tutti_future_release(stale())))
static int await_odd(tutti_future f)
{
    return tutti_future_await(f, NULL);
}
static int take_odd(tutti_future f)
{
    return tutti_future_take(f, room, 4);
}
static int outcome_odd(tutti_future f)
{
    return tutti_future_outcome(f, &(tutti_outcome){ 72 });
}
static int wait_odd_future(tutti_future f)
{
    tutti_case c = tutti_on_done(f);
    return tutti_wait(&c, 1);
}
CALL(await_odd, CODE, odd_futures(await_odd))
CALL(take_odd, CODE, odd_futures(take_odd))
CALL(done_odd, CODE, odd_futures(tutti_future_done))
CALL(outcome_odd, CODE, odd_futures(outcome_odd))
CALL(wait_done_odd, CODE, odd_futures(wait_odd_future))
static int cancel_odd(tutti_future f)
{
    return VOID(tutti_future_cancel(f));
}
static int release_odd(tutti_future f)
{
    return VOID(tutti_future_release(f));
}
CALL(cancel_number, ABORT, odd_future(0, cancel_odd))
CALL(cancel_address, ABORT, odd_future(1, cancel_odd))
CALL(cancel_bits, ABORT, odd_future(2, cancel_odd))
CALL(cancel_spoilt, ABORT, odd_future(3, cancel_odd))
CALL(release_number, ABORT, odd_future(0, release_odd))
CALL(release_address, ABORT, odd_future(1, release_odd))
CALL(release_spoilt, ABORT, odd_future(4, release_odd))
static int next_bad(tutti_scope *s)
{
    tutti_future f;
    return tutti_scope_next(s, &f);
}
CALL(next_null, CODE, next_bad(NULL))
CALL(next_never, CODE, next_bad(&never))
CALL(next_closed, CODE, next_bad(closed()))
CALL(next_nowhere, CODE, tutti_scope_next(&here, NULL))
static int promise_bad(tutti_scope *s)
{
    tutti_future f = { { 1, 1 } };
    int rc = tutti_promise(s, &f);
    return tutti_future_await(f, NULL) < 0 ? rc : 0;
}
CALL(promise_null, CODE, promise_bad(NULL))
CALL(promise_never, CODE, promise_bad(&never))
CALL(promise_nowhere, CODE, tutti_promise(&here, NULL))
/* A call for signal handlers gives no words of its own. */
static int fulfil_bad(tutti_future f, tutti_bytes value)
{
    int rc = tutti_future_fulfil(f, 0, value);
    return rc < 0 ? tutti_fail(rc, "%s", tutti_strerror(rc)) : 0;
}
CALL(fulfil_none, CODE, fulfil_bad(none, empty))
CALL(fulfil_stale, CODE, fulfil_bad(stale(), empty))
static int fulfil_odd(tutti_future f)
{
    return fulfil_bad(f, empty);
}
CALL(fulfil_odd, CODE, odd_futures(fulfil_odd))
CALL(fulfil_nowhere, CODE, fulfil_bad(promised(), nowhere))
CALL(fulfil_task, CODE, fulfil_bad(ready(), empty))
static int fulfil_twice(void)
{
    tutti_future f = promised();
    return fulfil_bad(f, empty) < 0 ? 0 : fulfil_bad(f, empty);
}
CALL(fulfilled_twice, CODE, fulfil_twice())
CALL(outcome_none, CODE, tutti_future_outcome(none, &(tutti_outcome){ 72 }))
CALL(outcome_stale, CODE, tutti_future_outcome(stale(), &(tutti_outcome){ 72 }))
CALL(outcome_nowhere, CODE, tutti_future_outcome(ready(), NULL))
CALL(outcome_size, CODE, tutti_future_outcome(ready(), &(tutti_outcome){ 0 }))
CALL(failures_null, CODE, tutti_scope_failures(NULL, NULL, NULL))
CALL(failures_never, CODE, tutti_scope_failures(&never, NULL, NULL))
CALL(failures_no_each, NOTHING, tutti_scope_failures(&here, NULL, NULL))

/* --- channels -------------------------------------------------------------------- */

static int chan_bad(tutti_scope *s, size_t item, size_t capacity)
{
    tutti_chan *c = (tutti_chan *)(void *)&never;
    int rc = tutti_chan_open(&c, s, item, capacity, NULL);
    return c ? 0 : rc;
}
CALL(chan_open_nowhere, CODE, tutti_chan_open(NULL, &here, 4, 4, NULL))
CALL(chan_open_null, CODE, chan_bad(NULL, 4, 4))
CALL(chan_open_never, CODE, chan_bad(&never, 4, 4))
CALL(chan_open_huge_item, CODE, chan_bad(&here, SIZE_MAX, 1))
CALL(chan_open_half_item, CODE, chan_bad(&here, SIZE_MAX / 2, 1))
CALL(chan_open_huge_capacity, CODE, chan_bad(&here, 4, SIZE_MAX / 2))
CALL(chan_open_half_capacity, CODE, chan_bad(&here, 1, SIZE_MAX / 2))
CALL(chan_send_null, CODE, tutti_chan_send(NULL, &number))
CALL(chan_send_nothing, CODE, tutti_chan_send(channel(4), NULL))
CALL(chan_send_nowhere, CODE, tutti_chan_send(channel(TUTTI_ANY_SIZE), &nowhere))
static int send_ended(void)
{
    tutti_chan *c = channel(4);
    tutti_chan_close(c);
    return tutti_chan_send(c, &number);
}
CALL(chan_send_ended, CODE, send_ended())
CALL(chan_recv_null, CODE, tutti_chan_recv(NULL, room))
CALL(chan_recv_nowhere, CODE, tutti_chan_recv(channel(4), NULL))
CALL(chan_writers_null, ABORT, VOID(tutti_chan_writers(NULL, 1)))
CALL(chan_close_null, CODE, tutti_chan_close(NULL))
static int close_twice(void)
{
    tutti_chan *c = channel(4);
    return tutti_chan_close(c) < 0 ? 0 : tutti_chan_close(c);
}
CALL(chan_closed_twice, CODE, close_twice())
CALL(chan_length_null, NOTHING, (int)tutti_chan_length(NULL))

/* --- waiting for any --------------------------------------------------------------- */

static int wait_bad(tutti_case c)
{
    return tutti_wait(&c, 1);
}
static int wait_fd_bad(tutti_case c)
{
    return tutti_wait_fd(&here, &c, 1);
}
static tutti_case case_odd(void)
{
    tutti_case c = tutti_on_none();
    c.kind = 99;
    return c;
}
CALL(wait_null, CODE, tutti_wait(NULL, 1))
CALL(wait_nothing, CODE, tutti_wait(&(tutti_case){ 0 }, 0))
CALL(wait_recv_null, CODE, wait_bad(tutti_on_recv(NULL, room)))
CALL(wait_recv_nowhere, CODE, wait_bad(tutti_on_recv(channel(4), NULL)))
CALL(wait_send_null, CODE, wait_bad(tutti_on_send(NULL, room)))
CALL(wait_send_nothing, CODE, wait_bad(tutti_on_send(channel(4), NULL)))
CALL(wait_event_null, CODE, wait_bad(tutti_on_event(NULL)))
CALL(wait_empty_null, CODE, wait_bad(tutti_on_empty(NULL)))
CALL(wait_empty_never, CODE, wait_bad(tutti_on_empty(&never)))
CALL(wait_odd, CODE, wait_bad(case_odd()))
static int wait_stale(void)
{
    tutti_case c = tutti_on_done(stale());
    int rc = tutti_wait(&c, 1);
    return rc < 0 ? rc : tutti_fail(c.code, "case"); /* ready, with -ESTALE */
}
CALL(wait_done_stale, CODE, wait_stale())
static int wait_fd_closed(void)
{
    tutti_case c = tutti_on_fd(-1, POLLIN);
    int rc = tutti_wait(&c, 1);
    return rc < 0 ? rc : c.code < 0 || c.code & POLLNVAL ? tutti_fail(-EBADF, "case") : 0;
}
CALL(wait_fd_negative, CODE, wait_fd_closed())
static int wait_many(void)
{
    static tutti_case c[3000]; /* more than fit on a stack, of which one is bad */
    for (size_t i = 0; i < 2999; i++)
        c[i] = tutti_on_time(TUTTI_NEVER);
    c[2999] = tutti_on_event(NULL);
    return tutti_wait(c, 3000);
}
CALL(wait_one_of_many, CODE, wait_many())
CALL(waitfd_null, CODE, tutti_wait_fd(NULL, &(tutti_case){ 0 }, 1))
CALL(waitfd_never, CODE, tutti_wait_fd(&never, &(tutti_case){ 0 }, 1))
CALL(waitfd_no_cases, CODE, tutti_wait_fd(&here, NULL, 1))
CALL(waitfd_nothing, CODE, tutti_wait_fd(&here, &(tutti_case){ 0 }, 0))
CALL(waitfd_huge, CODE, tutti_wait_fd(&here, &(tutti_case){ 0 }, 0))
CALL(waitfd_recv_null, CODE, wait_fd_bad(tutti_on_recv(NULL, room)))
CALL(waitfd_event_null, CODE, wait_fd_bad(tutti_on_event(NULL)))
CALL(waitfd_empty, CODE, wait_fd_bad(tutti_on_empty(&here)))
CALL(waitfd_fd_negative, CODE, wait_fd_bad(tutti_on_fd(-1, POLLIN)))
CALL(waitfd_odd, CODE, wait_fd_bad(case_odd()))

/* --- shared items, locals ---------------------------------------------------------- */

static int share_bad(tutti_scope *s, uint64_t count, size_t item, unsigned flags)
{
    tutti_ref r;
    return tutti_share(s, count, item, flags, &r) || tutti_ref_view(&r) ? 0 : -1;
}
CALL(share_null, CODE, share_bad(NULL, 1, 1, 0))
CALL(share_never, CODE, share_bad(&never, 1, 1, 0))
CALL(share_nowhere, CODE, POINTER(tutti_share(&here, 1, 1, 0, NULL)))
CALL(share_no_item, CODE, share_bad(&here, 1, 0, 0))
CALL(share_flags, CODE, share_bad(&here, 1, 1, 0x40))
CALL(share_overflow, CODE, share_bad(&here, UINT64_MAX / 2, 4, 0))
CALL(share_huge, CODE, share_bad(&here, UINT64_MAX / 4, 1, 0))
CALL(ref_view_null, NOTHING, tutti_ref_view(NULL) != NULL)
CALL(ref_view_zero, NOTHING, tutti_ref_view(&(tutti_ref){ 0 }) != NULL)
CALL(ref_edit_null, NOTHING, tutti_ref_edit(NULL) != NULL)
static int ref_old(void)
{
    tutti_ref r = old_ref();
    return tutti_ref_view(&r) != NULL || tutti_ref_edit(&r) != NULL;
}
CALL(ref_after_its_scope, NOTHING, ref_old())
static int ref_forged(void)
{
    tutti_ref r, far = { 0x12345678, 0, 1, 1, 0 };
    tutti_share(&here, 4, 4, 0, &r);
    r.from = 2;
    r.count = UINT64_MAX - 1; /* past the end, by way of an overflow */
    return tutti_ref_view(&r) != NULL || tutti_ref_view(&far) != NULL;
}
CALL(ref_past_its_end, NOTHING, ref_forged())
CALL(per_worker_null, CODE, POINTER(tutti_per_worker(NULL)))
CALL(per_task_null, CODE, POINTER(tutti_per_task(NULL)))
static tutti_local makeless;
CALL(per_worker_no_make, CODE, POINTER(tutti_per_worker(&makeless)))
CALL(per_task_no_make, CODE, POINTER(tutti_per_task(&makeless)))

/* --- sync.h -------------------------------------------------------------------------- */

static tutti_mutex mutex;
static tutti_rmutex rmutex;
static tutti_rwlock rwlock;
static tutti_once once;
CALL(mutex_lock_null, CODE, tutti_mutex_lock(NULL))
CALL(mutex_lock_cut_null, CODE, tutti_mutex_lock_cut(NULL))
CALL(mutex_trylock_null, CODE, tutti_mutex_trylock(NULL))
CALL(mutex_unlock_null, ABORT, VOID(tutti_mutex_unlock(NULL)))
CALL(mutex_unlock_free, ABORT, VOID(tutti_mutex_unlock(&mutex)))
CALL(mutex_lock_twice, CODE, (tutti_mutex_lock(&mutex), tutti_mutex_lock(&mutex)))
CALL(rmutex_lock_null, CODE, tutti_rmutex_lock(NULL))
CALL(rmutex_lock_cut_null, CODE, tutti_rmutex_lock_cut(NULL))
CALL(rmutex_trylock_null, CODE, tutti_rmutex_trylock(NULL))
CALL(rmutex_unlock_null, ABORT, VOID(tutti_rmutex_unlock(NULL)))
CALL(rmutex_unlock_free, ABORT, VOID(tutti_rmutex_unlock(&rmutex)))
CALL(rwlock_rdlock_null, CODE, tutti_rwlock_rdlock(NULL))
CALL(rwlock_wrlock_null, CODE, tutti_rwlock_wrlock(NULL))
CALL(rwlock_rdlock_cut_null, CODE, tutti_rwlock_rdlock_cut(NULL))
CALL(rwlock_wrlock_cut_null, CODE, tutti_rwlock_wrlock_cut(NULL))
CALL(rwlock_unlock_null, ABORT, VOID(tutti_rwlock_unlock(NULL)))
CALL(rwlock_unlock_free, ABORT, VOID(tutti_rwlock_unlock(&rwlock)))
CALL(rwlock_wrlock_twice, CODE,
     (tutti_rwlock_wrlock(&rwlock), tutti_rwlock_wrlock(&rwlock)))
CALL(cond_wait_null, CODE, (tutti_mutex_lock(&mutex), tutti_cond_wait(NULL, &mutex)))
CALL(cond_wait_no_mutex, CODE, tutti_cond_wait(&(tutti_cond){ { 0 } }, NULL))
CALL(cond_wait_unlocked, CODE, tutti_cond_wait(&(tutti_cond){ { 0 } }, &mutex))
CALL(cond_signal_null, ABORT, VOID(tutti_cond_signal(NULL)))
CALL(cond_broadcast_null, ABORT, VOID(tutti_cond_broadcast(NULL)))
CALL(sem_init_null, ABORT, VOID(tutti_sem_init(NULL, 1)))
CALL(sem_down_null, CODE, tutti_sem_down(NULL))
CALL(sem_trydown_null, CODE, tutti_sem_trydown(NULL))
CALL(sem_up_null, ABORT, VOID(tutti_sem_up(NULL)))
CALL(event_set_null, ABORT, VOID(tutti_event_set(NULL)))
CALL(event_clear_null, ABORT, VOID(tutti_event_clear(NULL)))
CALL(event_is_set_null, NOTHING, tutti_event_is_set(NULL))
CALL(event_wait_null, CODE, tutti_event_wait(NULL))
static tutti_event event;
CALL(event_on_signal_null, CODE, tutti_event_on_signal(&here, NULL, SIGUSR1))
CALL(event_on_signal_no_scope, CODE, tutti_event_on_signal(NULL, &event, SIGUSR1))
CALL(event_on_signal_never, CODE, tutti_event_on_signal(&never, &event, SIGUSR1))
CALL(event_on_signal_kill, CODE, tutti_event_on_signal(&here, &event, SIGKILL))
CALL(event_on_signal_zero, CODE, tutti_event_on_signal(&here, &event, 0))
CALL(event_on_signal_negative, CODE, tutti_event_on_signal(&here, &event, -1))
CALL(event_on_signal_beyond, CODE, tutti_event_on_signal(&here, &event, 1000))
CALL(event_on_signal_twice, CODE,
     tutti_event_on_signal(&here, &event, SIGUSR1) < 0
         ? 0 : tutti_event_on_signal(&here, &event, SIGUSR1))
CALL(barrier_init_null, ABORT, VOID(tutti_barrier_init(NULL, 2)))
CALL(barrier_wait_null, CODE, tutti_barrier_wait(NULL))
CALL(barrier_wait_zeroed, CODE, tutti_barrier_wait(&(tutti_barrier){ { 0 } }))
CALL(group_add_null, ABORT, VOID(tutti_group_add(NULL, 1)))
CALL(group_done_null, ABORT, VOID(tutti_group_done(NULL)))
CALL(group_done_zero, ABORT, VOID(tutti_group_done(&(tutti_group){ { 0 } })))
CALL(group_wait_null, CODE, tutti_group_wait(NULL))
CALL(once_do_null, CODE, tutti_once_do(NULL, fine, NULL))
CALL(once_do_no_function, CODE, tutti_once_do(&once, NULL, NULL))
CALL(counter_add_null, ABORT, (int)tutti_counter_add(NULL, 1))
CALL(counter_get_null, ABORT, (int)tutti_counter_get(NULL))

/* --- patterns.h ---------------------------------------------------------------------- */

static int range(void *ctx, uint64_t from, uint64_t to)
{
    (void)ctx;
    (void)from;
    (void)to;
    return 0;
}
static void join(void *ctx, void *acc, const void *part)
{
    (void)ctx;
    (void)acc;
    (void)part;
}
static int better(void *ctx, const void *a, const void *b)
{
    (void)ctx;
    return *(const int *)a > *(const int *)b;
}
static int source(void *ctx, tutti_bytes *item)
{
    (void)ctx;
    (void)item;
    return 0;
}
static int step(void *ctx, void *item)
{
    (void)ctx;
    (void)item;
    return 0;
}
static int visit(tutti_list *l, tutti_bytes key, void *ctx)
{
    (void)l;
    (void)key;
    (void)ctx;
    return 0;
}
static struct part whole(void)
{
    struct part p;
    tutti_share(&here, 8, 4, 0, &p.part);
    return p;
}
static int for_bad(tutti_scope *s, const tutti_task *t, size_t size)
{
    struct part p = whole();
    return tutti_for(s, t, (tutti_bytes){ &p, size }, 1);
}
CALL(for_null, CODE, for_bad(NULL, &slice_task, sizeof(struct part)))
CALL(for_never, CODE, for_bad(&never, &slice_task, sizeof(struct part)))
CALL(for_no_task, CODE, for_bad(&here, NULL, sizeof(struct part)))
CALL(for_size, CODE, for_bad(&here, &slice_task, 4))
CALL(for_other_task, CODE, for_bad(&here, &twice_task, 4))
CALL(for_nowhere, CODE,
     tutti_for(&here, &slice_task, (tutti_bytes){ NULL, sizeof(struct part) }, 1))
CALL(for_range_null, CODE, tutti_for_range(NULL, 0, 9, 1, range, NULL))
CALL(for_range_never, CODE, tutti_for_range(&never, 0, 9, 1, range, NULL))
CALL(for_range_no_function, CODE, tutti_for_range(&here, 0, 9, 1, NULL, NULL))
static int reduce_bad(tutti_scope *s, const tutti_task *t, int joined, size_t size)
{
    struct part p = whole();
    int acc = 0;
    return tutti_reduce(s, t, (tutti_bytes){ &p, size }, 1, joined ? join : NULL, NULL,
                        &acc);
}
CALL(reduce_null, CODE, reduce_bad(NULL, &slice_task, 1, sizeof(struct part)))
CALL(reduce_no_task, CODE, reduce_bad(&here, NULL, 1, sizeof(struct part)))
CALL(reduce_no_join, CODE, reduce_bad(&here, &slice_task, 0, sizeof(struct part)))
CALL(reduce_size, CODE, reduce_bad(&here, &slice_task, 1, 4))
CALL(reduce_nowhere, CODE,
     tutti_reduce(&here, &slice_task, (tutti_bytes){ NULL, sizeof(struct part) }, 1, join,
                  NULL, room))
CALL(map_null, CODE, tutti_map(NULL, &twice_task, room, room, 4, NULL))
CALL(map_no_task, CODE, tutti_map(&here, NULL, room, room, 4, NULL))
CALL(map_no_input, CODE, tutti_map(&here, &twice_task, NULL, room, 4, NULL))
CALL(map_no_output, CODE, tutti_map(&here, &twice_task, room, NULL, 4, NULL))
CALL(map_any_size, CODE, tutti_map(&here, &any_task, room, room, 4, NULL))
static int flow_bad(tutti_scope *s, const tutti_task *t, tutti_flow f)
{
    return tutti_map_flow(s, t, &f);
}
#define FLOW(size_, source_) (tutti_flow){ .size = size_, .source = source_ }
CALL(flow_null, CODE, flow_bad(NULL, &any_task, FLOW(sizeof(tutti_flow), source)))
CALL(flow_no_task, CODE, flow_bad(&here, NULL, FLOW(sizeof(tutti_flow), source)))
CALL(flow_no_flow, CODE, tutti_map_flow(&here, &any_task, NULL))
CALL(flow_size, CODE, flow_bad(&here, &any_task, FLOW(0, source)))
CALL(flow_no_source, CODE, flow_bad(&here, &any_task, FLOW(sizeof(tutti_flow), NULL)))
CALL(race_null, CODE, tutti_race(NULL, &twice_task, room, 4, room))
CALL(race_no_task, CODE, tutti_race(&here, NULL, room, 4, room))
CALL(race_no_input, CODE, tutti_race(&here, &twice_task, NULL, 4, room))
CALL(race_nobody, CODE, tutti_race(&here, &twice_task, room, 0, room))
CALL(race_any_size, CODE, tutti_race(&here, &any_task, room, 4, room))
CALL(best_null, CODE, tutti_best(NULL, &twice_task, room, 4, better, NULL, room))
CALL(best_no_better, CODE, tutti_best(&here, &twice_task, room, 4, NULL, NULL, room))
static int line_bad(tutti_scope *s, const tutti_stage *stage, size_t n, tutti_line l)
{
    return tutti_pipeline(s, stage, n, &l);
}
static const tutti_stage stages[] = { { step, 1 }, { NULL, 1 } };
#define LINE(size_) (tutti_line){ .size = size_, .item = 8 }
CALL(pipeline_null, CODE, line_bad(NULL, stages, 1, LINE(sizeof(tutti_line))))
CALL(pipeline_no_stage, CODE, line_bad(&here, NULL, 1, LINE(sizeof(tutti_line))))
CALL(pipeline_nothing, CODE, line_bad(&here, stages, 0, LINE(sizeof(tutti_line))))
CALL(pipeline_no_function, CODE, line_bad(&here, stages, 2, LINE(sizeof(tutti_line))))
CALL(pipeline_size, CODE, line_bad(&here, stages, 1, LINE(0)))
CALL(pipeline_no_line, CODE, tutti_pipeline(&here, stages, 1, NULL))
CALL(pipeline_huge_item, CODE,
     line_bad(&here, stages, 1, (tutti_line){ sizeof(tutti_line), .item = SIZE_MAX }))
CALL(pipeline_huge_window, CODE,
     line_bad(&here, stages, 1,
              (tutti_line){ sizeof(tutti_line), .item = 8, .window = SIZE_MAX }))
static int list_bad(tutti_scope *s, tutti_work w, tutti_bytes first)
{
    return tutti_worklist(s, &w, first);
}
#define WORK(size_, visit_) (tutti_work){ .size = size_, .visit = visit_ }
CALL(worklist_null, CODE, list_bad(NULL, WORK(sizeof(tutti_work), visit), three))
CALL(worklist_no_work, CODE, tutti_worklist(&here, NULL, three))
CALL(worklist_size, CODE, list_bad(&here, WORK(0, visit), three))
CALL(worklist_no_visit, CODE, list_bad(&here, WORK(sizeof(tutti_work), NULL), three))
CALL(worklist_nowhere, CODE, list_bad(&here, WORK(sizeof(tutti_work), visit), nowhere))
CALL(list_add_null, CODE, tutti_list_add(NULL, three))
static int add_nowhere(tutti_list *l, tutti_bytes key, void *ctx)
{
    (void)ctx;
    return key.size ? tutti_list_add(l, nowhere) : 0;
}
CALL(list_add_nowhere, CODE,
     list_bad(&here, (tutti_work){ .size = sizeof(tutti_work), .visit = add_nowhere,
                                   .strict = 1 }, three))
static int again_bad(unsigned tries, size_t size, tutti_fn *fn)
{
    tutti_retry r = { .size = size, .tries = tries };
    return tutti_again(&r, fn, NULL);
}
CALL(again_null, CODE, tutti_again(NULL, fine, NULL))
CALL(again_no_tries, CODE, again_bad(0, sizeof(tutti_retry), fine))
CALL(again_size, CODE, again_bad(1, 0, fine))
CALL(again_no_function, CODE, again_bad(1, sizeof(tutti_retry), NULL))

/* --- running them ---------------------------------------------------------------------- */

enum { RAN_WELL, RAN_CODE, RAN_SILENT };

static int misuse_in_scope(void *arg)
{
    const struct call *c = arg;
    tutti_task_name_set("the.culprit");
    tutti_scope_open(&here, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    int rc = c->make();
    const char *why = tutti_why();
    if (rc < 0 && !*why)
        printf("# %s: %d without a sentence\n", c->name, rc);
    fflush(stdout);
    _exit(rc == 0 ? RAN_WELL : rc < 0 && *why ? RAN_CODE : RAN_SILENT);
}

static void misuse_run(struct call *c, const char *url, int log)
{
    struct rlimit none_core = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none_core);
    dup2(log, STDERR_FILENO);
    alarm(20);
    if (url)
        tutti_run(url, misuse_in_scope, c);
    else
        misuse_in_scope(c);
    _exit(99);
}

static int misuse_fails(struct call *c, const char *url)
{
    char text[1000] = "";
    int log = memfd_create("log", MFD_CLOEXEC), status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        misuse_run(c, url, log);
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    CHECK(pread(log, text, sizeof text - 1, 0) >= 0);
    close(log);
    int good = c->want >= ABORT
                   ? WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT
                         && strstr(text, "tutti: ")
                         && (c->want == ABORT_OTHER || strstr(text, "the.culprit"))
                   : WIFEXITED(status)
                         && WEXITSTATUS(status) == (c->want == CODE ? RAN_CODE : RAN_WELL);
    if (!good)
        printf("# %s on %s: %s %d, and said: %s\n", c->name, url ? url : "a plain thread",
               WIFSIGNALED(status) ? "signal" : "exit",
               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), text);
    return !good;
}

static void misuse_all(const char *url)
{
    int failed = 0, count = 0;
    for (struct call *c = calls; c; c = c->next, count++)
        failed += misuse_fails(c, url);
    printf("# %d calls\n", count);
    CHECK_INT(failed, 0);
}

TEST(on_a_plain_thread)
{
    misuse_all(NULL);
}

TEST(in_a_task_of_a_loop)
{
    misuse_all("loop://");
}

TEST(in_a_task_of_a_pool)
{
    misuse_all("threads://2");
}

TEST_MAIN
