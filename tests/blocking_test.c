/* tests/blocking_test.c - calls that block: on threads of their own, waited for or abandoned. */
#include "urls.h"
#include <pthread.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <tutti/io.h>

static atomic_int entered, let_go, dropped;

static int stand_and_wait(void *arg)
{
    atomic_fetch_add(&entered, 1);
    while (!atomic_load(&let_go))
        usleep(500);
    return arg ? *(int *)arg : 0;
}

static tutti_scope *abandoned;

/* The deadline comes once the call is under way, however slow the machine. */
static int end_the_scope_and_wait(void *arg)
{
    tutti_scope_expire(abandoned, tutti_now());
    return stand_and_wait(arg);
}

static void count_drop(void *arg)
{
    (void)arg;
    atomic_fetch_add(&dropped, 1);
}

static int say_no(void *arg)
{
    return tutti_fail(-EACCES, "%s is locked", (const char *)arg);
}

static int say_no_plainly(void *arg)
{
    (void)arg;
    return -EACCES;
}

static int calls(void *arg)
{
    int n = 41;
    (void)arg;
    atomic_store(&let_go, 1);
    CHECK_INT(tutti_blocking(stand_and_wait, &n, NULL), 41);
    CHECK_INT(tutti_blocking(say_no, (void *)"the door", count_drop), -EACCES);
    CHECK_STR(tutti_why(), "the door is locked");
    CHECK_INT(dropped, 1);
    CHECK_INT(tutti_blocking(NULL, (void *)"a function", count_drop), -EINVAL);
    CHECK_INT(dropped, 2);
    CHECK_INT(tutti_blocking(say_no_plainly, NULL, NULL), -EACCES);
    CHECK_STR(tutti_why(), tutti_strerror(-EACCES)); /* not the words of another failure */
    return 0;
}

ON_URLS(a_blocking_call_gives_its_own_code_and_words)
{
    CHECK_INT(tutti_run(url, calls, NULL), 0);
    dropped = 0;
    CHECK_INT(calls(NULL), 0); /* on a plain thread */
}

static int abandon(void *arg)
{
    (void)arg;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    abandoned = &s;
    CHECK_INT(tutti_blocking(end_the_scope_and_wait, NULL, count_drop), -ETIMEDOUT);
    CHECK_INT(dropped, 0); /* it still runs */
    CHECK_INT(tutti_blocking(stand_and_wait, NULL, count_drop), -ETIMEDOUT);
    CHECK_INT(dropped, 1); /* and this one was not even begun */
    return 0;
}

ON_URLS(an_abandoned_call_drops_its_argument_at_its_end)
{
    for (int plain = 0; plain < 2; plain++) {
        entered = let_go = dropped = 0;
        CHECK_INT(plain ? abandon(NULL) : tutti_run(url, abandon, NULL), 0);
        urls_until(&entered, 1); /* it may be on its way in */
        let_go = 1;
        urls_until(&dropped, 2);
        CHECK_INT(entered, 1);
    }
}

static int waits_all_the_same(void *arg)
{
    int n = 9;
    (void)arg;
    CHECK_INT(tutti_blocking(stand_and_wait, &n, NULL), 9); /* n is on this stack */
    CHECK_INT(tutti_check(), -ECANCELED);
    return tutti_check();
}

ON_URLS(without_drop_the_call_is_waited_for)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    entered = let_go = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, waits_all_the_same, NULL), 0);
    urls_until(&entered, 1);
    tutti_scope_cancel(&s);
    for (int i = 0; i < 20; i++)
        tutti_yield();
    let_go = 1;
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static int one_call(void *arg)
{
    return tutti_blocking(stand_and_wait, arg, NULL);
}

ON_URLS(many_block_at_once_while_others_run)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    int n = 3;
    entered = let_go = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 40; i++)
        CHECK_INT(tutti_go(&s, one_call, &n), 0);
    urls_until(&entered, 40); /* all stand there at the same time */
    atomic_store(&let_go, 1);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- tasks declared as blocking ------------------------------------------- */

static int where(const int *in, uint64_t *out);
TUTTI_TASK_FLAGS(where, "blocking_test.where", int, uint64_t, TUTTI_BLOCKS);
static int where(const int *in, uint64_t *out)
{
    *out = (uint64_t)pthread_self();
    usleep(1000);
    return *in < 0 ? tutti_fail(*in, "no such place") : 0;
}

static int same_thread(const int *in, uint64_t *out);
TUTTI_TASK(same_thread, "blocking_test.same_thread", int, uint64_t);
static int same_thread(const int *in, uint64_t *out)
{
    (void)in;
    *out = (uint64_t)pthread_self();
    return 0;
}

ON_URLS(a_task_that_blocks_runs_beside_the_workers)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_future f;
    int in[8] = { 0 };
    uint64_t at, out[8], worker[64] = { 0 };
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 64; i++)
        CHECK_INT(same_thread_call(&s, in, &worker[i]), 0);
    CHECK_INT(where_call(&s, in, &at), 0);
    for (int i = 0; i < 64; i++)
        CHECK(at != worker[i]);
    tutti_batch b = { in, out, NULL, 8 };
    CHECK_INT(tutti_submit_batch(&s, &where_task, &b, &f), 0);
    CHECK_INT(tutti_future_await(f, NULL), 0);
    for (int i = 0; i < 8; i++)
        for (int k = 0; k < 64; k++)
            CHECK(out[i] != worker[k]);
    in[0] = -EIO;
    CHECK_INT(where_call(&s, in, &at), -EIO);
    CHECK_STR(tutti_why(), "no such place");
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static int forget_scope(void *arg)
{
    static tutti_scope s;
    (void)arg;
    tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
    return 0;
}

static void block_and_forget(const char *url)
{
    setenv("TUTTI_EXECUTOR", url, 1);
    tutti_blocking(forget_scope, NULL, NULL);
}

/* --- more than there may be threads ---------------------------------------------- */

enum { RESCUE_MOST = 512, CALLS = RESCUE_MOST + 88 };
static atomic_int inside, ended;

static int stay_inside(void *unused)
{
    (void)unused;
    atomic_fetch_add(&inside, 1);
    while (!atomic_load(&let_go))
        usleep(1000);
    return 0;
}
static int call_stay_inside(void *unused)
{
    int rc = tutti_blocking(stay_inside, unused, NULL);
    atomic_fetch_add(&ended, 1);
    return rc;
}
/* All threads that there may be are taken, and calls wait for one. */
static void fill(tutti_scope *s)
{
    for (int i = 0; i < CALLS; i++)
        CHECK_INT(tutti_go(s, call_stay_inside, NULL), 0);
    for (int was = -1; atomic_load(&inside) < RESCUE_MOST && atomic_load(&inside) != was;) {
        was = atomic_load(&inside); /* fewer where no more threads are to be had */
        usleep(200000);
    }
}
TEST(calls_beyond_the_last_rescue_thread_wait_and_are_made)
{
    tutti_executor *ex = urls_open("threads://2");
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    fill(&s);
    int most = atomic_load(&inside);
    CHECK(most > 0 && most <= RESCUE_MOST);
    CHECK_INT(atomic_load(&ended), 0);
    atomic_store(&let_go, 1);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(atomic_load(&inside), CALLS);
    CHECK_INT(atomic_load(&ended), CALLS);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static int call_cut_off(void *unused)
{
    int rc = tutti_blocking(stand_and_wait, unused, count_drop);
    CHECK_INT(rc, -ECANCELED);
    return rc;
}
static int write_cut_off(void *fd)
{
    int rc = tutti_write(*(int *)fd, "stray", 5);
    CHECK_INT(rc, -ECANCELED);
    return rc;
}
static int nobodys_file(void)
{
    int fd = memfd_create("blocking_test", 0);
    CHECK(fd >= 0);
    return fd;
}

/* What it was to work on may be another's by then: a descriptor's number, for one. */
TEST(a_call_that_has_not_begun_when_its_scope_is_over_is_not_made)
{
    tutti_executor *ex = urls_open("threads://2?io=epoll");
    tutti_scope s, cut;
    tutti_scope_stats now = { .size = sizeof now };
    struct stat st;
    int fd = nobodys_file();
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    fill(&s);
    tutti_scope_open(&cut, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&cut, write_cut_off, &fd), 0);
    CHECK_INT(tutti_go(&cut, call_cut_off, NULL), 0);
    while (tutti_scope_stat(&cut, &now) == 0 && now.parked < 2)
        usleep(1000);
    tutti_scope_cancel(&cut);
    CHECK_INT(tutti_scope_close(&cut), 0);
    CHECK_INT(atomic_load(&dropped), 0);
    CHECK_INT(tutti_close(fd), 0);
    int other = nobodys_file();
    CHECK(other == fd || dup2(other, fd) == fd);
    atomic_store(&let_go, 1);
    CHECK_INT(tutti_scope_close(&s), 0);
    while (!atomic_load(&dropped))
        usleep(1000);
    CHECK_INT(atomic_load(&entered), 0);
    CHECK_INT(fstat(fd, &st), 0);
    CHECK_INT(st.st_size, 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(a_scope_left_open_on_a_rescue_thread_aborts)
{
    char text[500];
    CHECK_INT(urls_dies(block_and_forget, "threads://1", text, sizeof text), SIGABRT);
    CHECK_HAS(text, "returned with a scope open");
}

TEST_MAIN
