/* tests/fork_test.c - the child of a fork(): what the parent had open is lost and says so at
 * once, and the child may start afresh. */
#include "descriptors.h"
#include "urls.h"
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <tutti/sync.h>

/* ThreadSanitizer ends a child that starts threads after a process with threads forked.
 * AddressSanitizer's malloc does not survive a fork() while others are inside it. */
enum { THREADS_AFTER_FORK = !UNDER_TSAN, MALLOC_AFTER_FORK = !UNDER_TSAN && !UNDER_ASAN };

static void needs(int ability)
{
    if (getenv("CHECK_EMULATED"))
        check_skip("the emulator does not survive fork() in a program with threads");
    if (!ability)
        check_skip("a sanitizer forbids it");
}

static int never(void *arg)
{
    if (arg)
        atomic_fetch_add((atomic_int *)arg, 1);
    return tutti_sleep_until(TUTTI_NEVER);
}

static int count(void *arg)
{
    atomic_fetch_add((atomic_int *)arg, 1);
    return 0;
}

static int busy(void *arg)
{
    while (tutti_yield() == 0)
        ;
    return arg ? 0 : tutti_check();
}

struct old {
    const char *url;
    tutti_executor *ex;
    tutti_scope *s;
    tutti_future f, promise;
};

/* In the child: every old handle answers, none hangs. */
static void old_is_lost(struct old *old)
{
    tutti_scope_stats stats = { .size = sizeof stats };
    tutti_executor_stats exstats = { .size = sizeof exstats };
    tutti_outcome o = { .size = sizeof o };
    tutti_future f;
    tutti_ref ref;
    int n;
    CHECK_INT(tutti_future_await(old->f, NULL), -TUTTI_ELOST);
    CHECK_INT(tutti_future_done(old->f), -TUTTI_ELOST);
    CHECK_INT(tutti_future_take(old->f, &n, sizeof n), -TUTTI_ELOST);
    CHECK_INT(tutti_future_outcome(old->f, &o), -TUTTI_ELOST);
    CHECK_INT(tutti_future_await(old->promise, NULL), -TUTTI_ELOST);
    CHECK_INT(tutti_future_fulfil(old->promise, 0, (tutti_bytes){ 0 }), -TUTTI_ELOST);
    tutti_future_cancel(old->f);
    tutti_future_release(old->f);
    CHECK_INT(tutti_go(old->s, count, NULL), -TUTTI_ELOST);
    CHECK_HAS(tutti_why(), "fork()");
    CHECK_INT(tutti_spawn(old->s, count, NULL, NULL, &f), -TUTTI_ELOST);
    CHECK_INT(tutti_promise(old->s, &f), -TUTTI_ELOST);
    CHECK_INT(tutti_scope_next(old->s, &f), -TUTTI_ELOST);
    CHECK_INT(tutti_scope_stat(old->s, &stats), -TUTTI_ELOST);
    CHECK_INT(tutti_scope_failures(old->s, NULL, NULL), -TUTTI_ELOST);
    CHECK(tutti_share(old->s, 1, 1, 0, &ref) == NULL);
    tutti_scope_cancel(old->s);
    tutti_scope_expire(old->s, 0);
    tutti_scope_limit(old->s, 1);
    CHECK_INT(tutti_executor_close(old->ex), -TUTTI_ELOST);
    CHECK_HAS(tutti_why(), "fork()");
    CHECK_INT(tutti_executor_stat(old->ex, &exstats), 0);
    tutti_scope s;
    tutti_scope_open(&s, old->ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, count, NULL), -TUTTI_ELOST);
    CHECK_INT(tutti_scope_close(&s), -TUTTI_ELOST);
    CHECK_INT(tutti_scope_close(old->s), -TUTTI_ELOST);
    tutti_scope_leave(old->s);
}

static int work(void *arg)
{
    tutti_future f;
    TUTTI_SCOPE(s, NULL, tutti_after(20 * TUTTI_SEC), 0);
    for (int i = 0; i < 50; i++)
        tutti_go(&s, count, arg);
    tutti_spawn(&s, never, NULL, NULL, &f);
    tutti_sleep_until(tutti_after(TUTTI_MS));
    tutti_future_cancel(f);
    CHECK_INT(tutti_blocking(count, arg, NULL), 0);
    return tutti_scope_close(&s);
}

static void fresh_start(const char *url)
{
    atomic_int n = 0;
    CHECK_INT(tutti_check(), 0);
    CHECK_INT(tutti_run(url, work, &n), 0);
    CHECK_INT(n, 51);
    setenv("TUTTI_EXECUTOR", url, 1);
    CHECK_INT(work(&n), 0);
    CHECK_INT(n, 102);
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, never, NULL), 0);
    tutti_scope_expire(&s, tutti_after(TUTTI_MS));
    CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* The child of a process with threads may start none under ThreadSanitizer, which ends it
 * then; what it hears of the old handles is tested all the same. */
enum { CHILD_MAY_START = !CHECK_TSAN };

static void fork_and_check(struct old *old)
{
    fflush(stdout);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        alarm(20);
        old_is_lost(old);
        if (CHILD_MAY_START)
            fresh_start(old->url);
        _exit(0);
    }
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        check_fail(__FILE__, __LINE__, "the child ended with status %#x", (unsigned)status);
}

ON_URLS(the_child_of_a_plain_thread_starts_afresh)
{
    needs(THREADS_AFTER_FORK);
    struct old old = { .url = url, .ex = urls_open(url) };
    tutti_scope s;
    atomic_int n = 0;
    old.s = &s;
    tutti_scope_open(&s, old.ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_spawn(&s, never, &n, NULL, &old.f), 0);
    CHECK_INT(tutti_promise(&s, &old.promise), 0);
    CHECK_INT(tutti_go(&s, busy, NULL), 0);
    CHECK_INT(tutti_blocking(count, &n, NULL), 0); /* the parent has a rescue thread */
    urls_until(&n, 2);
    for (int i = 0; i < 5; i++)
        fork_and_check(&old);
    tutti_scope_cancel(&s);
    CHECK_INT(tutti_scope_close(&s), 0); /* the parent goes on as if nothing was */
    CHECK_INT(tutti_executor_close(old.ex), 0);
}

static int fork_in_task(void *arg)
{
    struct old *old = arg;
    tutti_scope s;
    atomic_int n = 0;
    old->s = &s;
    tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_spawn(&s, never, &n, NULL, &old->f), 0);
    CHECK_INT(tutti_promise(&s, &old->promise), 0);
    urls_until(&n, 1);
    for (int i = 0; i < 5; i++)
        fork_and_check(old);
    tutti_scope_cancel(&s);
    return tutti_scope_close(&s);
}

ON_URLS(the_child_of_a_task_starts_afresh)
{
    needs(THREADS_AFTER_FORK);
    struct old old = { .url = url, .ex = urls_open(url) };
    tutti_scope s;
    tutti_scope_open(&s, old.ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, fork_in_task, &old), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(old.ex), 0);
}

static int fork_and_return(void *arg)
{
    (void)arg;
    fflush(stdout);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0)
        return 0; /* the child ends as if its last thread had */
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_INT(status, 0);
    return 0;
}

ON_URLS(a_task_that_returns_in_the_child_ends_it)
{
    CHECK_INT(tutti_run(url, fork_and_return, NULL), 0);
}

static void handler_of_the_program(int signum)
{
    (void)signum;
    _exit(7);
}

TEST(signal_hooks_are_the_parents)
{
    tutti_executor *ex = urls_open("loop://");
    tutti_event event = { { 0 } };
    tutti_scope s;
    signal(SIGUSR1, handler_of_the_program);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_event_on_signal(&s, &event, SIGUSR1), 0);
    CHECK_INT(tutti_event_on_signal(&s, &event, SIGUSR2), 0);
    fflush(stdout);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        tutti_executor *own = urls_open("loop://");
        tutti_scope mine;
        tutti_scope_open(&mine, own, tutti_after(10 * TUTTI_SEC), 0);
        CHECK_INT(tutti_event_on_signal(&mine, &event, SIGUSR2), 0);
        raise(SIGUSR2);
        CHECK_INT(tutti_event_wait(&event), 0);
        CHECK_INT(tutti_scope_close(&mine), 0);
        raise(SIGUSR1); /* as before the hook of the parent */
        _exit(8);
    }
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status));
    CHECK_INT(WEXITSTATUS(status), 7);
    raise(SIGUSR1); /* the parent's own still set the event */
    CHECK_INT(tutti_event_wait(&event), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(a_descriptor_for_cases_is_the_parents)
{
    tutti_executor *ex = urls_open("loop://");
    tutti_event event = { { 0 } };
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_case k[2] = { tutti_on_event(&event), tutti_on_none() };
    int fd = tutti_wait_fd(&s, k, 1);
    CHECK(fd >= 0);
    tutti_event_set(&event);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    CHECK_INT(poll(&p, 1, 1000), 1);
    fflush(stdout);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        tutti_event_clear(&event);
        CHECK_INT(tutti_wait(k, 2), 1);
        _exit(0);
    }
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_INT(status, 0);
    CHECK_INT(poll(&p, 1, 0), 1); /* the child has not taken it away */
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(a_channel_of_the_parent_is_lost)
{
    tutti_executor *ex = urls_open("loop://");
    tutti_chan *c;
    tutti_scope s;
    int item = 1;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_chan_open(&c, &s, sizeof item, 0, NULL), 0);
    fflush(stdout);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        alarm(20);
        CHECK_INT(tutti_chan_send(c, &item), -TUTTI_ELOST); /* nobody will ever receive */
        CHECK_HAS(tutti_why(), "fork()");
        CHECK_INT(tutti_chan_recv(c, &item), -TUTTI_ELOST);
        tutti_case k[] = { tutti_on_recv(c, &item), tutti_on_none() };
        CHECK_INT(tutti_wait(k, 2), 0);
        CHECK_INT(k[0].code, -TUTTI_ELOST);
        tutti_chan_writers(c, 1);
        CHECK_INT(tutti_chan_close(c), -TUTTI_ELOST);
        _exit(0);
    }
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_INT(status, 0);
    CHECK_INT(tutti_chan_close(c), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- descriptors ------------------------------------------------------------- */

static int waits_for_bytes(void *pipe)
{
    tutti_case c = tutti_on_fd(*(int *)pipe, POLLIN);
    return tutti_wait(&c, 1);
}

/* Has each worker wait for descriptors, as far as tasks get to them all. */
static void poll_on(const char *url)
{
    enum { PIPES = 8 };
    int ends[PIPES][2];
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < PIPES; i++) {
        CHECK_INT(pipe(ends[i]), 0);
        CHECK_INT(tutti_go(&s, waits_for_bytes, ends[i]), 0);
    }
    CHECK_INT(tutti_sleep_until(tutti_after(TUTTI_MS)), 0);
    for (int i = 0; i < PIPES; i++)
        CHECK_INT(write(ends[i][1], "", 1), 1);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
    for (int i = 0; i < PIPES; i++) {
        close(ends[i][0]);
        close(ends[i][1]);
    }
}

/* Each generation of a family of processes has what one needs, not its parents' as well. */
ON_URLS(a_child_does_not_keep_what_its_parents_waited_with)
{
    needs(THREADS_AFTER_FORK);
    enum { GENERATIONS = 16, EACH = 3 }; /* an epoll, an eventfd and a ring */
    int first = descriptors();
    size_t heap = 0;
    for (int i = 0; i < GENERATIONS; i++) {
        poll_on(url);
        if (i == 9) /* malloc keeps some of what is freed for each thread, up to 7 of a size */
            heap = mallinfo2().uordblks;
        fflush(stdout);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid > 0) {
            int status = -1;
            CHECK(waitpid(pid, &status, 0) == pid);
            CHECK_INT(status, 0);
            if (i > 0)
                _exit(0); /* and so on, up to the oldest, which alone is looked at for leaks */
            return;
        }
        alarm(20);
    }
    tutti_executor *ex = urls_open(url);
    /* where the machine is busy spares may have begun, too */
    int most = first + EACH * ((int)tutti_executor_workers(ex) + 8) + 2;
    CHECK_INT(tutti_executor_close(ex), 0);
    poll_on(url);
    if (descriptors() > most)
        check_fail(__FILE__, __LINE__, "%d descriptors, %d at first", descriptors(), first);
    /* nothing under sanitizers, which have a heap of their own; a loop has no spares */
    size_t now = mallinfo2().uordblks;
    if (!strcmp(url, "loop://") && now > heap + 12000)
        check_fail(__FILE__, __LINE__, "%zu bytes in use, %zu before", now, heap);
    fflush(stdout);
    _exit(0);
}

/* Threads that begin and end to wait for descriptors meanwhile: no child loses one of the
 * program's own. */
static atomic_int enough;

static void *polls_on_loops(void *unused)
{
    (void)unused;
    while (!atomic_load(&enough))
        poll_on("loop://");
    return NULL;
}

TEST(a_child_keeps_the_descriptors_of_the_program)
{
    needs(MALLOC_AFTER_FORK);
    enum { THREADS = 3, OWN = 20 };
    pthread_t thread[THREADS];
    int own[OWN];
    for (int i = 0; i < OWN; i++)
        CHECK((own[i] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0);
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_create(&thread[i], NULL, polls_on_loops, NULL), 0);
    for (int n = 0; n < 100; n++) {
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            alarm(20);
            for (int i = 0; i < OWN; i++)
                CHECK(fcntl(own[i], F_GETFD) >= 0);
            poll_on("loop://");
            _exit(0);
        }
        int status = -1;
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK_INT(status, 0);
    }
    enough = 1;
    for (int i = 0; i < THREADS; i++)
        CHECK_INT(pthread_join(thread[i], NULL), 0);
}

/* --- while everything runs ------------------------------------------------ */

static int churn(void *arg)
{
    atomic_int *stop = arg;
    while (!atomic_load(stop)) {
        TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
        tutti_future f;
        tutti_spawn(&s, never, NULL, NULL, &f);
        tutti_yield();
        tutti_future_cancel(f);
        if (tutti_future_await(f, NULL) != -ECANCELED || tutti_scope_close(&s) != 0)
            return -EIO;
    }
    return 0;
}

ON_URLS(a_hundred_forks_while_tasks_churn)
{
    needs(MALLOC_AFTER_FORK);
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    atomic_int stop = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 8; i++)
        CHECK_INT(tutti_go(&s, churn, &stop), 0);
    for (int i = 0; i < 20; i++) {
        for (int k = 0; k < 5; k++)
            tutti_yield();
        fflush(stdout);
        pid_t pid = fork();
        CHECK(pid >= 0);
        if (pid == 0) {
            atomic_int n = 0;
            alarm(20);
            CHECK_INT(tutti_go(&s, count, &n), -TUTTI_ELOST);
            if (CHILD_MAY_START) {
                CHECK_INT(tutti_run(url, work, &n), 0);
                CHECK_INT(n, 51);
            }
            _exit(0);
        }
        int status = -1;
        CHECK(waitpid(pid, &status, 0) == pid);
        CHECK_INT(status, 0);
    }
    stop = 1;
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static void *forks(void *unused)
{
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        CHECK(waitpid(pid, NULL, 0) == pid);
    }
    return unused;
}
static int nothing_at_all(void *unused)
{
    return unused != NULL;
}

/* What one of them held, the other let nobody have again. */
TEST(threads_that_fork_at_once_leave_the_library_as_it_was)
{
    pthread_t both[2];
    for (int i = 0; i < 2; i++)
        CHECK_INT(pthread_create(&both[i], NULL, forks, NULL), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(both[i], NULL);
    CHECK_INT(tutti_run("threads://2", nothing_at_all, NULL), 0);
}

TEST_MAIN
