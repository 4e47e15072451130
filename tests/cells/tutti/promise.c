/* promise.c - two fulfil a promise while its scope closes, another takes what there is,
 * and its owner asks for the next that is done: one wins, and what it gave is seen
 * whole. */
#include "cell.h"
#include <string.h>

static tutti_scope s;
static tutti_future future;
static atomic_int won;

static void *fulfil(void *arg)
{
    char text[40];
    memset(text, 'a' + (int)(long)arg, sizeof text);
    int r = tutti_future_fulfil(future, 3, (tutti_bytes){ text, sizeof text });
    assert(r == 0 || r == -EALREADY || r == -ESTALE);
    atomic_fetch_add(&won, r == 0);
    return arg;
}

static void *take(void *arg)
{
    char text[40];
    int r = tutti_future_take(future, text, sizeof text);
    assert(r == 3 || r == -ECANCELED || r == -ESTALE);
    if (r == 3)
        assert(text[0] == text[39]);
    return arg;
}

int main(void)
{
    pthread_t thread[3];
    tutti_future next;
    tutti_scope_open(&s, cell_nowhere(), TUTTI_NEVER, TUTTI_KEEP_GOING);
    assert(tutti_promise(&s, &future) == 0);
    for (long i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, i < 2 ? fulfil : take, (void *)i);
    tutti_bytes out;
    if (tutti_scope_next(&s, &next) == 1 && tutti_future_await(next, &out) == 3)
        (void)out; /* its bytes are gone as soon as the other takes it */
    tutti_scope_close(&s);
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    assert(atomic_load(&won) <= 1);
    return 0;
}
