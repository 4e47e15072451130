/* barrier.c - two threads compute a row each, meet, and read the other's.
 *
 * bug 1  lost-wakeup|deadlock: the barrier waits for one more  @meet
 * bug 2  race|assert: the second meeting, before the rows are written again, is missing
 *        @write @read
 * bug 3  deadlock|lost-wakeup: one thread leaves its loop early  @meet
 * bug 4  race|assert: one thread does not wait at all  @write @read */
#include "bug.h"

static pthread_barrier_t barrier;
static int rows[2];

static void meet(void)
{
    pthread_barrier_wait(&barrier); /* @meet */
}

static void *worker(void *arg)
{
    int me = arg != NULL;
    for (int round = 1; round <= 2; round++) {
        rows[me] = round; /* @write */
        if (BUG != 4 || me)
            meet();
        int other = rows[!me];  /* @read */
        assert(other == round); /* @read */
        if (BUG == 3 && me && round == 2)
            break;
        if (BUG != 2 && (BUG != 4 || me))
            meet();
    }
    return arg;
}

int main(void)
{
    pthread_barrier_init(&barrier, NULL, BUG == 1 ? 3 : BUG == 4 ? 1 : 2);
    TOGETHER(worker, worker);
    pthread_barrier_destroy(&barrier);
}
