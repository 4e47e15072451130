/* tests/sync_moment_test.c - what comes at any moment, between any two instructions: a signal
 * that sets an event, and whoever has waited destroying what it waited for. */
#include "base/memory.h"
#include "sync_common.h"

static tutti_sem sem;
static tutti_event event;

/* --- signals ---------------------------------------------------------------- */

static tutti_event ping, pong;
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
