/* sim_test.c - sim://SEED (src/sched/sim.c): the same seed gives the same run, other seeds
 * other orders, and time costs none. */
#include "check.h"
#include <tutti.h>
#include <tutti/fork.h>
#include <tutti/sync.h>
#include <dirent.h>
#include <pthread.h>
#include <stdbool.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static char said[4000];
static tutti_chan *chan;

static void say(const char *what, long n)
{
    size_t at = strlen(said);
    snprintf(said + at, sizeof said - at, "%s%ld@%lld ", what, n,
             (long long)(tutti_now() / 1000000000));
}

static int speaker(void *number)
{
    for (int i = 0; i < 3; i++) {
        say("s", (long)number);
        tutti_yield();
    }
    long item = (long)number;
    return tutti_chan_send(chan, &item);
}

static int sleeper(void *hours)
{
    int r = tutti_sleep_until(tutti_after((long)hours * 3600 * TUTTI_SEC));
    say("w", (long)hours);
    return r;
}

static int listener(void *count)
{
    long item;
    for (long i = 0; i < (long)count; i++) {
        CHECK_INT(tutti_chan_recv(chan, &item), 1);
        say("r", item);
    }
    return 0;
}

static void run(const char *url)
{
    tutti_executor *ex;
    tutti_scope s;
    said[0] = 0;
    CHECK_INT(tutti_executor_open(&ex, url), 0);
    CHECK_STR(tutti_executor_url(ex), url);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_chan_open(&chan, &s, sizeof(long), 1, NULL), 0);
    for (long i = 0; i < 4; i++)
        CHECK_INT(tutti_go(&s, speaker, (void *)i), 0);
    CHECK_INT(tutti_go(&s, listener, (void *)4), 0);
    for (long i = 1; i < 4; i++)
        CHECK_INT(tutti_go(&s, sleeper, (void *)(4 - i)), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(the_same_seed_gives_the_same_run)
{
    char first[sizeof said];
    run("sim://7");
    strcpy(first, said);
    for (int i = 0; i < 20; i++) {
        run("sim://7");
        CHECK_STR(said, first);
    }
}

TEST(other_seeds_give_other_orders)
{
    char first[sizeof said];
    int others = 0;
    run("sim://0");
    strcpy(first, said);
    for (int i = 1; i < 20; i++) {
        char url[32];
        snprintf(url, sizeof url, "sim://%d", i);
        run(url);
        others += strcmp(said, first) != 0;
    }
    CHECK(others >= 15);
}

TEST(hours_pass_at_once_and_in_order)
{
    struct timespec before, after;
    clock_gettime(CLOCK_MONOTONIC, &before);
    run("sim://3");
    clock_gettime(CLOCK_MONOTONIC, &after);
    CHECK(after.tv_sec - before.tv_sec < 3600);
    const char *one = strstr(said, "w1@3601 "), *two = strstr(said, "w2@7201 "),
               *three = strstr(said, "w3@10801 ");
    CHECK(one && two && three && one < two && two < three);
    CHECK(tutti_now() / 1000000000 - after.tv_sec < 3600); /* the thread's time is back */
}

static int waits(void *event)
{
    return tutti_event_wait(event);
}

TEST(a_deadline_comes_in_virtual_time)
{
    tutti_executor *ex;
    tutti_scope s;
    static tutti_event never;
    CHECK_INT(tutti_executor_open(&ex, "sim://1"), 0);
    tutti_time until = tutti_after(1000 * TUTTI_SEC);
    tutti_scope_open(&s, ex, until, 0);
    CHECK_INT(tutti_go(&s, waits, &never), 0);
    CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
    CHECK(tutti_now() >= until && tutti_now() < until + 10 * TUTTI_SEC);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- a deadlock -------------------------------------------------------------- */

static tutti_mutex fork_of[2];

static int dines(void *seat)
{
    long me = (long)seat;
    tutti_task_name_set(me ? "plato" : "kant");
    tutti_mutex_lock(&fork_of[me]);
    tutti_yield();
    tutti_mutex_lock(&fork_of[!me]);
    tutti_mutex_unlock(&fork_of[!me]);
    tutti_mutex_unlock(&fork_of[me]);
    return 0;
}

static void *opens(void *url)
{
    tutti_executor *ex;
    tutti_scope s;
    CHECK_INT(tutti_executor_open(&ex, url), 0);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (long i = 0; i < 2; i++)
        CHECK_INT(tutti_go(&s, dines, (void *)i), 0);
    tutti_scope_close(&s);
    tutti_executor_close(ex);
    return NULL;
}

/* A sanitizer has threads of its own. */
static bool has_threads(void)
{
    int n = 0;
    DIR *d = opendir("/proc/self/task");
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n > 3;
}

/* What a process that dines on url says, and how it ends; beside another thread it never
 * does, and is killed. */
static int dine(char *url, bool beside, char *text, size_t room)
{
    int to[2], status;
    CHECK_INT(pipe(to), 0);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        dup2(to[1], STDERR_FILENO);
        close(to[1]);
        alarm(beside || has_threads() ? 3 : 20);
        if (beside && pthread_create(&thread, NULL, opens, url) == 0)
            pthread_join(thread, NULL);
        opens(url);
        _exit(0);
    }
    close(to[1]);
    size_t n = 0;
    ssize_t got;
    while ((got = read(to[0], text + n, room - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = 0;
    close(to[0]);
    CHECK_INT(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
}

TEST(a_deadlock_is_told_by_names_and_ends_the_program)
{
    char url[32], text[600] = "", first[80];
    int seed = 0, end = 0;
    while (end == 0 && ++seed < 100) { /* until each takes his fork before the other has both */
        snprintf(url, sizeof url, "sim://%d", seed);
        end = dine(url, false, text, sizeof text);
    }
    CHECK_INT(end, has_threads() ? SIGALRM : SIGABRT);
    snprintf(first, sizeof first, "tutti: deadlock on %s: nothing can go on%s", url,
             has_threads() ? ", unless" : "\n");
    CHECK_HAS(text, first);
    CHECK_HAS(text, "  the program waits: scope to close\n");
    CHECK_HAS(text, "  kant waits: mutex\n");
    CHECK_HAS(text, "  plato waits: mutex\n");
    CHECK_INT(dine(url, true, text, sizeof text), SIGALRM);
    CHECK_HAS(text, "unless another thread of the program wakes one of these");
    CHECK_HAS(text, "  plato waits: mutex\n");
}

TEST(it_needs_a_thread_of_its_own)
{
    tutti_executor *loop, *sim, *other;
    CHECK_INT(tutti_executor_open(&loop, "loop://"), 0);
    CHECK_INT(tutti_executor_open(&sim, "sim://1"), -EBUSY);
    CHECK_HAS(tutti_why(), "a thread that no executor uses yet");
    CHECK_INT(tutti_executor_close(loop), 0);
    CHECK_INT(tutti_executor_open(&sim, "sim://1"), 0);
    CHECK_INT(tutti_executor_open(&other, "sim://2"), -EBUSY);
    CHECK_INT(tutti_executor_close(sim), 0);
}

static int adds(void *n)
{
    *(int *)n += 1;
    return 0;
}

TEST(it_may_be_the_default)
{
    tutti_scope s;
    int n = 0;
    setenv("TUTTI_EXECUTOR", "sim://5", 1);
    tutti_scope_open(&s, NULL, TUTTI_NEVER, 0);
    CHECK_INT(tutti_go(&s, adds, &n), 0);
    CHECK_INT(tutti_go(&s, sleeper, (void *)1), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(n, 1);
}
/* --- deadlines: real time goes on meanwhile, and is nobody's ------------------------------- */

static void real_time_passes(void)
{
    usleep(20000);
}

TUTTI_FORK_1(long, twice, long);
static long twice(tutti_at at, long n)
{
    (void)at;
    return 2 * n;
}

static int forks_in_time(void *unused)
{
    (void)unused;
    tutti_at at = tutti_fork_here();
    for (long i = 0; i < 20; i++) {
        twice_fork(&at, i);
        if (i == 10)
            real_time_passes();
        tutti_yield();
        CHECK_INT(twice_join(&at), 2 * i);
    }
    CHECK_INT(tutti_fork_check(), 0);
    return 0;
}

TEST(calls_are_forked_under_a_deadline_to_come)
{
    tutti_executor *ex;
    tutti_scope s;
    CHECK_INT(tutti_executor_open(&ex, "sim://3"), 0);
    tutti_scope_open(&s, ex, tutti_after(3600 * TUTTI_SEC), 0);
    CHECK_INT(tutti_go(&s, forks_in_time, NULL), 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

static int waits_in_time(void *unused)
{
    (void)unused;
    CHECK_INT(tutti_sleep_until(tutti_after(4 * TUTTI_SEC)), 0);
    real_time_passes();
    CHECK_INT(tutti_check(), 0);
    say("in time", 4);
    CHECK_INT(tutti_sleep_until(tutti_after(3600 * TUTTI_SEC)), -ETIMEDOUT);
    say("over", 5);
    return 0;
}

/* For those that are parked, and those that park later. */
TEST(a_deadline_that_is_brought_forward_comes_in_its_own_time)
{
    char first[sizeof said];
    for (int i = 0; i < 3; i++) {
        tutti_executor *ex;
        tutti_scope s;
        said[0] = 0;
        CHECK_INT(tutti_executor_open(&ex, "sim://3"), 0);
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        CHECK_INT(tutti_go(&s, waits_in_time, NULL), 0);
        CHECK_INT(tutti_go(&s, waits_in_time, NULL), 0);
        tutti_yield();
        tutti_scope_expire(&s, tutti_after(3600 * TUTTI_SEC));
        tutti_scope_expire(&s, tutti_after(5 * TUTTI_SEC));
        CHECK_INT(tutti_scope_close(&s), -ETIMEDOUT);
        CHECK_INT(tutti_executor_close(ex), 0);
        CHECK_STR(said, i ? first : said);
        strcpy(first, said);
    }
    CHECK_STR(first, "in time4@5 in time4@5 over5@6 over5@6 ");
}

/* Others that never end keep no call from its turn. */
static bool flagged;
TUTTI_FORK_1(int, flags, int);
static int flags(tutti_at at, int n)
{
    (void)at;
    flagged = true;
    return n;
}
static int yields_until_flagged(void *unused)
{
    (void)unused;
    tutti_at at = tutti_fork_here();
    flags_fork(&at, 3);
    while (!flagged)
        tutti_yield();
    CHECK_INT(flags_join(&at), 3);
    return 0;
}
TEST(a_forked_call_has_its_turn_beside_what_yields)
{
    CHECK_INT(tutti_run("sim://5", yields_until_flagged, NULL), 0);
}

TEST_MAIN
