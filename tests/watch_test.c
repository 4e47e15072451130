/* tests/watch_test.c - the monitor from within: it leaves alone what is stuck for long, is
 * called when that matters to somebody, and takes its share of a CPU and no more. */
#include "urls.h"
#include "base/slice.h"
#include "base/walk.h"
#include "sched/culprit.h"
#include "sched/monitor.h"
#include <sched.h>
#include <semaphore.h>
#include <sys/syscall.h>
#include <tutti/monitor.h>

static sem_t gate;
static atomic_int inside, ran;

static void sem_take(sem_t *s)
{
    while (sem_wait(s))
        CHECK_INT(errno, EINTR);
}

static int block(void *arg)
{
    (void)arg;
    atomic_fetch_add(&inside, 1);
    sem_take(&gate);
    return 0;
}

static int let_go(void *arg)
{
    atomic_fetch_add(&ran, 1);
    for (intptr_t i = (intptr_t)arg; i; i--)
        sem_post(&gate);
    return 0;
}

/* It does so while nothing but what is stuck is awake; else this is a hang. */
static void until_it_naps(void)
{
    while (!load_seqcst(&monitor_naps))
        sched_yield();
}

static void stick(tutti_scope *s, int workers)
{
    int want = atomic_load(&inside) + workers;
    for (int i = 0; i < workers; i++)
        CHECK_INT(tutti_go(s, block, NULL), 0);
    urls_until(&inside, want);
}

/* --- naps --------------------------------------------------------------------- */

TEST(it_naps_while_all_that_is_awake_is_stuck)
{
    tutti_executor *ex = urls_open("threads://2");
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    sem_init(&gate, 0, 0);
    stick(&s, 1);
    until_it_naps();
    stick(&s, 1); /* two, now */
    until_it_naps();
    let_go((void *)2);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static int stuck_till_named(void *arg)
{
    size_t before = tutti_culprits(NULL, NULL);
    (void)arg;
    atomic_fetch_add(&ran, 1);
    while (tutti_culprits(NULL, NULL) == before)
        usleep(1000);
    return 0;
}

static int beside(void *arg)
{
    (void)arg;
    atomic_fetch_add(&ran, 1);
    return 0;
}

/* A loop whose thread has been in the program's own code for long enough is no reason to
 * look; its first task is, however the program lets it run. */
TEST(it_wakes_when_the_program_lets_a_watched_loop_run)
{
    if (getenv("CHECK_EMULATED") || access("/proc/self/syscall", R_OK))
        check_skip("the system does not show where a thread is blocked");
    tutti_watch_loops();
    tutti_executor *ex = urls_open("loop://");
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    ran = 0;
    CHECK_INT(tutti_go(&s, stuck_till_named, NULL), 0);
    CHECK_INT(tutti_go(&s, beside, NULL), 0);
    until_it_naps();
    while (ran < 2)
        CHECK_INT(tutti_yield(), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* What is started meanwhile does not wait for the end of the nap, as there is none. */
static void start_while_it_naps(unsigned flags)
{
    monitor_patient = true;
    tutti_executor *ex = urls_open("threads://2");
    for (int round = 0; round < 3; round++) {
        tutti_scope s, low;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        tutti_scope_open(&low, ex, TUTTI_NEVER, flags);
        sem_init(&gate, 0, 0);
        ran = 0;
        stick(&s, 2);
        usleep(100000);
        until_it_naps();
        CHECK_INT(tutti_go(&low, let_go, (void *)2), 0);
        CHECK_INT(tutti_scope_close(&low), 0);
        CHECK_INT(tutti_scope_close(&s), 0);
        CHECK_INT(ran, 1);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(a_task_that_is_started_while_all_are_stuck_calls_it)
{
    start_while_it_naps(0);
}
TEST(so_does_one_of_the_low_class)
{
    start_while_it_naps(TUTTI_LOW);
}

/* One that was stuck comes back, starts a task, and is stuck again, without a turn. */
static int start_and_stick(void *arg)
{
    struct pool *p = worker_current->pool;
    tutti_scope *s = arg;
    block(NULL);
    store_relaxed(&p->useless, 2); /* wakes have been of no use: see offer.h */
    CHECK_INT(tutti_go(s, let_go, (void *)1), 0);
    sem_take(&gate);
    return 0;
}

TEST(what_one_that_is_back_starts_is_seen_at_once)
{
    monitor_patient = true;
    tutti_executor *ex = urls_open("threads://2");
    tutti_scope s, t;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_scope_open(&t, ex, TUTTI_NEVER, 0);
    sem_init(&gate, 0, 0);
    CHECK_INT(tutti_go(&s, start_and_stick, &t), 0);
    urls_until(&inside, 1);
    usleep(100000);
    until_it_naps();
    sem_post(&gate);
    urls_until(&ran, 1);
    CHECK_INT(tutti_scope_close(&t), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- what it remembers ------------------------------------------------------------- */

/* One that begins where nobody waits is not blamed; but the next of its kind might begin
 * beside others. */
TEST(what_blocks_and_harms_nobody_is_remembered_as_well)
{
    char word;
    if (getenv("CHECK_EMULATED"))
        check_skip("the emulator does not show what runs on a thread");
    if (!peek(&word, "x", 1))
        check_skip("the system does not show what runs on a thread");
    tutti_executor *ex = urls_open("threads://2");
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    sem_init(&gate, 0, 0);
    stick(&s, 1);
    struct task t = { .fn = block };
    while (culprit_kind(&t) < 0) /* else this is a hang */
        sched_yield();
    CHECK_INT(culprit_kind(&t), ALONE_BLOCKS);
    CHECK_INT(tutti_culprits(NULL, NULL), 0);
    let_go((void *)1);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- who goes first ---------------------------------------------------------------- */

struct slice_attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

static uint64_t slice_here(void)
{
    struct slice_attributes a = { 0 };
    CHECK_INT(syscall(SYS_sched_getattr, 0, &a, sizeof a, 0), 0);
    return a.runtime;
}

static int slice_seen(void *arg)
{
    *(uint64_t *)arg = slice_here();
    return 0;
}

static uint64_t slice_in(const char *url, unsigned flags)
{
    uint64_t seen = 0;
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, flags);
    CHECK_INT(tutti_go(&s, slice_seen, &seen), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
    return seen;
}

static uint64_t slice_after(int64_t ns)
{
    slice_set(ns);
    return slice_here();
}

/* Who carries many goes before who computes; a thread of the program stays as it is. */
TEST(workers_have_short_slices_where_there_are_such)
{
    uint64_t usual = slice_after(SLICE_USUAL), less = slice_after(SLICE_SHORT);
    slice_set(SLICE_USUAL);
    if (less == usual)
        check_skip("this kernel has slices of one length");
    CHECK_INT(slice_in("threads://2", 0), SLICE_SHORT);
    CHECK_INT(slice_in("threads://2", TUTTI_ALONE), SLICE_SHORT);
    CHECK_INT(slice_in("loop://", 0), usual);
}

static int compute_alone(void *arg)
{
    *(uint64_t *)arg = slice_here();
    return 0;
}

TEST(one_that_computes_alone_has_the_usual_slice)
{
    uint64_t usual = slice_here(), less = slice_after(SLICE_SHORT), seen = 0;
    slice_set(SLICE_USUAL);
    if (less == usual)
        check_skip("this kernel has slices of one length");
    tutti_executor *ex = urls_open("threads://2");
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    culprit_expect((const void *)(uintptr_t)compute_alone, ALONE_COMPUTES);
    CHECK_INT(tutti_go(&s, compute_alone, &seen), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(seen, usual);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- its share ------------------------------------------------------------------ */

static int compute(void *arg)
{
    tutti_time until = tutti_now() + (intptr_t)arg;
    while (tutti_now() < until)
        getppid();
    return 0;
}

/* By its own CPU clock, so it does not matter what else the machine is at. */
TEST(it_takes_a_hundredth_of_a_cpu_at_most)
{
    if (getenv("CHECK_VALGRIND") || getenv("CHECK_EMULATED") || UNDER_TSAN || UNDER_ASAN)
        check_skip("a look costs many times as much");
    tutti_executor *ex = urls_open("threads://128");
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    int64_t began = tutti_now(), before;
    while (!(before = monitor_cpu_time()))
        sched_yield();
    for (int i = 0; i < 128; i++)
        CHECK_INT(tutti_go(&s, compute, (void *)(intptr_t)(300 * TUTTI_MS)), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    int64_t used = monitor_cpu_time() - before;
    /* Some saved up, and one look more; unbounded it would be seconds. */
    CHECK(used <= (tutti_now() - began) / 100 + 50 * TUTTI_MS);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(without_it_nobody_is_watched)
{
    monitor_off = true;
    tutti_executor *ex = urls_open("threads://2");
    CHECK(!monitor_runs());
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
