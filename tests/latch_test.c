/* Latches and the futex under them. */
#include "base/biased.h"
#include "base/latch.h"
#include "check.h"
#include <pthread.h>

static struct latch latch;
static long shared;

static void *add(void *unused)
{
    (void)unused;
    for (int i = 0; i < 50000; i++) {
        latch_lock(&latch);
        shared++;
        latch_unlock(&latch);
    }
    return NULL;
}

TEST(excludes_between_more_threads_than_cpus)
{
    pthread_t t[8];
    for (int i = 0; i < 8; i++)
        CHECK(!pthread_create(&t[i], NULL, add, NULL));
    for (int i = 0; i < 8; i++)
        pthread_join(t[i], NULL);
    CHECK_INT(shared, 400000);
}

TEST(a_poke_while_held_reaches_whoever_unlocks)
{
    latch_lock(&latch);
    CHECK(!latch_try_or_poke(&latch));
    CHECK(latch_unlock(&latch));  /* told, and still held */
    CHECK(!latch_unlock(&latch)); /* now it is free */
    CHECK(latch_try_or_poke(&latch));
    CHECK(!latch_unlock(&latch));
}

/* --- of one thread nearly always --- */

static struct biased biased;
static _Atomic int arrived, inside;
enum { OWNERS = 300, OTHERS = 3, EACH = 20 };
static char marks[OTHERS + 1];

/* Alone in there, for long enough that two would meet. */
static void biased_add(const void *mark)
{
    biased_lock(&biased, mark);
    CHECK_INT(atomic_fetch_add(&inside, 1), 0);
    shared++;
    for (int i = 0; i < 20; i++)
        spin_pause();
    atomic_fetch_sub(&inside, 1);
    biased_unlock(&biased);
}

static void *add_biased(void *mark)
{
    atomic_fetch_add(&arrived, 1);
    for (int i = 0; i < EACH; i++)
        biased_add(mark);
    return NULL;
}

/* The owner goes on while others come and take its privilege, at some time or other. */
static void biased_shared(unsigned pause, bool give_up)
{
    pthread_t t[OTHERS];
    shared = 0;
    arrived = 0;
    fence_begin();
    biased_init(&biased, &marks[0]);
    for (int i = 0; i < OTHERS; i++)
        CHECK(!pthread_create(&t[i], NULL, add_biased, &marks[i + 1]));
    for (unsigned i = 0; i < pause && !atomic_load(&arrived); i++)
        biased_add(&marks[0]);
    for (int i = 0; i < OWNERS; i++) {
        if (give_up && i == OWNERS / 2)
            biased_give_up(&biased, &marks[0]);
        biased_add(&marks[0]);
    }
    for (int i = 0; i < OTHERS; i++)
        pthread_join(t[i], NULL);
    CHECK(shared >= OWNERS + OTHERS * EACH);
    CHECK(!load_relaxed(&biased.owner));
}

TEST(what_one_thread_owns_excludes_the_others_too)
{
    unsigned seed = check_seed();
    for (int i = 0; i < 100; i++)
        biased_shared(check_random(&seed) % 1000, i % 2);
}

static void *come_in(void *mark)
{
    biased_lock(&biased, mark);
    atomic_store(&arrived, 1);
    biased_unlock(&biased);
    return NULL;
}

TEST(who_takes_the_privilege_waits_for_the_owner_inside)
{
    pthread_t t;
    fence_begin();
    biased_init(&biased, &marks[0]);
    biased_lock(&biased, &marks[0]);
    CHECK(!pthread_create(&t, NULL, come_in, &marks[1]));
    while (load_relaxed(&biased.owner))
        sched_yield();
    for (int i = 0; i < 100; i++)
        sched_yield();
    CHECK_INT(atomic_load(&arrived), 0);
    biased_unlock(&biased);
    pthread_join(t, NULL);
    CHECK_INT(atomic_load(&arrived), 1);
}

TEST(its_owner_alone_keeps_it)
{
    fence_begin();
    if (load_relaxed(&fence_both_full))
        check_skip("a kernel without membarrier");
    biased_init(&biased, &marks[0]);
    for (int i = 0; i < 1000; i++) {
        biased_lock(&biased, &marks[0]);
        CHECK_INT(load_relaxed(&biased.latch.word), LATCH_FREE); /* not even touched */
        biased_unlock(&biased);
    }
    biased_give_up(&biased, &marks[0]);
    biased_lock(&biased, &marks[0]);
    CHECK_INT(load_relaxed(&biased.latch.word), LATCH_HELD);
    biased_unlock(&biased);
}

TEST_MAIN
