/* tests/culprit_test.c - who held others up is named, told of once, and begins on a spare
 * worker of its own from then on. */
#include "urls.h"
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <tutti/monitor.h>

static void needs_peeking(void)
{
    if (getenv("CHECK_EMULATED"))
        check_skip("the emulator does not show where a thread is blocked");
    if (access("/proc/self/syscall", R_OK))
        check_skip("the system does not show where a thread is blocked");
}

/* --- the culprits ---------------------------------------------------------- */

static sem_t gate;
static atomic_int inside, ended, stop;
static pthread_t where[16];

int culprit_test_wait(void); /* not static: nothing may fold it into its caller */
__attribute__((noinline)) int culprit_test_wait(void)
{
    while (sem_wait(&gate))
        CHECK_INT(errno, EINTR);
    return 1;
}

static int blocks(void *arg)
{
    where[(intptr_t)arg] = pthread_self();
    atomic_fetch_add(&inside, 1);
    int one = culprit_test_wait();
    atomic_fetch_add(&ended, one);
    return 0;
}

__attribute__((noinline)) static int compute_inside(void)
{
    int turns = 0;
    while (!atomic_load(&stop))
        turns += tutti_now() > 0; /* a call that lets a sanitizer's signals in */
    return turns;
}

static int computes(void *arg)
{
    where[(intptr_t)arg] = pthread_self();
    atomic_fetch_add(&inside, 1);
    int turns = compute_inside();
    atomic_fetch_add(&ended, 1);
    return turns < 0;
}

static _Atomic(pthread_t) nap_at; /* a worker's thread: naps begin before any is stuck */

static int naps(void *arg)
{
    nap_at = pthread_self();
    while (!atomic_load(&stop))
        if (tutti_sleep_until(tutti_after(200000)) < 0)
            break;
    (void)arg;
    return 0;
}

struct known {
    tutti_culprit c;
    char task[100], function[100], site[100];
};
static struct known known[8];
static int known_count;
static tutti_fn *wanted; /* only of this; the first naps may take long where all is slow */

static void know(void *unused, const tutti_culprit *c)
{
    (void)unused;
    if (known_count == 8 || (uintptr_t)c->function_at != (uintptr_t)wanted)
        return;
    struct known *k = &known[known_count++];
    k->c = *c;
    snprintf(k->task, sizeof k->task, "%s", c->task);
    snprintf(k->function, sizeof k->function, "%s", c->function);
    snprintf(k->site, sizeof k->site, "%s", c->site);
}

static int known_now(tutti_fn *fn)
{
    wanted = fn;
    known_count = 0;
    tutti_culprits(know, NULL);
    return known_count;
}

/* Beside tasks that nap on the same workers, so that it harms somebody. */
static tutti_executor *with_one_stuck(const char *url, tutti_scope *s, tutti_fn *fn)
{
    tutti_executor *ex = urls_open(url);
    sem_init(&gate, 0, 0);
    inside = ended = stop = 0;
    tutti_scope_open(s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 20; i++)
        CHECK_INT(tutti_go(s, naps, NULL), 0);
    CHECK_INT(tutti_go(s, fn, (void *)0), 0);
    urls_until(&inside, 1);
    while (known_now(fn) == 0)
        usleep(1000);
    CHECK_INT(known_count, 1);
    return ex;
}

static void let_go(tutti_scope *s, tutti_executor *ex)
{
    sem_post(&gate);
    atomic_store(&stop, 1);
    CHECK_INT(tutti_scope_close(s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(one_that_blocks_is_named_with_its_call)
{
    tutti_scope s;
    needs_peeking();
    tutti_executor *ex = with_one_stuck("threads://2", &s, blocks);
    CHECK_STR(known[0].task, "closure");
    CHECK_HAS(known[0].function, "blocks (culprit_test)");
    CHECK_INT(known[0].c.busy, 0);
    CHECK((uintptr_t)known[0].c.function_at == (uintptr_t)blocks);
    CHECK(known[0].c.depth >= 1);
    if (!CHECK_TSAN && !UNDER_ASAN) /* which put calls of their own in between */
        CHECK_HAS(known[0].site, "culprit_test_wait");
    CHECK_INT(tutti_site_blamed(known[0].c.site_at), 1);
    CHECK_INT(tutti_site_blamed(&s), 0);
    CHECK_INT(tutti_site_blamed(NULL), 0);
    let_go(&s, ex);
    CHECK_INT(known_now(blocks), 1);
    CHECK_INT((long long)known[0].c.times, 1);
}

static bool stack_has(const tutti_culprit *c, uintptr_t from, size_t size)
{
    for (size_t i = 0; i < c->depth; i++)
        if ((uintptr_t)c->stack[i] - from < size)
            return true;
    return false;
}

TEST(one_that_computes_is_named_with_its_stack)
{
    tutti_scope s;
    if (getenv("CHECK_EMULATED"))
        check_skip("the emulator's clocks of threads are its own");
    tutti_executor *ex = with_one_stuck("threads://2", &s, computes);
    CHECK_HAS(known[0].function, "computes (culprit_test)");
    CHECK_INT(known[0].c.busy, 1);
    if (!CHECK_TSAN) /* it may hold the signal back for longer than is waited for */
        CHECK(stack_has(&known[0].c, (uintptr_t)compute_inside, 4096)
              || stack_has(&known[0].c, (uintptr_t)computes, 4096));
    if (known[0].c.depth > 1) /* where a call returns to that was under way */
        CHECK_INT(tutti_site_blamed(known[0].c.stack[known[0].c.depth - 1]), 1);
    CHECK_INT(tutti_site_blamed((const void *)(uintptr_t)computes), 0);
    let_go(&s, ex);
}

/* --- remembered -------------------------------------------------------------------- */

static int know_worker(void *arg)
{
    where[(intptr_t)arg] = pthread_self();
    atomic_fetch_add(&inside, 1);
    while (atomic_load(&inside) < 2) /* a worker each */
        sched_yield();
    return 0;
}

static void remembered(tutti_fn *fn)
{
    tutti_scope s, more;
    tutti_executor *ex = with_one_stuck("threads://2", &s, fn);
    sem_post(&gate);
    atomic_store(&stop, 1);
    CHECK_INT(tutti_scope_close(&s), 0);
    inside = 0;
    tutti_scope_open(&more, ex, TUTTI_NEVER, 0);
    for (intptr_t i = 0; i < 2; i++)
        CHECK_INT(tutti_go(&more, know_worker, (void *)i), 0);
    CHECK_INT(tutti_scope_close(&more), 0);
    inside = ended = stop = 0;
    tutti_scope_open(&more, ex, TUTTI_NEVER, 0);
    for (intptr_t i = 2; i < 4; i++)
        CHECK_INT(tutti_go(&more, fn, (void *)i), 0);
    urls_until(&inside, 2);
    for (int i = 2; i < 4; i++)
        for (int k = 0; k < i; k++)
            CHECK(!pthread_equal(where[i], where[k]));
    sem_post(&gate);
    sem_post(&gate);
    atomic_store(&stop, 1);
    CHECK_INT(tutti_scope_close(&more), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(the_next_that_blocks_begins_on_a_spare)
{
    needs_peeking();
    remembered(blocks);
}
TEST(the_next_that_computes_begins_on_a_spare)
{
    if (getenv("CHECK_EMULATED"))
        check_skip("the emulator's clocks of threads are its own");
    remembered(computes);
}

/* More of them than may compute at once, each waiting for all: none is held back for ever. */
static int compute_and_meet(void *arg)
{
    atomic_fetch_add(&inside, 1);
    if (arg)
        while (atomic_load(&ended) == 0 && atomic_load(&inside) < 12)
            tutti_yield();
    else
        compute_inside();
    return 0;
}

TEST(remembered_ones_that_wait_for_each_other_all_begin)
{
    tutti_scope s;
    if (getenv("CHECK_EMULATED"))
        check_skip("the emulator's clocks of threads are its own");
    tutti_executor *ex = with_one_stuck("threads://2", &s, compute_and_meet);
    atomic_store(&stop, 1);
    inside = 0;
    for (int i = 0; i < 12; i++)
        CHECK_INT(tutti_go(&s, compute_and_meet, &stop), 0);
    let_go(&s, ex);
    CHECK_INT(inside, 12);
}

static int quick(void *arg)
{
    if (!arg)
        culprit_test_wait();
    else
        where[4] = pthread_self();
    atomic_fetch_add(&inside, 1);
    return 0;
}

static int stuck_first(void *arg)
{
    atomic_fetch_add(&inside, 1);
    return quick(arg);
}

/* One that was quick for a while is a task as any other: it runs on the worker's thread. */
TEST(one_that_has_become_quick_is_forgiven)
{
    tutti_scope s;
    needs_peeking();
    tutti_executor *ex = with_one_stuck("threads://1?spares=2", &s, stuck_first);
    sem_post(&gate);
    urls_until(&inside, 2);
    do {
        inside = 0;
        CHECK_INT(tutti_go(&s, stuck_first, &s), 0);
        urls_until(&inside, 2);
    } while (!pthread_equal(where[4], nap_at));
    let_go(&s, ex);
}

/* --- loops -------------------------------------------------------------------------- */

static int stuck_on_a_loop(void *arg)
{
    (void)arg;
    while (known_now(stuck_on_a_loop) == 0)
        usleep(1000);
    atomic_store(&stop, 1);
    return 0;
}

TEST(one_that_blocks_a_watched_loop_is_named)
{
    needs_peeking();
    tutti_watch_loops();
    tutti_executor *ex = urls_open("loop://");
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, stuck_on_a_loop, NULL), 0);
    CHECK_INT(tutti_go(&s, naps, NULL), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(known_now(stuck_on_a_loop), 1);
    CHECK_HAS(known[0].function, "stuck_on_a_loop");
    CHECK_INT(tutti_executor_close(ex), 0);
}

static unsigned long long times_known(tutti_fn *fn)
{
    unsigned long long n = 0;
    known_now(fn);
    for (int i = 0; i < known_count; i++)
        n += known[i].c.times;
    return n;
}

/* Without a call, so that it is itself the innermost; in one of two loops. */
static volatile unsigned mixed = 1;
__attribute__((noinline)) static int compute_at(int place)
{
    while (place == 0 && !atomic_load_explicit(&stop, memory_order_relaxed))
        mixed = mixed * 31 + 7;
    while (place == 1 && !atomic_load_explicit(&stop, memory_order_relaxed))
        mixed = mixed / 3 + 11;
    return place;
}

static int computes_at(void *place)
{
    return compute_at((int)(intptr_t)place) < 0;
}

static void *stop_at_times(void *n)
{
    while (times_known(computes_at) < (unsigned long long)(uintptr_t)n)
        usleep(1000);
    atomic_store(&stop, 1);
    return NULL;
}

TEST(one_that_computes_is_the_same_wherever_it_is_met)
{
    if (getenv("CHECK_EMULATED") || CHECK_TSAN)
        check_skip("it does not show here where a thread computes");
    tutti_watch_loops();
    tutti_executor *ex = urls_open("loop://");
    for (intptr_t i = 0; i < 2; i++) {
        pthread_t watcher;
        tutti_scope s;
        stop = 0;
        CHECK_INT(pthread_create(&watcher, NULL, stop_at_times, (void *)(i + 1)), 0);
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        CHECK_INT(tutti_go(&s, computes_at, (void *)i), 0);
        CHECK_INT(tutti_go(&s, naps, NULL), 0);
        CHECK_INT(tutti_scope_close(&s), 0);
        CHECK_INT(pthread_join(watcher, NULL), 0);
    }
    CHECK_INT(known_now(computes_at), 1);
    CHECK_INT((long long)known[0].c.times, 2);
    CHECK_HAS(known[0].site, "compute_at");
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- told --------------------------------------------------------------------------- */

static void reports(const char *url)
{
    tutti_scope s;
    setenv("TUTTI_REPORT", "1", 1);
    let_go(&s, with_one_stuck(url, &s, blocks));
}

TEST(with_the_variable_it_is_told_once)
{
    char text[4000];
    needs_peeking();
    CHECK_INT(urls_dies(reports, "threads://2", text, sizeof text), 0);
    CHECK_HAS(text, "tutti: task \"closure\", function blocks (culprit_test), blocks its");
    CHECK_HAS(text, "tutti:   at   ");
    CHECK_HAS(text, "TUTTI_ALONE");
}

static void is_quiet(const char *url)
{
    tutti_scope s;
    unsetenv("TUTTI_REPORT");
    let_go(&s, with_one_stuck(url, &s, blocks));
}

TEST(without_it_nothing_is_told)
{
    char text[4000];
    needs_peeking();
    CHECK_INT(urls_dies(is_quiet, "threads://2", text, sizeof text), 0);
    CHECK_STR(text, "");
}

static int block_20ms(void *arg)
{
    (void)arg;
    usleep(20000);
    return 0;
}

TEST(one_that_delays_nobody_is_not_named)
{
    for (int i = 0; i < 10; i++)
        CHECK_INT(tutti_run("threads://2", block_20ms, NULL), 0);
    CHECK_INT((long long)tutti_culprits(NULL, NULL), 0);
}

TEST_MAIN
