/* biased.c - base/biased: the owner takes it by plain stores while another comes and
 * makes it an ordinary latch; one inside at a time, and each sees what the last did. */
#include "base/biased.h"
#include "cell.h"

static struct biased latch;
static int inside, turns;
static char mark[3]; /* a place for each thread, as thread_mark() */

static void work(void)
{
    assert(inside++ == 0);
    turns++;
    inside--;
}

static void turn(const void *me)
{
    biased_lock(&latch, me);
    work();
    biased_unlock(&latch);
}

static void *owner(void *arg)
{
    turn(&mark[0]);
    if (biased_enter(&latch, &mark[0])) {
        work();
        biased_leave(&latch);
    } else {
        turn(&mark[0]);
    }
    return arg;
}

static void *other(void *arg)
{
    turn(&mark[1]);
    return arg;
}

static void *gives_up(void *arg)
{
    biased_give_up(&latch, &mark[2]);
    turn(&mark[2]);
    return arg;
}

int main(void)
{
    biased_init(&latch, &mark[0]);
    CELL_RUN(owner, other, gives_up);
    assert(turns == 4);
    return 0;
}
