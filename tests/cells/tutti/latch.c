/* latch.c - base/latch: three take turns, one of them may have to sleep. */
#include "base/latch.h"
#include "cell.h"

static struct latch latch;
static int inside, turns;

static void *turn(void *arg)
{
    for (int i = 0; i < 2; i++) {
        latch_lock(&latch);
        assert(inside++ == 0);
        turns++;
        inside--;
        latch_unlock(&latch);
    }
    return arg;
}

int main(void)
{
    CELL_RUN(turn, turn, turn);
    assert(turns == 6);
    return 0;
}
