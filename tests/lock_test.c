/* tests/lock_test.c - mutexes, read-write locks and conditions, from plain threads and from
 * tasks on every executor. */
#include "sync_common.h"

static tutti_mutex mutex;
static tutti_rmutex rmutex;
static tutti_rwlock rwlock;
static tutti_cond cond;
static tutti_event event;

/* --- mutex ----------------------------------------------------------------- */

static long shared;

static int add_up(struct crew *w, void *arg)
{
    unsigned random = check_seed() + (unsigned)(uintptr_t)arg * 2 + 1;
    (void)w;
    for (int i = 0; i < 2000; i++) {
        CHECK_INT(tutti_mutex_lock(&mutex), 0);
        long before = shared;
        if (check_random(&random) % 16 == 0)
            crew_yield();
        shared = before + 1;
        tutti_mutex_unlock(&mutex);
    }
    return 0;
}
EVERYWHERE(mutex_lets_in_one)
{
    for (long i = 0; i < 5; i++)
        crew_go(w, add_up, (void *)i);
    crew_join_all(w);
    CHECK_INT(shared, 10000);
    return 0;
}

static int lock_and_note(struct crew *w, void *who)
{
    (void)w;
    CHECK_INT(tutti_mutex_lock(&mutex), 0);
    note((long)who);
    tutti_mutex_unlock(&mutex);
    return 0;
}
EVERYWHERE(mutex_goes_by_arrival)
{
    CHECK_INT(tutti_mutex_lock(&mutex), 0);
    for (long i = 0; i < 6; i++)
        crew_until_waits(crew_go(w, lock_and_note, (void *)i));
    tutti_mutex_unlock(&mutex);
    CHECK_INT(tutti_mutex_lock(&mutex), 0); /* behind all of them */
    CHECK_INT(order_count, 6);
    tutti_mutex_unlock(&mutex);
    crew_join_all(w);
    for (int i = 0; i < 6; i++)
        CHECK_INT(order[i], i);
    return 0;
}

static int try_it(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    return tutti_mutex_trylock(&mutex);
}
EVERYWHERE(mutex_knows_its_holder)
{
    CHECK_INT(tutti_mutex_lock(&mutex), 0);
    CHECK_INT(tutti_mutex_lock(&mutex), -EDEADLK);
    CHECK_HAS(tutti_why(), "holds mutex");
    CHECK_INT(tutti_mutex_trylock(&mutex), -EBUSY);
    CHECK_INT(crew_join(crew_go(w, try_it, NULL)), -EBUSY);
    tutti_mutex_unlock(&mutex);
    CHECK_INT(tutti_mutex_trylock(&mutex), 0);
    tutti_mutex_unlock(&mutex);
    return 0;
}

static tutti_scope inner;
static _Atomic bool inner_open;
static int lock_in_cancelled(struct crew *w, void *unused)
{
    (void)unused;
    (void)w;
    tutti_scope_open(&inner, w->ex, TUTTI_NEVER, 0);
    tutti_scope_cancel(&inner);
    CHECK_INT(tutti_mutex_lock_cut(&mutex), -ECANCELED);
    CHECK_INT(tutti_mutex_lock(&mutex), 0);
    note(1);
    tutti_mutex_unlock(&mutex);
    CHECK_INT(tutti_scope_close(&inner), 0);
    return 0;
}
EVERYWHERE(a_plain_lock_is_not_cut_off)
{
    CHECK_INT(tutti_mutex_lock(&mutex), 0);
    struct hand *h = crew_go(w, lock_in_cancelled, NULL);
    crew_until_waits(h);
    tutti_scope_cancel(&inner);
    for (int i = 0; i < 100; i++)
        crew_yield();
    CHECK_INT(order_count, 0);
    tutti_mutex_unlock(&mutex);
    CHECK_INT(crew_join(h), 0);
    CHECK_INT(order_count, 1);
    return 0;
}

static int lock_cut_and_note(struct crew *w, void *who)
{
    tutti_scope_open(&inner, w->ex, TUTTI_NEVER, 0);
    store_release(&inner_open, true); /* pairs with the canceller's load */
    int rc = tutti_mutex_lock_cut(&mutex);
    if (rc == 0) {
        note((long)who);
        tutti_mutex_unlock(&mutex);
    }
    tutti_scope_close(&inner);
    return rc;
}
EVERYWHERE(mutex_forgets_who_was_cut)
{
    CHECK_INT(tutti_mutex_lock(&mutex), 0);
    crew_until_waits(crew_go(w, lock_and_note, (void *)0));
    struct hand *cut = crew_go(w, lock_cut_and_note, (void *)1);
    crew_until_waits(cut);
    crew_until_waits(crew_go(w, lock_and_note, (void *)2));
    tutti_scope_cancel(&inner);
    CHECK_INT(crew_join(cut), -ECANCELED);
    tutti_mutex_unlock(&mutex);
    crew_join_all(w);
    CHECK_INT(order_count, 2);
    CHECK_INT(order[0], 0);
    CHECK_INT(order[1], 2);
    for (int i = 0; i < 3; i++) { /* the bit of who waited is gone */
        CHECK_INT(tutti_mutex_lock(&mutex), 0);
        tutti_mutex_unlock(&mutex);
    }
    return 0;
}

static int hold(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    tutti_task_name_set("holder");
    CHECK_INT(tutti_mutex_lock(&mutex), 0);
    CHECK_INT(tutti_event_wait(&event), 0);
    tutti_mutex_unlock(&mutex);
    return 0;
}
static int unlock_anothers(struct crew *w, void *unused)
{
    (void)unused;
    tutti_task_name_set("stranger");
    crew_until_waits(crew_go(w, hold, NULL));
    tutti_mutex_unlock(&mutex);
    return 0;
}
static void wrong_unlock_plain(void)
{
    crew_run(NULL, unlock_anothers);
}
static void wrong_unlock_loop(void)
{
    crew_run("loop://", unlock_anothers);
}
static void unlock_free(void)
{
    tutti_mutex_unlock(&mutex);
}
static void unlock_garbage(void)
{
    memset(&mutex, 0x5a, sizeof mutex);
    tutti_mutex_unlock(&mutex);
}
static void lock_garbage(void)
{
    memset(&mutex, 0x5a, sizeof mutex);
    tutti_mutex_lock(&mutex);
}
TEST(misuse_of_a_mutex_aborts_with_the_names)
{
    check_aborts(wrong_unlock_plain, "holder holds");
    check_aborts(wrong_unlock_plain, "stranger unlocks mutex");
    check_aborts(wrong_unlock_loop, "holder holds");
    check_aborts(unlock_free, "which nobody holds");
    check_aborts(unlock_garbage, "no mutex or was overwritten");
    check_aborts(lock_garbage, "was overwritten, or never zeroed");
}

/* --- recursive mutex -------------------------------------------------------- */

static int rtry(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    return tutti_rmutex_trylock(&rmutex);
}
EVERYWHERE(rmutex_is_unlocked_as_often_as_locked)
{
    CHECK_INT(tutti_rmutex_lock(&rmutex), 0);
    CHECK_INT(tutti_rmutex_lock_cut(&rmutex), 0);
    CHECK_INT(tutti_rmutex_trylock(&rmutex), 0);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(crew_join(crew_go(w, rtry, NULL)), -EBUSY);
        tutti_rmutex_unlock(&rmutex);
    }
    CHECK_INT(tutti_rmutex_trylock(&rmutex), 0);
    tutti_rmutex_unlock(&rmutex);
    return 0;
}
static void runlock_free(void)
{
    tutti_rmutex_unlock(&rmutex);
}
TEST(misuse_of_an_rmutex_aborts)
{
    check_aborts(runlock_free, "which nobody holds");
}

/* --- read-write lock -------------------------------------------------------- */

static _Atomic int reading, writing;

static int read_and_note(struct crew *w, void *who)
{
    (void)w;
    CHECK_INT(tutti_rwlock_rdlock(&rwlock), 0);
    note((long)who);
    CHECK_INT(tutti_event_wait(&event), 0);
    tutti_rwlock_unlock(&rwlock);
    return 0;
}
static int write_and_note(struct crew *w, void *who)
{
    (void)w;
    CHECK_INT(tutti_rwlock_wrlock(&rwlock), 0);
    note((long)who);
    tutti_rwlock_unlock(&rwlock);
    return 0;
}
EVERYWHERE(rwlock_goes_by_arrival)
{
    CHECK_INT(tutti_rwlock_rdlock(&rwlock), 0);
    crew_until_waits(crew_go(w, read_and_note, (void *)0)); /* in, waits for the event */
    CHECK_INT(order_count, 1);
    crew_until_waits(crew_go(w, write_and_note, (void *)1));
    crew_until_waits(crew_go(w, read_and_note, (void *)2)); /* held up by the writer */
    crew_until_waits(crew_go(w, read_and_note, (void *)2));
    crew_until_waits(crew_go(w, write_and_note, (void *)3));
    CHECK_INT(order_count, 1);
    tutti_rwlock_unlock(&rwlock);
    CHECK_INT(order_count, 1);
    tutti_event_set(&event);
    crew_join_all(w);
    static const int expected[] = { 0, 1, 2, 2, 3 };
    CHECK(!memcmp(order, expected, sizeof expected));
    return 0;
}

static int write_cut(struct crew *w, void *unused)
{
    (void)unused;
    tutti_scope_open(&inner, w->ex, TUTTI_NEVER, 0);
    int rc = tutti_rwlock_wrlock_cut(&rwlock);
    tutti_scope_close(&inner);
    return rc;
}
EVERYWHERE(a_writer_that_is_cut_lets_readers_pass)
{
    CHECK_INT(tutti_rwlock_rdlock(&rwlock), 0);
    struct hand *writer = crew_go(w, write_cut, NULL);
    crew_until_waits(writer);
    struct hand *reader = crew_go(w, read_and_note, (void *)7);
    crew_until_waits(reader);
    CHECK_INT(order_count, 0);
    tutti_scope_cancel(&inner);
    CHECK_INT(crew_join(writer), -ECANCELED);
    tutti_event_set(&event);
    CHECK_INT(crew_join(reader), 0);
    CHECK_INT(order_count, 1);
    tutti_rwlock_unlock(&rwlock);
    CHECK_INT(tutti_rwlock_wrlock(&rwlock), 0);
    CHECK_INT(tutti_rwlock_wrlock(&rwlock), -EDEADLK);
    CHECK_INT(tutti_rwlock_rdlock(&rwlock), -EDEADLK);
    tutti_rwlock_unlock(&rwlock);
    return 0;
}

static int read_and_write(struct crew *w, void *arg)
{
    unsigned random = check_seed() + (unsigned)(uintptr_t)arg * 2 + 1;
    (void)w;
    for (int i = 0; i < 1500; i++) {
        bool write = check_random(&random) % 4 == 0;
        if (write) {
            CHECK_INT(tutti_rwlock_wrlock(&rwlock), 0);
            CHECK_INT(add_relaxed(&writing, 1), 0); /* the lock orders these */
            CHECK_INT(load_relaxed(&reading), 0);
            shared++;
        } else {
            CHECK_INT(tutti_rwlock_rdlock(&rwlock), 0);
            CHECK_INT(load_relaxed(&writing), 0);
            add_relaxed(&reading, 1);
        }
        if (check_random(&random) % 16 == 0)
            crew_yield();
        sub_relaxed(write ? &writing : &reading, 1);
        tutti_rwlock_unlock(&rwlock);
    }
    return 0;
}
EVERYWHERE(rwlock_keeps_writers_alone)
{
    for (long i = 0; i < 5; i++)
        crew_go(w, read_and_write, (void *)i);
    crew_join_all(w);
    return 0;
}

static void rw_unlock_free(void)
{
    tutti_rwlock_unlock(&rwlock);
}
static int rw_hold(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    tutti_task_name_set("writer");
    CHECK_INT(tutti_rwlock_wrlock(&rwlock), 0);
    return tutti_event_wait(&event);
}
static int rw_unlock_anothers(struct crew *w, void *unused)
{
    (void)unused;
    crew_until_waits(crew_go(w, rw_hold, NULL));
    tutti_rwlock_unlock(&rwlock);
    return 0;
}
static void rw_wrong_unlock(void)
{
    crew_run("loop://", rw_unlock_anothers);
}
TEST(misuse_of_a_rwlock_aborts)
{
    check_aborts(rw_unlock_free, "which nobody holds");
    check_aborts(rw_wrong_unlock, "writer holds for writing");
}

/* --- condition -------------------------------------------------------------- */

static int wait_and_note(struct crew *w, void *who)
{
    (void)w;
    CHECK_INT(tutti_mutex_lock(&mutex), 0);
    CHECK_INT(tutti_cond_wait(&cond, &mutex), 0);
    note((long)who);
    tutti_mutex_unlock(&mutex);
    return 0;
}
EVERYWHERE(cond_wakes_the_longest_waiting)
{
    struct hand *h[4];
    CHECK_INT(tutti_cond_wait(&cond, &mutex), -EPERM);
    CHECK_HAS(tutti_why(), "does not hold");
    for (long i = 0; i < 4; i++)
        crew_until_waits(h[i] = crew_go(w, wait_and_note, (void *)i));
    for (int i = 0; i < 2; i++) {
        tutti_cond_signal(&cond);
        crew_join(h[i]);
        CHECK_INT(order_count, i + 1);
    }
    tutti_cond_broadcast(&cond);
    crew_join_all(w);
    CHECK_INT(order[0], 0);
    CHECK_INT(order[1], 1);
    CHECK_INT(order_count, 4);
    return 0;
}

static int wait_cut(struct crew *w, void *unused)
{
    (void)unused;
    tutti_scope_open(&inner, w->ex, tutti_after(3 * TUTTI_MS), 0);
    CHECK_INT(tutti_mutex_lock(&mutex), 0);
    int rc = tutti_cond_wait(&cond, &mutex);
    CHECK_INT(tutti_mutex_lock(&mutex), -EDEADLK); /* locked again, always */
    tutti_mutex_unlock(&mutex);
    tutti_scope_close(&inner);
    return rc;
}
EVERYWHERE(cond_locks_again_when_cut)
{
    CHECK_INT(crew_join(crew_go(w, wait_cut, NULL)), -ETIMEDOUT);
    CHECK_INT(tutti_mutex_trylock(&mutex), 0);
    tutti_mutex_unlock(&mutex);
    return 0;
}

static tutti_cond not_full, not_empty;
static int buffer, taken;
static int put_many(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(tutti_mutex_lock(&mutex), 0);
        while (buffer == 3)
            CHECK_INT(tutti_cond_wait(&not_full, &mutex), 0);
        buffer++;
        tutti_cond_signal(&not_empty);
        tutti_mutex_unlock(&mutex);
    }
    return 0;
}
static int take_many(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    for (int i = 0; i < 1000; i++) {
        CHECK_INT(tutti_mutex_lock(&mutex), 0);
        while (!buffer)
            CHECK_INT(tutti_cond_wait(&not_empty, &mutex), 0);
        buffer--;
        taken++;
        tutti_cond_signal(&not_full);
        tutti_mutex_unlock(&mutex);
    }
    return 0;
}
EVERYWHERE(cond_loses_no_signal)
{
    for (int i = 0; i < 2; i++) {
        crew_go(w, put_many, NULL);
        crew_go(w, take_many, NULL);
    }
    crew_join_all(w);
    CHECK_INT(taken, 2000);
    CHECK_INT(buffer, 0);
    return 0;
}

TEST_MAIN
