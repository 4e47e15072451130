/* late.c - a scope whose deadline is brought forward while it closes: the next scope there
 * does not hear of it. */
#include "cell.h"

static tutti_scope scope;

static void *expire(void *arg)
{
    tutti_scope_expire(&scope, tutti_after(TUTTI_MS));
    return arg;
}

int main(void)
{
    pthread_t thread;
    tutti_scope_open(&scope, cell_nowhere(), TUTTI_NEVER, 0);
    pthread_create(&thread, NULL, expire, NULL);
    int r = tutti_scope_close(&scope);
    assert(r == 0 || r == -ETIMEDOUT);
    pthread_join(thread, NULL);
    tutti_scope_open(&scope, cell_nowhere(), TUTTI_NEVER, 0);
    r = tutti_sleep_until(tutti_after(2 * TUTTI_MS));
    assert(r == 0);
    r = tutti_scope_close(&scope);
    assert(r == 0);
    return 0;
}
