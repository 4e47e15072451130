/* future.c - a promise that two want to fulfil and two wait for. */
#include "cell.h"

static tutti_future future;
static int news[2];
static atomic_int won;

static void *fulfil(void *arg)
{
    int me = (int)(long)arg;
    news[me] = 1;
    int r = tutti_future_fulfil(future, 0, (tutti_bytes){ &me, sizeof me });
    assert(r == 0 || r == -EALREADY);
    atomic_fetch_add(&won, r == 0);
    return arg;
}

static void *await(void *arg)
{
    tutti_bytes out;
    assert(tutti_future_await(future, &out) == 0 && out.size == sizeof(int));
    int who = *(const int *)out.data;
    assert(news[who] == 1);
    return arg;
}

int main(void)
{
    tutti_scope s;
    tutti_scope_open(&s, cell_nowhere(), TUTTI_NEVER, TUTTI_KEEP_GOING);
    assert(tutti_promise(&s, &future) == 0);
    CELL_RUN(fulfil, fulfil, await, await);
    assert(won == 1);
    tutti_scope_close(&s);
    return 0;
}
