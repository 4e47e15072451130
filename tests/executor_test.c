/* tests/executor_test.c - executors opened, shared, nested and closed: by whom, in which order,
 * and with nothing left behind. */
#include "urls.h"
#include <dirent.h>
#include <pthread.h>

static int count(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

/* --- closing -------------------------------------------------------------- */

static int close_from_inside(void *arg)
{
    CHECK_INT(tutti_executor_close(arg), -EDEADLK);
    CHECK_HAS(tutti_why(), "closure");
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_executor_close(arg), -EDEADLK);
    return 7;
}

ON_URLS(it_cannot_be_closed_by_who_is_inside)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_future f;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_spawn(&s, close_from_inside, ex, NULL, &f), 0);
    CHECK_INT(tutti_future_await(f, NULL), 7);
    CHECK_INT(tutti_executor_close(ex), -EDEADLK); /* our own scope is open on it */
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
    CHECK_INT(tutti_executor_close(NULL), 0);
}

static int close_the_outer(void *arg)
{
    int rc = tutti_executor_close(arg);
    CHECK(rc == -EDEADLK || rc == -EPERM); /* a loop from another thread */
    return 0;
}

static int run_another(void *arg)
{
    tutti_executor *inner = urls_open("threads://1");
    {
        TUTTI_SCOPE(s, inner, TUTTI_NEVER, 0);
        tutti_go(&s, close_the_outer, arg); /* would wait for us, and we for it */
        CHECK_INT(tutti_scope_close(&s), 0);
    }
    return tutti_executor_close(inner);
}

ON_URLS(it_cannot_be_closed_by_who_is_deeper_inside)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, run_another, ex), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

struct user {
    tutti_executor *ex;
    atomic_int open, go_on, done;
};

static void *use_for_a_while(void *arg)
{
    struct user *u = arg;
    tutti_scope s;
    atomic_int n = 0;
    tutti_scope_open(&s, u->ex, TUTTI_NEVER, 0);
    atomic_store(&u->open, 1);
    urls_until(&u->go_on, 1);
    for (int i = 0; i < 100; i++)
        CHECK_INT(tutti_go(&s, count, &n), 0);
    usleep(5000);
    CHECK_INT(n <= 100, 1);
    atomic_store(&u->done, 1);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(n, 100);
    return NULL;
}

ON_URLS(closing_waits_for_the_scopes_of_other_threads)
{
    for (int i = 0; i < 5; i++) {
        struct user u = { .ex = urls_open(url) };
        pthread_t thread;
        CHECK_INT(pthread_create(&thread, NULL, use_for_a_while, &u), 0);
        urls_until(&u.open, 1);
        atomic_store(&u.go_on, 1);
        CHECK_INT(tutti_executor_close(u.ex), 0);
        CHECK_INT(u.done, 1);
        pthread_join(thread, NULL);
    }
}

static void *close_foreign_loop(void *ex)
{
    CHECK_INT(tutti_executor_close(ex), -EPERM);
    CHECK_HAS(tutti_why(), "loop://");
    return NULL;
}

TEST(a_loop_is_closed_by_its_own_thread_only)
{
    tutti_executor *ex = urls_open("loop://");
    pthread_t thread;
    tutti_scope s;
    atomic_int n = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0); /* -EPERM all the same, at once */
    CHECK_INT(pthread_create(&thread, NULL, close_foreign_loop, ex), 0);
    pthread_join(thread, NULL);
    CHECK_INT(tutti_go(&s, count, &n), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(n, 1);
    CHECK_INT(tutti_executor_close(ex), 0);
    CHECK_INT(tutti_executor_close(ex), -EINVAL);
    CHECK_HAS(tutti_why(), "not open");
}

/* --- several at once ------------------------------------------------------ */

static int other_loop(void *arg)
{
    tutti_executor *ex = urls_open("loop://?stack=64k");
    {
        TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
        for (int i = 0; i < 10; i++)
            CHECK_INT(tutti_go(&s, count, arg), 0);
        CHECK_INT(tutti_scope_close(&s), 0);
    }
    return tutti_executor_close(ex);
}

ON_URLS(a_loop_may_be_opened_in_a_task)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    atomic_int n = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 20; i++)
        CHECK_INT(tutti_go(&s, other_loop, &n), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(n, 200);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static int ping(void *arg)
{
    int rc = 0;
    while (atomic_load((atomic_int *)arg) < 100 && rc == 0) {
        atomic_fetch_add((atomic_int *)arg, 1);
        rc = tutti_yield();
    }
    return rc;
}

TEST(two_loops_on_one_thread_take_turns)
{
    tutti_executor *one = urls_open("loop://"), *two = urls_open("loop://?stack=32k");
    tutti_scope a, b;
    atomic_int n = 0, m = 0;
    tutti_scope_open(&a, one, TUTTI_NEVER, 0);
    tutti_scope_open(&b, two, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&a, ping, &n), 0);
    CHECK_INT(tutti_go(&b, ping, &m), 0);
    CHECK_INT(tutti_scope_close(&b), 0);
    CHECK_INT(m, 100);
    CHECK(n > 50); /* it had its turns meanwhile */
    CHECK_INT(tutti_executor_close(one), -EDEADLK);
    CHECK_INT(tutti_executor_close(two), 0);
    CHECK_INT(tutti_scope_close(&a), 0);
    CHECK_INT(n, 100);
    CHECK_INT(tutti_executor_close(one), 0);
    CHECK_INT(tutti_run("loop://", count, &n), 0);
}

TEST(who_opens_threads_without_a_number_shares_one_pool)
{
    tutti_executor *a = urls_open("threads://"), *b = urls_open("threads://"),
                   *own = urls_open("threads://2"), *own2 = urls_open("threads://2"),
                   *deep = urls_open("threads://?stack=1m");
    CHECK(a == b);
    CHECK(own != own2);
    CHECK(deep != a); /* its stacks are of another size */
    CHECK_INT(tutti_executor_close(own), 0);
    CHECK_INT(tutti_executor_close(own2), 0);
    CHECK_INT(tutti_executor_close(deep), 0);
    CHECK_INT(tutti_executor_close(a), 0);
    atomic_int n = 0;
    tutti_scope s;
    tutti_scope_open(&s, b, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, count, &n), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(n, 1);
    CHECK_INT(tutti_executor_close(b), 0);
    CHECK_INT(tutti_executor_close(b), -EINVAL);
}

TEST(five_hundred_threads)
{
    tutti_executor *ex;
    int rc = tutti_executor_open(&ex, "threads://500?stack=16k");
    if (rc == -EAGAIN)
        check_skip("this machine grants no 500 threads");
    CHECK_INT(rc, 0);
    tutti_scope s;
    atomic_int n = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 2000; i++)
        CHECK_INT(tutti_go(&s, count, &n), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(n, 2000);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- numbers -------------------------------------------------------------- */

static int nap(void *arg)
{
    (void)arg;
    return tutti_sleep_until(tutti_after(TUTTI_MS));
}

ON_URLS(the_numbers_of_an_executor_count_up)
{
    tutti_executor *ex = urls_open(url);
    tutti_executor_stats n = { .size = 0 };
    tutti_scope s;
    CHECK_INT(tutti_executor_stat(ex, &n), -EINVAL);
    n.size = sizeof n;
    CHECK_INT(tutti_executor_stat(NULL, &n), -EINVAL);
    CHECK_INT(tutti_executor_stat(ex, NULL), -EINVAL);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 30; i++)
        CHECK_INT(tutti_go(&s, nap, NULL), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_stat(ex, &n), 0);
    CHECK_INT((long long)n.started, 30);
    CHECK(n.parked >= 30 && n.switches >= 30 && n.stacks >= 1 && n.stacks <= 40);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- nothing is left ------------------------------------------------------ */

static int entries(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;
    while (dir && readdir(dir))
        n++;
    closedir(dir);
    return n;
}

static int maps(void)
{
    FILE *file = fopen("/proc/self/maps", "r");
    int n = 0, c;
    while (file && (c = getc(file)) != EOF)
        n += c == '\n';
    fclose(file);
    return n;
}

/* A thread that was joined leaves the folder a moment later. */
static int threads_left(int want)
{
    int n = entries("/proc/self/task");
    for (int i = 0; i < 2000 && n > want; i++) {
        usleep(1000);
        n = entries("/proc/self/task");
    }
    return n;
}

static void *nothing(void *arg)
{
    return arg;
}

ON_URLS(many_opens_and_closes_leave_nothing)
{
    pthread_t thread; /* with the first one ThreadSanitizer starts one of its own */
    CHECK_INT(pthread_create(&thread, NULL, nothing, NULL), 0);
    pthread_join(thread, NULL);
    int before = threads_left(CHECK_TSAN ? 4 : 3); /* of them two are no threads: . and .. */
    atomic_int n = 0;
    int fds = 0, mapped = 0;
    for (int i = 0; i < 130; i++) {
        CHECK_INT(tutti_run(url, nap, NULL), 0);
        CHECK_INT(tutti_run(url, count, &n), 0);
        if (i == 29) { /* by now all caches are warm */
            fds = entries("/proc/self/fd");
            mapped = maps();
        }
    }
    CHECK(threads_left(before) <= before);
    CHECK_INT(entries("/proc/self/fd"), fds);
    if (maps() > mapped + 20) /* malloc's own arenas may come and go */
        check_fail(__FILE__, __LINE__, "%d mappings became %d", mapped, maps());
    CHECK_INT(n, 130);
}

struct racer {
    const char *url;
    int rounds;
};

static void *open_and_close(void *arg)
{
    struct racer *r = arg;
    atomic_int n = 0;
    for (int i = 0; i < r->rounds; i++)
        CHECK_INT(tutti_run(r->url, count, &n), 0);
    CHECK_INT(n, r->rounds);
    return NULL;
}

TEST(threads_open_and_close_at_once)
{
    static struct racer racer[] = { { "threads://", 100 },  { "threads://", 100 },
                                    { "threads://", 100 },  { "loop://", 100 },
                                    { "threads://2", 50 },
                                    { "threads://2?lock=interpreter", 50 } };
    pthread_t thread[6];
    for (int i = 0; i < 6; i++)
        CHECK_INT(pthread_create(&thread[i], NULL, open_and_close, &racer[i]), 0);
    for (int i = 0; i < 6; i++)
        pthread_join(thread[i], NULL);
}

ON_URLS(a_default_that_was_closed_is_opened_anew)
{
    atomic_int n = 0;
    setenv("TUTTI_EXECUTOR", url, 1);
    for (int i = 0; i < 3; i++) {
        tutti_scope s;
        tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
        CHECK_INT(tutti_go(&s, count, &n), 0);
        tutti_executor *ex = tutti_scope_executor(&s);
        CHECK_INT(tutti_scope_close(&s), 0);
        CHECK_INT(n, i + 1);
        CHECK_INT(tutti_executor_close(ex), 0); /* not the caller's to close, but no harm */
    }
}

/* Each executor's tasks begin and go on by its own workers, also when another has just been
 * closed beside it. */
static int park_often(void *arg)
{
    for (int i = 0; i < 3; i++)
        CHECK_INT(i & 1 ? tutti_yield() : tutti_sleep_until(tutti_now()), 0);
    atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

/* From within, so that they wait at the worker that started them, to be stolen. */
static int start_forty(void *arg)
{
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < 40; i++)
        CHECK_INT(tutti_go(&s, park_often, arg), 0);
    return tutti_scope_close(&s);
}

static void *open_work_close(void *unused)
{
    (void)unused;
    tutti_time end = tutti_after(TUTTI_SEC);
    while (tutti_now() < end) {
        tutti_executor *ex = urls_open("threads://3");
        tutti_executor_stats stats = { .size = sizeof stats };
        tutti_scope s;
        atomic_int n = 0;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        CHECK_INT(tutti_go(&s, start_forty, &n), 0);
        CHECK_INT(tutti_scope_close(&s), 0);
        CHECK_INT(n, 40);
        CHECK_INT(tutti_executor_stat(ex, &stats), 0);
        CHECK_INT((long long)stats.started, 41);
        CHECK_INT(tutti_executor_close(ex), 0);
    }
    return NULL;
}

TEST(workers_of_one_that_closes_take_no_tasks_of_another)
{
    pthread_t thread[4];
    for (int i = 0; i < 4; i++)
        CHECK_INT(pthread_create(&thread[i], NULL, open_work_close, NULL), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
}

TEST_MAIN
