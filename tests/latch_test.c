/* Latches and the futex under them. */
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

TEST_MAIN
