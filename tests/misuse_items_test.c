/* tests/misuse_items_test.c - the calls of futures, channels, waits for any, shared items,
 * locals, and locks, misused. */
#include "misuse.h"
#include <tutti/sync.h>
#include <poll.h>

static tutti_scope never; /* all zero: never opened */
static const tutti_future none;
static const tutti_bytes empty;
static const tutti_bytes nowhere = { NULL, 8 };

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

static const int number = 3;

static int room[4];

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

TEST_MAIN
