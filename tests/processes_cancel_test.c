/* tests/processes_cancel_test.c - a task that is over comes to its end: asked, interrupted,
 * killed; and what workers print comes out in whole lines. */
#include "processes.h"
#include <poll.h>
#include <sched.h>
#include <time.h>
#include <tutti/patterns.h>

enum manner { LISTENS, SLEEPS_WITH_US, SLEEPS_IN_LIBC, DEAF };

struct in {
    int manner;
    tutti_ref begun; /* counts those that have begun */
};

static int sleeps_in_libc(void)
{
    struct timespec hour = { 3600, 0 };
    return nanosleep(&hour, NULL) < 0 && errno == EINTR ? tutti_check() : 0;
}

TUTTI_TASK(endless, "cancel.endless", struct in, tutti_none);
static int endless(const struct in *in, tutti_none *out)
{
    (void)out;
    atomic_fetch_add((atomic_int *)tutti_ref_edit(&in->begun), 1);
    switch ((enum manner)in->manner) {
    case LISTENS:
        while (tutti_check() == 0)
            ;
        return tutti_check();
    case SLEEPS_WITH_US: return tutti_sleep_until(TUTTI_NEVER);
    case SLEEPS_IN_LIBC: return sleeps_in_libc();
    default:
        for (;;)
            ;
    }
}

static atomic_int *share_counter(tutti_scope *s, struct in *in)
{
    return tutti_share(s, 1, sizeof(atomic_int), TUTTI_WRITE, &in->begun);
}

static void until_begun(atomic_int *n, int want)
{
    while (atomic_load(n) < want)
        sched_yield();
}

static void cancel_by_scope(enum manner manner, const char *url)
{
    tutti_executor *ex = processes_open_bounded(url);
    tutti_scope s;
    struct in in = { .manner = (int)manner };
    tutti_future f[4];
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    atomic_int *n = share_counter(&s, &in);
    for (int i = 0; i < 4; i++)
        CHECK_INT(endless_submit(&s, &in, &f[i]), 0);
    until_begun(n, 2);
    tutti_scope_cancel(&s);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(one_that_listens_is_asked)
{
    cancel_by_scope(LISTENS, "processes://2?grace-ms=20000");
}

TEST(one_that_waits_is_woken)
{
    cancel_by_scope(SLEEPS_WITH_US, "processes://2?grace-ms=20000");
}

TEST(one_in_a_system_call_is_interrupted)
{
    cancel_by_scope(SLEEPS_IN_LIBC, "processes://2?grace-ms=400");
}

TEST(one_that_is_deaf_is_killed)
{
    cancel_by_scope(DEAF, "processes://2?grace-ms=50");
}

TEST(a_deadline_reaches_a_task_and_kills_a_deaf_one)
{
    for (int manner = LISTENS; manner <= DEAF; manner += DEAF) {
        tutti_executor *ex = processes_open_bounded("processes://1?grace-ms=40");
        tutti_scope s, t;
        struct in in = { .manner = manner };
        tutti_outcome o = { .size = sizeof o };
        tutti_future f;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        share_counter(&s, &in);
        tutti_scope_open(&t, ex, tutti_after(50 * TUTTI_MS), 0);
        CHECK_INT(endless_submit(&t, &in, &f), 0);
        int rc = tutti_future_await(f, NULL);
        CHECK_INT(rc, -ETIMEDOUT);
        CHECK_INT(tutti_scope_close(&t), -ETIMEDOUT);
        (void)o;
        CHECK_INT(tutti_scope_close(&s), 0);
        CHECK_INT(tutti_executor_close(ex), 0);
    }
}

/* The worker has long served, and nothing but the task's deadline concerns the executor's
 * own thread, which went to sleep before there was one. */
TEST(a_deadline_reaches_a_task_of_a_quiet_executor)
{
    tutti_executor *ex = processes_open_bounded("processes://1?grace-ms=40");
    tutti_scope s;
    struct in in = { .manner = LISTENS };
    tutti_future f;
    for (int manner = LISTENS; manner <= DEAF; manner += DEAF) {
        tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
        atomic_int *begun = share_counter(&s, &in);
        CHECK_INT(endless_submit(&s, &in, &f), 0);
        until_begun(begun, 1);
        tutti_future_cancel(f);
        CHECK_INT(tutti_future_await(f, NULL), -ECANCELED);
        usleep(200000); /* until it sleeps; too short a time makes this an easier case */
        tutti_scope t;
        in.manner = manner;
        tutti_scope_open(&t, ex, tutti_after(50 * TUTTI_MS), 0);
        CHECK_INT(endless_submit(&t, &in, &f), 0);
        CHECK_INT(tutti_future_await(f, NULL), -ETIMEDOUT);
        CHECK_INT(tutti_scope_close(&t), -ETIMEDOUT);
        CHECK_INT(tutti_scope_close(&s), 0);
        in.manner = LISTENS;
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(one_future_is_cancelled_and_the_others_live)
{
    tutti_executor *ex = processes_open_bounded("processes://2?grace-ms=20000");
    tutti_scope s;
    struct in in = { .manner = LISTENS };
    tutti_outcome o = { .size = sizeof o };
    tutti_future f[2];
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    atomic_int *n = share_counter(&s, &in);
    for (int i = 0; i < 2; i++)
        CHECK_INT(endless_submit(&s, &in, &f[i]), 0);
    until_begun(n, 2);
    tutti_future_cancel(f[0]);
    CHECK_INT(tutti_future_await(f[0], NULL), -ECANCELED);
    CHECK_INT(tutti_future_outcome(f[0], &o), 0);
    CHECK_INT(o.end, TUTTI_CUT);
    CHECK_INT(tutti_future_done(f[1]), 0);
    tutti_future_cancel(f[1]);
    CHECK_INT(tutti_future_await(f[1], NULL), -ECANCELED);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(a_scope_on_another_executor_around_it_ends_it_too)
{
    tutti_executor *ex = processes_open_bounded("processes://1?grace-ms=20000"), *threads;
    tutti_scope outer, s;
    struct in in = { .manner = LISTENS };
    tutti_future f;
    CHECK_INT(tutti_executor_open(&threads, "threads://1"), 0);
    tutti_scope_open(&outer, threads, TUTTI_NEVER, 0);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    atomic_int *n = share_counter(&s, &in);
    CHECK_INT(endless_submit(&s, &in, &f), 0);
    until_begun(n, 1);
    tutti_scope_expire(&outer, tutti_after(20 * TUTTI_MS));
    CHECK_INT(tutti_future_await(f, NULL), -ETIMEDOUT);
    CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
    tutti_scope_close(&outer);
    CHECK_INT(tutti_executor_close(threads), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* The first to win ends the others, which would never end by themselves. */
struct rival {
    int wins;
    tutti_ref begun;
};
TUTTI_TASK(rival, "cancel.rival", struct rival, int);
static int rival(const struct rival *in, int *out)
{
    atomic_int *n = tutti_ref_edit(&in->begun);
    atomic_fetch_add(n, 1);
    while (!in->wins || atomic_load(n) < 2)
        if (tutti_check() < 0)
            return tutti_check();
    *out = 77;
    return 0;
}

TEST(a_race_ends_its_losers)
{
    tutti_executor *ex = processes_open_bounded("processes://2?grace-ms=20000");
    tutti_scope s;
    struct rival in[4] = { { .wins = 0 } };
    int out = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK(tutti_share(&s, 1, sizeof(atomic_int), TUTTI_WRITE, &in[0].begun));
    for (int i = 1; i < 4; i++)
        in[i] = in[0];
    in[1].wins = 1;
    CHECK_INT(tutti_race(&s, &rival_task, in, 4, &out), 1);
    CHECK_INT(out, 77);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- what they print -------------------------------------------------------------- */

TUTTI_TASK(speak, "cancel.speak", int, tutti_none);
static int speak(const int *in, tutti_none *out)
{
    (void)out;
    for (int i = 0; i < 20; i++) { /* in pieces, as a careless program does */
        dprintf(STDOUT_FILENO, "line ");
        dprintf(STDOUT_FILENO, "of task %d", *in);
        dprintf(STDOUT_FILENO, ", whole\n");
    }
    dprintf(STDOUT_FILENO, "no end of line from %d", *in);
    return 0;
}

static void speak_all(const char *url)
{
    tutti_executor *ex = processes_open_bounded(url);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 40; i++)
        CHECK_INT(speak_submit(&s, &i, NULL), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* All that a child prints that runs it. */
static size_t speak_heard(const char *url, char *text, size_t size)
{
    int ends[2], status;
    size_t have = 0;
    ssize_t n;
    CHECK_INT(pipe(ends), 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        alarm(30);
        speak_all(url);
        _exit(0);
    }
    close(ends[1]);
    while (have + 1 < size && (n = read(ends[0], text + have, size - 1 - have)) > 0)
        have += (size_t)n;
    text[have] = 0;
    close(ends[0]);
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_INT(status, 0);
    return have;
}

TEST(what_workers_print_comes_out_in_whole_lines)
{
    static char text[200000];
    int whole = 0;
    processes_needed();
    speak_heard("processes://2", text, sizeof text);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        int task, used = 0;
        if (!strncmp(line, "no end", 6)) /* goes on with the first line of the next task */
            line = strstr(line, "line of task");
        if (!line)
            continue;
        sscanf(line, "line of task %d, whole%n", &task, &used);
        CHECK_INT(used, strlen(line));
        whole++;
    }
    CHECK(whole >= 40 * 20 - 2);
}

TEST(on_request_with_the_number_of_the_worker)
{
    static char text[200000];
    processes_needed();
    speak_heard("processes://2?output=tagged", text, sizeof text);
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        CHECK(!strncmp(line, "[worker 0] ", 11) || !strncmp(line, "[worker 1] ", 11));
}

TEST_MAIN
