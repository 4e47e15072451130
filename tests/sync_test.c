/* tests/sync_test.c - semaphores, events, barriers, wait groups, once and counters, from plain
 * threads and from tasks on every executor; and that every kind of wait is cut off. */
#include "base/latch.h"
#include "sync_common.h"

static tutti_mutex mutex;
static tutti_rmutex rmutex;
static tutti_rwlock rwlock;
static tutti_cond cond;
static tutti_sem sem;
static tutti_event event;
static tutti_barrier barrier;
static tutti_group group;
static tutti_once once;
static tutti_counter counter;
static tutti_scope inner;
static _Atomic bool inner_open;
static _Atomic int reading;

/* --- semaphore -------------------------------------------------------------- */

static int down_and_note(struct crew *w, void *who)
{
    (void)w;
    CHECK_INT(tutti_sem_down(&sem), 0);
    note((long)who);
    return 0;
}
EVERYWHERE(sem_counts_and_goes_by_arrival)
{
    struct hand *h[4];
    CHECK_INT(tutti_sem_trydown(&sem), -EBUSY);
    tutti_sem_init(&sem, 2);
    CHECK_INT(tutti_sem_down(&sem), 0);
    CHECK_INT(tutti_sem_trydown(&sem), 0);
    CHECK_INT(tutti_sem_trydown(&sem), -EBUSY);
    for (long i = 0; i < 4; i++)
        crew_until_waits(h[i] = crew_go(w, down_and_note, (void *)i));
    for (int i = 0; i < 4; i++) {
        tutti_sem_up(&sem);
        CHECK_INT(tutti_sem_trydown(&sem), -EBUSY); /* not past who waits */
        crew_join(h[i]);
        CHECK_INT(order[i], i);
    }
    tutti_sem_up(&sem);
    CHECK_INT(tutti_sem_trydown(&sem), 0);
    return 0;
}

static int down_up(struct crew *w, void *arg)
{
    unsigned random = check_seed() + (unsigned)(uintptr_t)arg * 2 + 1;
    for (int i = 0; i < 1000; i++) {
        TUTTI_SCOPE(s, w->ex, check_random(&random) % 4 ? TUTTI_NEVER
                              : tutti_after(check_random(&random) % 100000), 0);
        int rc = tutti_sem_down(&sem);
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        tutti_scope_close(&s);
        if (rc)
            continue;
        CHECK(add_relaxed(&reading, 1) < 2); /* two units there are */
        if (check_random(&random) % 4 == 0)
            crew_yield();
        sub_relaxed(&reading, 1);
        tutti_sem_up(&sem);
    }
    return 0;
}
EVERYWHERE(sem_loses_no_unit_to_deadlines)
{
    tutti_sem_init(&sem, 2);
    for (long i = 0; i < 5; i++)
        crew_go(w, down_up, (void *)i);
    crew_join_all(w);
    CHECK_INT(tutti_sem_trydown(&sem), 0);
    CHECK_INT(tutti_sem_trydown(&sem), 0);
    CHECK_INT(tutti_sem_trydown(&sem), -EBUSY);
    return 0;
}

/* --- event ------------------------------------------------------------------ */

static int wait_event(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    return tutti_event_wait(&event);
}
EVERYWHERE(event_stays_set_and_ends_waits_even_if_cleared_at_once)
{
    CHECK_INT(tutti_event_is_set(&event), 0);
    for (int i = 0; i < 3; i++)
        crew_until_waits(crew_go(w, wait_event, NULL));
    tutti_event_set(&event);
    tutti_event_clear(&event);
    crew_join_all(w);
    CHECK_INT(tutti_event_is_set(&event), 0);
    tutti_event_set(&event);
    tutti_event_set(&event);
    CHECK_INT(tutti_event_is_set(&event), 1);
    CHECK_INT(tutti_event_wait(&event), 0);
    return 0;
}

static tutti_event ping, pong;
static int play_pong(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    for (int i = 0; i < 3000; i++) {
        CHECK_INT(tutti_event_wait(&ping), 0);
        tutti_event_clear(&ping);
        tutti_event_set(&pong);
    }
    return 0;
}
EVERYWHERE(events_lose_no_wake)
{
    crew_go(w, play_pong, NULL);
    for (int i = 0; i < 3000; i++) {
        tutti_event_set(&ping);
        CHECK_INT(tutti_event_wait(&pong), 0);
        tutti_event_clear(&pong);
    }
    crew_join_all(w);
    return 0;
}

/* A set that finds the latch held, as in a handler, is done by whoever has the latch next,
 * even if that one clears the event. */
EVERYWHERE(a_set_under_the_latch_ends_waits_though_cleared)
{
    struct latch *latch = (struct latch *)((char *)&event + 4);
    struct hand *h = crew_go(w, wait_event, NULL);
    crew_until_waits(h);
    latch_lock(latch);
    tutti_event_set(&event);
    crew_yield();
    CHECK(!load_acquire(&h->ended));
    while (latch_unlock(latch))
        ; /* the poke is dropped */
    tutti_event_clear(&event);
    CHECK_INT(crew_join(h), 0);
    CHECK_INT(tutti_event_is_set(&event), 0);
    return 0;
}
/* While somebody waits, a unit is for who waits, even before it was handed over. */
EVERYWHERE(nobody_takes_a_unit_past_who_waits)
{
    struct latch *latch = (struct latch *)((char *)&sem + 8);
    struct hand *h = crew_go(w, down_and_note, NULL);
    crew_until_waits(h);
    latch_lock(latch);
    tutti_sem_up(&sem);
    while (latch_unlock(latch))
        ; /* the poke is dropped */
    CHECK_INT(tutti_sem_trydown(&sem), -EBUSY);
    CHECK_INT(crew_join(h), 0);
    return 0;
}

/* --- barrier ---------------------------------------------------------------- */

static int meet_often(struct crew *w, void *ones)
{
    (void)w;
    for (int i = 0; i < 300; i++) {
        int rc = tutti_barrier_wait(&barrier);
        CHECK(rc == 0 || rc == 1);
        add_relaxed((_Atomic int *)ones, rc);
        CHECK(load_relaxed((_Atomic int *)ones) <= i + 2);
    }
    return 0;
}
EVERYWHERE(barrier_has_one_of_each_round)
{
    static _Atomic int ones;
    CHECK_INT(tutti_barrier_wait(&barrier), -EINVAL);
    tutti_barrier_init(&barrier, 1);
    CHECK_INT(tutti_barrier_wait(&barrier), 1);
    tutti_barrier_init(&barrier, 4);
    for (int i = 0; i < 4; i++)
        crew_go(w, meet_often, &ones);
    crew_join_all(w);
    CHECK_INT(ones, 300);
    return 0;
}

static int meet(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    return tutti_barrier_wait(&barrier);
}
static int meet_until(struct crew *w, void *unused)
{
    (void)unused;
    tutti_scope_open(&inner, w->ex, TUTTI_NEVER, 0);
    int rc = tutti_barrier_wait(&barrier);
    tutti_scope_close(&inner);
    return rc;
}
EVERYWHERE(barrier_breaks_for_all_of_a_round)
{
    tutti_barrier_init(&barrier, 4);
    for (int round = 0; round < 2; round++) {
        struct hand *a = crew_go(w, meet, NULL), *b = crew_go(w, meet_until, NULL);
        crew_until_waits(a);
        crew_until_waits(b);
        tutti_scope_cancel(&inner);
        CHECK_INT(crew_join(b), -ECANCELED);
        CHECK_INT(crew_join(a), -ECANCELED);
        CHECK_INT(tutti_barrier_wait(&barrier), -ECANCELED); /* the third and fourth, */
        CHECK_INT(tutti_barrier_wait(&barrier), -ECANCELED); /* at once */
    }
    for (int i = 0; i < 3; i++)
        crew_until_waits(crew_go(w, meet, NULL));
    CHECK_INT(tutti_barrier_wait(&barrier), 1);
    crew_join_all(w);
    return 0;
}

/* --- wait group ------------------------------------------------------------- */

static int do_one(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    for (int i = 0; i < 100; i++) {
        tutti_group_add(&group, 1);
        if (i % 7 == 0)
            crew_yield();
        add_relaxed(&reading, 1); /* the group orders it */
        tutti_group_done(&group);
    }
    tutti_group_done(&group);
    return 0;
}
EVERYWHERE(group_waits_for_all)
{
    CHECK_INT(tutti_group_wait(&group), 0);
    for (int round = 1; round <= 5; round++) {
        tutti_group_add(&group, 4);
        for (int i = 0; i < 4; i++)
            crew_go(w, do_one, NULL);
        CHECK_INT(tutti_group_wait(&group), 0);
        CHECK_INT(load_relaxed(&reading), round * 400);
    }
    crew_join_all(w);
    return 0;
}
static void group_below_zero(void)
{
    tutti_group_add(&group, 1);
    tutti_group_add(&group, -2);
}
TEST(a_group_below_zero_aborts)
{
    check_aborts(group_below_zero, "takes 2 from the 1 of wait group");
}

/* --- once ------------------------------------------------------------------- */

static int run_once(void *p)
{
    CHECK_INT(add_relaxed((_Atomic int *)p, 1), 0);
    CHECK_INT(tutti_once_do(&once, run_once, p), -EDEADLK);
    CHECK_INT(tutti_event_wait(&event), 0);
    return -42;
}
static int do_once(struct crew *w, void *p)
{
    (void)w;
    return tutti_once_do(&once, run_once, p);
}
static int do_once_cut(struct crew *w, void *p)
{
    TUTTI_SCOPE(s, w->ex, tutti_after(2 * TUTTI_MS), 0);
    return tutti_once_do(&once, run_once, p);
}
EVERYWHERE(once_runs_once_and_keeps_its_code)
{
    static _Atomic int runs;
    struct hand *h[4];
    for (int i = 0; i < 4; i++)
        crew_until_waits(h[i] = crew_go(w, do_once, &runs));
    CHECK_INT(crew_join(crew_go(w, do_once_cut, &runs)), -ETIMEDOUT);
    tutti_event_set(&event);
    for (int i = 0; i < 4; i++)
        CHECK_INT(crew_join(h[i]), -42);
    CHECK_INT(tutti_once_do(&once, run_once, &runs), -42);
    CHECK_INT(runs, 1);
    return 0;
}

/* --- counter ---------------------------------------------------------------- */

static int count_up(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    for (int i = 0; i < 5000; i++)
        tutti_counter_add(&counter, 3);
    return 0;
}
EVERYWHERE(counter_adds_up)
{
    CHECK_INT(tutti_counter_add(&counter, -1), -1);
    for (int i = 0; i < 4; i++)
        crew_go(w, count_up, NULL);
    crew_join_all(w);
    CHECK_INT(tutti_counter_get(&counter), 59999);
    return 0;
}

/* --- every kind of wait ------------------------------------------------------
 * Each is cut off when it begins in a scope that is over, when the deadline comes, and when
 * somebody cancels; and none takes anything then. */

static int never(void *unused)
{
    (void)unused;
    return 0;
}
static int cond_once(void)
{
    CHECK_INT(tutti_mutex_lock(&mutex), 0);
    int rc = tutti_cond_wait(&cond, &mutex);
    tutti_mutex_unlock(&mutex);
    return rc;
}
enum { KINDS = 10 };
static int wait_kind(int kind)
{
    switch (kind) {
    case 0: return tutti_mutex_lock_cut(&mutex);
    case 1: return tutti_rmutex_lock_cut(&rmutex);
    case 2: return tutti_rwlock_rdlock_cut(&rwlock);
    case 3: return tutti_rwlock_wrlock_cut(&rwlock);
    case 4: return cond_once();
    case 5: return tutti_sem_down(&sem);
    case 6: return tutti_event_wait(&event);
    case 7: return tutti_barrier_wait(&barrier);
    case 8: return tutti_group_wait(&group);
    default: return tutti_once_do(&once, never, NULL);
    }
}
static int hold_once(void *done)
{
    store_release(&inner_open, false);
    return tutti_event_wait(done);
}
/* Hold all there is to hold (but the mutex for kind 4) until ping. */
static int hold_all(struct crew *w, void *kind)
{
    (void)w;
    if ((long)kind != 4)
        CHECK_INT(tutti_mutex_lock(&mutex), 0);
    CHECK_INT(tutti_rmutex_lock(&rmutex), 0);
    CHECK_INT(tutti_rwlock_wrlock(&rwlock), 0);
    once = (tutti_once){ { 0 } };
    tutti_barrier_init(&barrier, 3);
    tutti_group_add(&group, 1);
    CHECK_INT(tutti_once_do(&once, hold_once, &ping), 0);
    tutti_group_done(&group);
    tutti_rwlock_unlock(&rwlock);
    tutti_rmutex_unlock(&rmutex);
    if ((long)kind != 4)
        tutti_mutex_unlock(&mutex);
    return 0;
}
static tutti_time deadline;
static int wait_in_scope(struct crew *w, void *kind)
{
    tutti_scope_open(&inner, w->ex, deadline, 0);
    int rc = wait_kind((int)(long)kind);
    CHECK(tutti_why()[0]);
    tutti_scope_close(&inner);
    return rc;
}
EVERYWHERE(every_wait_is_cut_off)
{
    for (long kind = 0; kind < KINDS; kind++) {
        tutti_event_clear(&ping);
        struct hand *holder = crew_go(w, hold_all, (void *)kind);
        crew_until_waits(holder);
        deadline = 1;
        CHECK_INT(crew_join(crew_go(w, wait_in_scope, (void *)kind)), -ETIMEDOUT);
        tutti_barrier_init(&barrier, 3);
        deadline = tutti_after(2 * TUTTI_MS);
        CHECK_INT(crew_join(crew_go(w, wait_in_scope, (void *)kind)), -ETIMEDOUT);
        CHECK(tutti_now() >= deadline);
        tutti_barrier_init(&barrier, 3);
        deadline = TUTTI_NEVER;
        struct hand *h = crew_go(w, wait_in_scope, (void *)kind);
        crew_until_waits(h);
        tutti_scope_cancel(&inner);
        CHECK_INT(crew_join(h), -ECANCELED);
        tutti_event_set(&ping);
        CHECK_INT(crew_join(holder), 0);
        crew_leave(w);
    }
    CHECK_INT(tutti_mutex_trylock(&mutex), 0);
    CHECK_INT(tutti_rmutex_trylock(&rmutex), 0);
    CHECK_INT(tutti_rwlock_wrlock_cut(&rwlock), 0);
    tutti_rwlock_unlock(&rwlock);
    tutti_rmutex_unlock(&rmutex);
    tutti_mutex_unlock(&mutex);
    CHECK_INT(tutti_sem_trydown(&sem), -EBUSY);
    CHECK_INT(tutti_group_wait(&group), 0);
    return 0;
}

TEST_MAIN
