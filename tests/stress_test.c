/* tests/stress_test.c - trees of tasks grown at random: scopes, yields, sleeps, futures, failures
 * and cancels from everywhere, for half a second on each executor.  It models no program; it
 * looks for hangs, lost tasks and crashes.  CHECK_SEED repeats the choices, not the timing. */
#include "urls.h"
#include <pthread.h>

static atomic_int alive, born; /* bodies that run, bodies that ran */

static int grow(void *arg);

struct seedling {
    unsigned seed;
    int depth;
};

static struct seedling *seedling_new(unsigned *seed, int depth)
{
    struct seedling *p = malloc(sizeof *p);
    CHECK(p != NULL);
    *p = (struct seedling){ check_random(seed) | 1, depth };
    return p;
}

/* What a task may end with. */
static int usual(int rc)
{
    return rc == 0 || rc == -ECANCELED || rc == -ETIMEDOUT || rc == -7;
}

static int start_children(tutti_scope *s, unsigned *seed, int depth, tutti_future *f)
{
    int n = (int)(check_random(seed) % 4), rc = 0;
    for (int i = 0; i < n && rc == 0; i++) {
        struct seedling *p = seedling_new(seed, depth - 1);
        rc = tutti_spawn(s, grow, p, free, check_random(seed) % 2 ? &f[i] : NULL);
        CHECK(rc == 0 || rc == -ECANCELED || rc == -ETIMEDOUT);
    }
    return rc;
}

static int visit_children(tutti_scope *s, unsigned *seed, tutti_future *f)
{
    int rc = 0;
    for (int i = 0; i < 4 && rc == 0; i++) {
        if (!f[i]._[0])
            continue;
        switch (check_random(seed) % 5) {
        case 0:
            tutti_future_cancel(f[i]);
            break;
        case 1:
            tutti_future_release(f[i]);
            break;
        case 2:
            rc = tutti_future_await(f[i], NULL);
            CHECK(usual(rc));
            rc = tutti_check();
            break;
        case 3:
            tutti_scope_next(s, &f[i]);
            break;
        }
    }
    return rc;
}

static int grow_scope(unsigned *seed, int depth)
{
    tutti_scope s;
    tutti_future f[4];
    memset(f, 0, sizeof f);
    unsigned dice = check_random(seed) % 16;
    tutti_time deadline = dice == 0 ? tutti_after(check_random(seed) % 300000) : TUTTI_NEVER;
    unsigned flags = dice & 1 ? TUTTI_KEEP_GOING : 0;
    if (dice == 2) {
        flags |= TUTTI_SHIELD;
        deadline = tutti_after(TUTTI_MS);
    }
    tutti_scope_open(&s, NULL, deadline, flags);
    if (dice == 3)
        tutti_scope_limit(&s, 2);
    int rc = start_children(&s, seed, depth, f);
    if (rc == 0)
        rc = visit_children(&s, seed, f);
    if (dice == 4)
        tutti_scope_cancel(&s);
    if (dice == 5)
        tutti_scope_expire(&s, tutti_after(check_random(seed) % 100000));
    if (dice == 6) {
        tutti_scope_leave(&s);
        return tutti_check();
    }
    int closed = tutti_scope_close(&s);
    CHECK(usual(closed));
    return closed;
}

static int grow(void *arg)
{
    struct seedling p = *(struct seedling *)arg;
    free(arg);
    atomic_fetch_add(&alive, 1);
    atomic_fetch_add(&born, 1);
    int rc = 0;
    for (int step = 0; step < 3 && rc == 0; step++) {
        switch (check_random(&p.seed) % 8) {
        case 0:
        case 1:
            rc = tutti_yield();
            break;
        case 2:
            rc = tutti_sleep_until(tutti_after(check_random(&p.seed) % 100000));
            break;
        case 3:
            rc = tutti_check();
            break;
        case 4:
            if (check_random(&p.seed) % 16 == 0)
                rc = tutti_fail(-7, "by lot");
            break;
        default:
            if (p.depth > 0)
                rc = grow_scope(&p.seed, p.depth);
        }
    }
    CHECK(usual(rc));
    atomic_fetch_sub(&alive, 1);
    return rc;
}

struct gardener {
    unsigned seed;
    tutti_executor *ex;
    tutti_time end;
};

/* One tree after the other, under a deadline that sometimes strikes. */
static void *garden(void *arg)
{
    struct gardener *g = arg;
    while (tutti_now() < g->end) {
        tutti_scope s;
        tutti_scope_stats n = { .size = sizeof n };
        tutti_time limit = check_random(&g->seed) % 4 ? 5 * TUTTI_SEC
                                                      : check_random(&g->seed) % 2000000;
        tutti_scope_open(&s, g->ex, tutti_after(limit), TUTTI_KEEP_GOING);
        int started = 0;
        for (int i = 0; i < 6; i++)
            started += tutti_spawn(&s, grow, seedling_new(&g->seed, 4), free, NULL) == 0;
        do {
            tutti_yield();
            CHECK_INT(tutti_scope_stat(&s, &n), 0);
        } while (n.live);
        CHECK_INT((long long)n.started, started);
        CHECK_INT((long long)(n.succeeded + n.failed + n.cut), started);
        CHECK(usual(tutti_scope_close(&s)));
        CHECK_INT(tutti_check(), 0);
    }
    return NULL;
}

static void gardeners(const char *url, int extra)
{
    unsigned seed = check_seed();
    struct gardener g[4];
    pthread_t thread[4];
    tutti_executor *ex = urls_open(url);
    for (int i = 0; i <= extra; i++)
        g[i] = (struct gardener){ check_random(&seed) | 1, ex, tutti_after(TUTTI_SEC / 2) };
    for (int i = 1; i <= extra; i++)
        CHECK_INT(pthread_create(&thread[i], NULL, garden, &g[i]), 0);
    garden(&g[0]);
    for (int i = 1; i <= extra; i++)
        pthread_join(thread[i], NULL);
    CHECK_INT(tutti_executor_close(ex), 0);
    CHECK_INT(alive, 0);
    CHECK(born > 0);
}

ON_URLS(trees_grow_and_fall)
{
    gardeners(url, 0);
}

TEST(trees_grow_on_more_workers_than_there_are_cpus)
{
    gardeners("threads://16", 0);
}

TEST(several_threads_garden_on_one_pool)
{
    gardeners("threads://3", 3);
}

TEST(several_threads_garden_under_one_lock)
{
    gardeners("threads://3?lock=interpreter", 3);
}

TEST_MAIN
