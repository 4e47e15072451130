/* farbarrier.c - a barrier that processes share: nobody passes before all have come, one of
 * each round is told that it was the last, and all see what the others did before. */
#include "far.h"

enum { PARTIES = 3, ROUNDS = 2 };
static int came[ROUNDS][PARTIES];
static atomic_int last[ROUNDS];

static void *party(void *arg)
{
    lane_enter((long)arg % LANES);
    for (int r = 0; r < ROUNDS; r++) {
        came[r][(long)arg] = 1;
        int rc = tutti_barrier_wait(&arena.user[0].barrier);
        assert(rc == 0 || rc == 1);
        atomic_fetch_add_explicit(&last[r], rc, memory_order_relaxed);
        for (int i = 0; i < PARTIES; i++)
            assert(came[r][i]);
    }
    return arg;
}

int main(void)
{
    tutti_scope s;
    home_open(&s);
    assert(tutti_barrier_share(&s, &arena.user[0].barrier, PARTIES) == 0);
    CELL_RUN(party, party, party);
    for (int r = 0; r < ROUNDS; r++)
        assert(atomic_load_explicit(&last[r], memory_order_relaxed) == 1);
    home_close(&s);
    return 0;
}
