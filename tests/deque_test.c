/* tests/deque_test.c - a worker's ring of tasks against thieves: every task comes out exactly
 * once, in order for each taker, across the wrap of the 32-bit indices too. */
#include "check.h"
#include "core/task.h"
#include "sched/deque.h"
#include <pthread.h>
#include <sched.h>

enum { TASKS = 200000, THIEVES = 3, POOL = 4096 };

/* Tasks are told apart by their place here; a ring never holds more than DEQUE_SLOTS, and
 * place i is used again only after it came out. */
static struct task *tasks;
static _Atomic uint8_t *out; /* how often task i came out in this round */
static struct deque ring;
static _Atomic bool over;
static _Atomic long taken;

static void deque_at(struct deque *d, uint32_t index)
{
    memset(d, 0, sizeof *d);
    store_relaxed(&d->head, index);
    store_relaxed(&d->tail, index);
}

static void came_out(const struct task *t)
{
    CHECK(t != NULL);
    CHECK_INT(add_relaxed(&out[t - tasks], 1), 0);
    add_relaxed(&taken, 1);
}

static void *thief(void *arg)
{
    static const uint32_t starts[THIEVES] = { 0, UINT32_MAX - 40, 77 };
    struct deque own;
    deque_at(&own, starts[(intptr_t)arg]);
    while (!load_acquire(&over)) { /* pairs with the owner's: all has come out */
        struct task *t = deque_steal(&ring, &own), *last = NULL;
        if (!t) {
            sched_yield();
            continue;
        }
        for (; t; t = deque_pop(&own)) { /* the oldest first */
            if (last)
                CHECK(t > last);
            last = t;
            came_out(t);
        }
    }
    CHECK(deque_pop(&own) == NULL);
    return NULL;
}

static void spill_one(void)
{
    struct task *last;
    uint32_t count, n = 0;
    struct task *t = deque_spill(&ring, &last, &count);
    if (!t)
        return; /* thieves were faster */
    for (;; t = (struct task *)(void *)t->run.next) {
        came_out(t);
        n++;
        if (t == last)
            break;
    }
    CHECK_INT(n, count);
    CHECK(last->run.next == NULL);
}

static void against_thieves(uint32_t start, bool pops)
{
    unsigned seed = check_seed();
    pthread_t thread[THIEVES];
    tasks = calloc(TASKS, sizeof *tasks);
    out = calloc(TASKS, 1);
    CHECK(tasks && out);
    deque_at(&ring, start);
    for (intptr_t i = 0; i < THIEVES; i++)
        CHECK_INT(pthread_create(&thread[i], NULL, thief, (void *)i), 0);
    for (int i = 0; i < TASKS;) {
        for (unsigned n = check_random(&seed) % 300; n && i < TASKS; n--) {
            if (deque_push(&ring, &tasks[i]))
                i++;
            else
                spill_one();
        }
        for (unsigned n = pops ? check_random(&seed) % 200 : 0; n; n--) {
            struct task *t = deque_pop(&ring);
            if (!t)
                break;
            came_out(t);
        }
    }
    struct task *t;
    while ((t = deque_pop(&ring)))
        came_out(t);
    while (load_relaxed(&taken) < TASKS) /* a count; thieves have the rest in hand */
        sched_yield();
    store_release(&over, true);
    for (int i = 0; i < THIEVES; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < TASKS; i++)
        CHECK_INT(load_relaxed(&out[i]), 1);
    CHECK_INT(load_relaxed(&taken), TASKS);
    free(tasks);
    free((void *)out);
}

TEST(each_task_comes_out_once_under_thieves)
{
    against_thieves(0, true);
}

TEST(each_task_comes_out_once_when_only_thieves_take)
{
    against_thieves(12345, false);
}

TEST(each_task_comes_out_once_across_the_wrap)
{
    against_thieves(UINT32_MAX - 20000, true);
}

TEST(alone_it_is_a_queue_of_256)
{
    static struct task some[DEQUE_SLOTS + 1];
    static const uint32_t starts[] = { 0, 200, UINT32_MAX, UINT32_MAX - 100 };
    for (size_t k = 0; k < sizeof starts / sizeof *starts; k++) {
        deque_at(&ring, starts[k]);
        CHECK(deque_seems_empty(&ring));
        CHECK(deque_pop(&ring) == NULL);
        for (int round = 0; round < 5; round++) {
            for (int i = 0; i < DEQUE_SLOTS; i++)
                CHECK(deque_push(&ring, &some[i]));
            CHECK(!deque_push(&ring, &some[DEQUE_SLOTS]));
            CHECK(!deque_seems_empty(&ring));
            for (int i = 0; i < DEQUE_SLOTS; i++)
                CHECK(deque_pop(&ring) == &some[i]);
            CHECK(deque_pop(&ring) == NULL);
        }
    }
}

TEST(a_thief_takes_the_older_half)
{
    static struct task some[DEQUE_SLOTS];
    static struct deque own;
    for (int n = 0; n <= DEQUE_SLOTS; n++) {
        deque_at(&ring, UINT32_MAX - 3);
        deque_at(&own, UINT32_MAX - (uint32_t)n);
        for (int i = 0; i < n; i++)
            CHECK(deque_push(&ring, &some[i]));
        struct task *t = deque_steal(&ring, &own);
        CHECK(t == (n ? &some[0] : NULL));
        for (int i = 1; i < n - n / 2; i++)
            CHECK(deque_pop(&own) == &some[i]);
        CHECK(deque_pop(&own) == NULL);
        for (int i = n - n / 2; i < n; i++)
            CHECK(deque_pop(&ring) == &some[i]);
        CHECK(deque_pop(&ring) == NULL);
    }
}

TEST_MAIN
