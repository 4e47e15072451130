/* tests/processes_lost_test.c - answers that a task gone mad wipes out before home has taken
 * them: nobody waits for them for ever, and none of those tasks runs twice. */
#include "exec/processes/procs.h"
#include "exec/processes/serve.h"
#include "processes.h"
#include <pthread.h>

struct board {
    _Atomic int begun, go, wiped, runs[8];
};

/* How one task treats the answers of its worker. */
enum { QUIET, LATER, NOW_AND_STAY, NOW_AND_KILL, NOW_AND_FAULT, NOW_AND_END, NAP };
struct order {
    struct board *b;
    int i, what;
};

static void nap(int ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000L };
    while (nanosleep(&t, &t) < 0)
        ;
}
static void until(_Atomic int *flag)
{
    while (!atomic_load(flag))
        nap(1);
}

static void wipe(struct board *b, uint64_t but)
{
    for (unsigned i = 0; i < RING; i++)
        if (i != but % RING)
            store_relaxed(&serving.own->answer[i].tag, 0); /* rubbish has no order */
    atomic_store(&b->wiped, 1);
}

/* When all has been answered, and looked at before the worker sleeps. */
static uint64_t mine;
static void *wipe_later(void *board)
{
    while (load_relaxed(&serving.given[mine % RING]) != mine || !load_relaxed(&serving.sleeps)
           || load_relaxed(&serving.begun)) /* all hints: it naps after them */
        nap(1);
    nap(20);
    wipe(board, mine + 1);
    return NULL;
}

static int perform(const struct order *in)
{
    struct board *b = in->b;
    pthread_t t;
    atomic_fetch_add(&b->runs[in->i], 1);
    bool first = atomic_load(&b->runs[in->i]) == 1;
    atomic_store(&b->begun, 1);
    switch (in->what) {
    case QUIET:
        until(&b->go);
        return 0;
    case LATER:
        until(&b->go);
        mine = turn_of_caller(&serving);
        return first && pthread_create(&t, NULL, wipe_later, b) ? -EAGAIN : 0;
    case NAP:
        return tutti_sleep_until(tutti_after(450 * TUTTI_MS));
    default:
        /* Who is killed by another cannot say that it had begun; its tag can. */
        mine = turn_of_caller(&serving);
        while (load_relaxed(&serving.given[(mine - 1) % RING]) != mine - 1) /* a hint */
            nap(1);
        wipe(b, in->what == NOW_AND_KILL ? mine : mine + RING / 2);
        if (in->what == NOW_AND_KILL)
            raise(SIGKILL);
        if (in->what == NOW_AND_FAULT)
            raise(SIGSEGV);
        if (in->what == NOW_AND_END)
            return 0;
        return tutti_sleep_until(TUTTI_NEVER);
    }
}

TUTTI_TASK(once, "lost.once", struct order, int);
static int once(const struct order *in, int *out)
{
    *out = in->i + 7;
    return perform(in);
}
TUTTI_TASK_FLAGS(often, "lost.often", struct order, int, TUTTI_IDEMPOTENT);
static int often(const struct order *in, int *out)
{
    return once(in, out);
}

static struct {
    tutti_executor *ex;
    tutti_scope s;
    struct board *b;
    tutti_future f[8];
} home;

static void begin(const char *url)
{
    tutti_ref r;
    home.ex = processes_open_bounded(url);
    tutti_scope_open(&home.s, home.ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    home.b = tutti_share(&home.s, 1, sizeof *home.b, TUTTI_WRITE, &r);
    CHECK(home.b);
}
static void end(void)
{
    struct order o = { home.b, 7, QUIET }; /* the next one is well */
    int out = 0;
    atomic_store(&home.b->go, 1);
    CHECK_INT(once_call(&home.s, &o, &out), 0);
    CHECK_INT(out, 14);
    tutti_scope_close(&home.s);
    CHECK_INT(tutti_executor_close(home.ex), 0);
}
static void start(int i, int what, bool idempotent)
{
    struct order o = { home.b, i, what };
    CHECK_INT(idempotent ? often_submit(&home.s, &o, &home.f[i])
                         : once_submit(&home.s, &o, &home.f[i]), 0);
}
/* Those that wait for `go` end, and somebody wipes that out; home sees nothing before. */
static void wiped_unseen(void)
{
    struct procs *p = procs_of(home.ex);
    until(&home.b->begun);
    latch_lock(&p->latch);
    atomic_store(&home.b->go, 1);
    until(&home.b->wiped);
    latch_unlock(&p->latch);
}
static void lost(int i, const char *word)
{
    CHECK_INT(tutti_future_await(home.f[i], NULL), -TUTTI_ECRASH);
    if (!strstr(tutti_why(), word))
        check_fail(__FILE__, __LINE__, "%s: %s", word, tutti_why());
    tutti_future_release(home.f[i]);
    CHECK_INT(atomic_load(&home.b->runs[i]), 1);
}
static void found(int i, int runs)
{
    int out = 0;
    CHECK_INT(tutti_future_take(home.f[i], &out, sizeof out), 0);
    CHECK_INT(out, i + 7);
    CHECK_INT(atomic_load(&home.b->runs[i]), runs);
}

static const char *const urls[] = { "processes://1", "processes://1?inner=threads://2",
                                    "processes://1?inner=loop://" };
#define ON_EACH(u) for (size_t u = 0; u < sizeof urls / sizeof *urls; u++)

TEST(a_worker_that_has_nothing_to_do_misses_it)
{
    ON_EACH(u) {
        begin(urls[u]);
        start(0, LATER, false);
        wiped_unseen();
        lost(0, "overwritten");
        end();
    }
}

TEST(an_idempotent_one_runs_again)
{
    ON_EACH(u) {
        begin(urls[u]);
        start(0, LATER, true);
        wiped_unseen();
        found(0, 2);
        end();
    }
}

/* It need not be asked. */
TEST(it_looks_before_it_sleeps)
{
    for (int u = 0; u < 2; u++) {
        begin(urls[u]);
        latch_lock(&procs_of(home.ex)->latch);
        procs_of(home.ex)->question = INT64_MAX;
        latch_unlock(&procs_of(home.ex)->latch);
        start(0, QUIET, false);
        start(1, NOW_AND_END, true);
        wiped_unseen();
        lost(0, "overwritten");
        found(1, 1);
        end();
    }
}

/* Who has wiped it out goes on for ever. */
TEST(so_does_one_that_is_busy)
{
    begin(urls[0]);
    start(0, QUIET, false);
    start(1, NOW_AND_STAY, false);
    wiped_unseen();
    lost(0, "overwritten");
    lost(1, "overwritten");
    end();
}

TEST(tasks_that_take_long_are_not_missed)
{
    ON_EACH(u) {
        begin(urls[u]);
        for (int i = 0; i < 2; i++)
            start(i, NAP, false);
        for (int i = 0; i < 2; i++)
            found(i, 1);
        end();
    }
}

/* The third has not begun: it runs elsewhere. */
static void death(int how, const char *word)
{
    begin(urls[0]);
    start(0, QUIET, false);
    start(1, QUIET, true);
    start(2, how, false);
    start(3, QUIET, false);
    wiped_unseen();
    lost(0, word);
    found(1, 2);
    lost(2, word);
    found(3, 1);
    end();
}
TEST(a_crash_tells_what_had_begun)
{
    death(NOW_AND_FAULT, "SIGSEGV");
}
TEST(so_does_the_tag_of_one_that_came_later)
{
    death(NOW_AND_KILL, "SIGKILL");
}

TEST_MAIN
