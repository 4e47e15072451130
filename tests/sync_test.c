/* Locks and signals, from plain threads and from tasks on every executor. */
#include "base/latch.h"
#include "base/memory.h"
#include "crew.h"

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

static int order[CREW_MAX];
static _Atomic int order_count;
static void note(long who)
{
    order[add_relaxed(&order_count, 1)] = (int)who; /* under what is tested */
}

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

static _Atomic bool stop;
static int raise_many(struct crew *w, void *unused)
{
    (void)w;
    (void)unused;
    for (int i = 0; i < 500; i++) {
        kill(getpid(), SIGUSR1); /* not raise: workers leave signals to the others */
        CHECK_INT(tutti_event_wait(&pong), 0);
        tutti_event_clear(&pong);
        kill(getpid(), SIGUSR2); /* a unit of the semaphore */
    }
    return 0;
}
static void on_usr2(int signum)
{
    (void)signum;
    tutti_sem_up(&sem);
}
EVERYWHERE(signals_set_events_and_up_semaphores)
{
    signal(SIGUSR2, on_usr2);
    tutti_scope s;
    tutti_scope_open(&s, w->ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_event_on_signal(&s, &event, SIGUSR1), 0);
    CHECK_INT(tutti_event_on_signal(&s, &ping, SIGUSR1), -EBUSY);
    CHECK_INT(tutti_event_on_signal(&s, &event, 0), -EINVAL);
    CHECK_INT(tutti_event_on_signal(&s, &event, SIGKILL), -EINVAL);
    CHECK_INT(tutti_event_on_signal(&s, &event, SIGSEGV), -EINVAL);
    CHECK_INT(tutti_event_on_signal(&s, NULL, SIGUSR1), -EINVAL);
    crew_go(w, raise_many, NULL);
    for (int i = 0; i < 500; i++) {
        CHECK_INT(tutti_event_wait(&event), 0);
        tutti_event_clear(&event);
        tutti_event_set(&pong);
        CHECK_INT(tutti_sem_down(&sem), 0);
    }
    crew_join_all(w);
    CHECK_INT(tutti_scope_close(&s), 0);
    return 0;
}

#ifdef __x86_64__
/* A signal after each single instruction of a call, in turn: the processor's trap flag
 * makes the kernel send SIGTRAP after every one. */
static int trap_at, traps;
static void (*in_trap)(void);
static void on_trap(int signum)
{
    (void)signum;
    if (traps++ == trap_at)
        in_trap();
}
static void step_on(void)
{
    __asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; orq $0x100, (%%rsp); popfq;"
                     "lea 128(%%rsp), %%rsp" ::: "memory", "cc");
}
static void step_off(void)
{
    __asm__ volatile("lea -128(%%rsp), %%rsp; pushfq; andq $~0x100, (%%rsp); popfq;"
                     "lea 128(%%rsp), %%rsp" ::: "memory", "cc");
}
static _Atomic int rounds_woken, rounds_begun;
static int wait_rounds(struct crew *w, void *which)
{
    (void)w;
    for (int round = 1; load_acquire(&rounds_begun) >= 0; round++) {
        CHECK_INT(which ? tutti_sem_down(&sem) : tutti_event_wait(&event), 0);
        add_acqrel(&rounds_woken, 1); /* pairs with step_through */
        while (load_acquire(&rounds_begun) == round) /* pairs with step_through */
            crew_yield();
    }
    return 0;
}
/* call, with in_trap after its first instruction, then after its second, to its end, while
 * `hands` wait; all of them must be woken each time. */
static int step_through(struct crew *w, void (*call)(void), void (*trap)(void), int hands,
                        void *which)
{
    struct hand *h[2];
    struct sigaction act = { .sa_handler = on_trap };
    CHECK_INT(sigaction(SIGTRAP, &act, NULL), 0);
    in_trap = trap;
    store_release(&rounds_begun, 1);
    for (int i = 0; i < hands; i++)
        h[i] = crew_go(w, wait_rounds, which);
    for (trap_at = 0;; trap_at++) {
        for (int i = 0; i < hands; i++)
            crew_until_waits(h[i]);
        traps = 0;
        step_on();
        call();
        step_off();
        if (traps <= trap_at)
            trap(); /* past the end: the last round */
        while (load_acquire(&rounds_woken) < hands * (trap_at + 1))
            crew_yield();
        tutti_event_clear(&event);
        store_release(&rounds_begun, traps <= trap_at ? -1 : trap_at + 2);
        if (traps <= trap_at)
            break;
    }
    crew_join_all(w);
    return trap_at;
}
static void clear_event(void)
{
    tutti_event_clear(&event);
}
static void set_event(void)
{
    tutti_event_set(&event);
}
static void up(void)
{
    tutti_sem_up(&sem);
}
static int step_event(struct crew *w, void *unused)
{
    (void)unused;
    CHECK(step_through(w, clear_event, set_event, 1, NULL) > 20);
    return 0;
}
static int step_sem(struct crew *w, void *unused)
{
    (void)unused;
    CHECK(step_through(w, up, up, 2, (void *)1) > 20);
    CHECK_INT(tutti_sem_trydown(&sem), -EBUSY);
    return 0;
}
/* Under ThreadSanitizer most instructions are its own, and a trap that it holds back is
 * none; valgrind keeps the trap flag to itself. */
static void skip_without_steps(void)
{
    if (CHECK_TSAN)
        check_skip("the steps would be those of ThreadSanitizer");
    if (getenv("CHECK_VALGRIND"))
        check_skip("valgrind makes no single steps");
}
TEST(a_signal_between_any_two_instructions_sets_an_event)
{
    skip_without_steps();
    crew_run(NULL, step_event);
}
TEST(a_signal_between_any_two_instructions_ups_a_semaphore)
{
    skip_without_steps();
    crew_run(NULL, step_sem);
}

/* Whoever has waited may destroy what it waited for, even if who ended the wait is held up
 * after any single instruction: here an up, while the waiter is cut, takes the unit, and
 * fills the memory with something else. */
static struct {
    tutti_sem sem;
    tutti_scope scope;
    tutti_executor *ex;
    _Atomic int go, done;
} stepped;

static void *take_and_destroy(void *unused)
{
    (void)unused;
    tutti_scope_open(&stepped.scope, stepped.ex, TUTTI_NEVER, 0);
    int rc = tutti_sem_down(&stepped.sem);
    while (load_acquire(&stepped.go) != 2) /* pairs with cancel_on_go: it is done with scope */
        sched_yield();
    CHECK_INT(tutti_scope_close(&stepped.scope), 0);
    while (rc < 0 && (rc = tutti_sem_trydown(&stepped.sem)) < 0)
        sched_yield();
    memset(&stepped.sem, 0x52, sizeof stepped.sem);
    store_release(&stepped.done, 1); /* pairs with let_it_be_destroyed */
    return NULL;
}
static void *cancel_on_go(void *unused)
{
    (void)unused;
    while (load_acquire(&stepped.go) != 1) /* pairs with let_it_be_destroyed */
        sched_yield();
    tutti_scope_cancel(&stepped.scope);
    store_release(&stepped.go, 2);
    return NULL;
}
static void let_it_be_destroyed(void)
{
    tutti_time end = tutti_after(4 * TUTTI_MS);
    store_release(&stepped.go, 1);
    while (!load_acquire(&stepped.done) && tutti_now() < end)
        sched_yield();
}
TEST(an_up_held_up_anywhere_touches_no_semaphore_that_is_gone)
{
    struct sigaction act = { .sa_handler = on_trap };
    if (CHECK_TSAN)
        check_skip("an up has too many instructions under ThreadSanitizer");
    CHECK_INT(tutti_executor_open(&stepped.ex, "threads://1"), 0);
    CHECK_INT(sigaction(SIGTRAP, &act, NULL), 0);
    in_trap = let_it_be_destroyed;
    for (trap_at = 0; traps >= trap_at; trap_at++) {
        pthread_t waiter, canceller;
        memset(&stepped.sem, 0, sizeof stepped.sem);
        stepped.go = stepped.done = traps = 0;
        CHECK_INT(pthread_create(&waiter, NULL, take_and_destroy, NULL), 0);
        while (!load_acquire((_Atomic uint64_t *)(void *)&stepped.sem)) /* it waits */
            sched_yield();
        CHECK_INT(pthread_create(&canceller, NULL, cancel_on_go, NULL), 0);
        step_on();
        tutti_sem_up(&stepped.sem);
        step_off();
        int zero = 0;
        cas_acqrel(&stepped.go, &zero, 1); /* past the end: nobody was held up */
        pthread_join(waiter, NULL);
        pthread_join(canceller, NULL);
        for (size_t i = 0; i < sizeof stepped.sem; i++)
            CHECK_INT(((unsigned char *)&stepped.sem)[i], 0x52);
    }
    if (trap_at == 1 && !traps)
        check_skip("no single steps here");
    CHECK(trap_at > 20);
    CHECK_INT(tutti_executor_close(stepped.ex), 0);
}
#endif

static _Atomic int handled;
static void on_usr1(int signum)
{
    (void)signum;
    add_relaxed(&handled, 1);
}
static void *interrupt(void *target)
{
    pthread_t *thread = target;
    while (!load_relaxed(&stop))
        pthread_kill(*thread, SIGUSR1);
    return NULL;
}
/* The handler comes while its own thread holds the event's latch. */
TEST(a_signal_within_any_call_on_its_own_event_is_no_deadlock)
{
    pthread_t self = pthread_self(), other;
    tutti_executor *ex;
    tutti_scope s;
    struct sigaction before = { .sa_handler = on_usr1 };
    CHECK_INT(sigaction(SIGUSR1, &before, NULL), 0);
    CHECK_INT(tutti_executor_open(&ex, "loop://"), 0);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_event_on_signal(&s, &event, SIGUSR1), 0);
    CHECK_INT(pthread_create(&other, NULL, interrupt, &self), 0);
    for (int i = 0; i < 20000; i++) {
        CHECK_INT(tutti_event_wait(&event), 0);
        tutti_event_clear(&event);
    }
    CHECK_INT(load_relaxed(&handled), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    int seen = load_relaxed(&handled);
    while (load_relaxed(&handled) == seen) /* the old action is back */
        sched_yield();
    store_relaxed(&stop, true);
    pthread_join(other, NULL);
    CHECK_INT(tutti_executor_close(ex), 0);
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

/* --- no memory ---------------------------------------------------------------- */

TEST(a_signal_hook_without_memory_changes_nothing)
{
    tutti_executor *ex;
    tutti_scope s;
    struct sigaction after;
    CHECK_INT(tutti_executor_open(&ex, "loop://"), 0);
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    fault_arm(1, true);
    CHECK_INT(tutti_event_on_signal(&s, &event, SIGUSR1), -ENOMEM);
    fault_arm(0, false);
    CHECK_INT(sigaction(SIGUSR1, NULL, &after), 0);
    CHECK(after.sa_handler == SIG_DFL);
    CHECK_INT(tutti_event_on_signal(&s, &event, SIGUSR1), 0);
    raise(SIGUSR1);
    CHECK_INT(tutti_event_is_set(&event), 1);
    tutti_scope_close(&s);
    CHECK_INT(tutti_event_on_signal(&s, &event, SIGUSR1), -EINVAL); /* closed */
    CHECK_INT(sigaction(SIGUSR1, NULL, &after), 0);
    CHECK(after.sa_handler == SIG_DFL);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- whoever has waited may destroy ---------------------------------------------------- */

struct short_lived {
    _Atomic(tutti_event *) event;
    _Atomic(tutti_sem *) sem;
    _Atomic bool stop;
};

static void *set_and_up(void *arg)
{
    struct short_lived *l = arg;
    while (!load_acquire(&l->stop)) {
        tutti_event *e = load_acquire(&l->event);
        tutti_sem *s = load_acquire(&l->sem);
        if (e) {
            store_relaxed(&l->event, NULL);
            tutti_event_set(e);
        } else if (s) {
            store_relaxed(&l->sem, NULL);
            tutti_sem_up(s);
        }
    }
    return NULL;
}

static void filled(const void *at, size_t size)
{
    for (size_t i = 0; i < size; i++)
        CHECK_INT(((const unsigned char *)at)[i], 0x52); /* free latch bits, no WAITED */
}

TEST(who_has_waited_may_destroy_the_event_or_the_semaphore)
{
    enum { KEPT = 64 };
    static tutti_event events[KEPT];
    static tutti_sem sems[KEPT];
    struct short_lived l = { NULL, NULL, false };
    pthread_t thread;
    tutti_time end = tutti_after(TUTTI_SEC);
    memset(events, 0x52, sizeof events);
    memset(sems, 0x52, sizeof sems);
    CHECK_INT(pthread_create(&thread, NULL, set_and_up, &l), 0);
    for (unsigned i = 0; tutti_now() < end; i = (i + 1) % KEPT) {
        filled(&events[i], sizeof events[i]); /* nobody wrote there since it was destroyed */
        filled(&sems[i], sizeof sems[i]);
        memset(&events[i], 0, sizeof events[i]);
        memset(&sems[i], 0, sizeof sems[i]);
        store_release(&l.event, &events[i]);
        CHECK_INT(tutti_event_wait(&events[i]), 0);
        memset(&events[i], 0x52, sizeof events[i]);
        store_release(&l.sem, &sems[i]);
        CHECK_INT(tutti_sem_down(&sems[i]), 0);
        memset(&sems[i], 0x52, sizeof sems[i]);
    }
    store_release(&l.stop, true);
    pthread_join(thread, NULL);
}

TEST_MAIN
