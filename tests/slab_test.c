/* Objects of one size: base/slab. */
#include "base/slab.h"
#include "base/memory.h"
#include "check.h"
#include <pthread.h>
#include <unistd.h>

enum { MANY = 1000 };

struct thing {
    long owner;
    void *link;
    char rest[40];
};

static struct slab things = SLAB(0, struct thing, link);
static struct thing *had[MANY], *last; /* static: nothing leaks */

static struct thing *get(void)
{
    struct thing *t = slab_get(&things);
    CHECK(t != NULL);
    return t;
}

TEST(new_objects_are_zero_and_apart)
{
    for (int i = 0; i < MANY; i++) {
        had[i] = get();
        CHECK_INT(had[i]->owner, 0);
        for (size_t k = 0; k < sizeof had[i]->rest; k++)
            CHECK_INT(had[i]->rest[k], 0);
        memset(had[i]->rest, i, sizeof had[i]->rest);
        had[i]->owner = i + 1;
    }
    for (int i = 0; i < MANY; i++) {
        CHECK_INT(had[i]->owner, i + 1);
        CHECK_INT(had[i]->rest[39], (char)i);
    }
}

TEST(what_was_put_back_comes_again_as_it_was)
{
    struct thing *t = get();
    t->owner = 42;
    slab_put(&things, t);
    CHECK(get() == t);
    CHECK_INT(t->owner, 42);
}

static void *give_back(void *unused)
{
    for (int i = 0; i < MANY; i++)
        slab_put(&things, had[i]);
    slab_thread_end();
    return unused;
}

/* All of a thread's objects come round, so a producer and a consumer need no more
 * memory with time. */
TEST(what_one_thread_puts_back_another_gets)
{
    pthread_t t;
    for (int i = 0; i < MANY; i++)
        (had[i] = get())->owner = 7;
    CHECK(!pthread_create(&t, NULL, give_back, NULL));
    pthread_join(t, NULL);
    int again = 0;
    for (int i = 0; i < MANY; i++)
        again += get()->owner == 7;
    CHECK(again > MANY - 64); /* but for what this thread had left in its cache */
}

static void *churn(void *me)
{
    unsigned seed = (unsigned)(uintptr_t)me * 7919u + check_seed();
    struct thing *mine[200];
    int n = 0;
    for (int i = 0; i < 20000; i++) {
        if (n == 200 || (n && check_random(&seed) % 2)) {
            struct thing *t = mine[--n];
            CHECK_INT(t->owner, (long)(uintptr_t)me);
            t->owner = 0;
            slab_put(&things, t);
        } else {
            struct thing *t = mine[n++] = get();
            CHECK_INT(t->owner, 0); /* nobody else has it */
            t->owner = (long)(uintptr_t)me;
        }
    }
    while (n) {
        mine[--n]->owner = 0;
        slab_put(&things, mine[n]);
    }
    slab_thread_end();
    return NULL;
}

TEST(threads_never_share_an_object)
{
    pthread_t t[4];
    for (uintptr_t i = 0; i < 4; i++)
        CHECK(!pthread_create(&t[i], NULL, churn, (void *)(i + 1)));
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
}

TEST(no_memory_gives_none_and_later_goes_on)
{
    fault_arm(1, true);
    CHECK(!slab_get(&things));
    fault_arm(0, false);
    get();
}

TEST(the_child_of_a_fork_starts_afresh)
{
    for (int i = 0; i < MANY; i++)
        had[i] = get();
    give_back(NULL);
    latch_lock(&things.latch); /* as another thread might hold it at the fork */
    slab_after_fork();
    for (int i = 0; i < MANY; i++) {
        struct thing *t = get();
        t->link = last;
        last = t;
    }
}

TEST_MAIN
