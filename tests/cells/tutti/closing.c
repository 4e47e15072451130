/* closing.c - a promise is fulfilled while its scope closes: closing waits for who is
 * at it, and frees what it gave. */
#include "cell.h"
#include <string.h>

static tutti_scope s;
static tutti_future future;

static void *fulfil(void *arg)
{
    char text[64] = "longer than what a promise keeps in itself";
    int r = tutti_future_fulfil(future, 0, (tutti_bytes){ text, sizeof text });
    assert(r == 0 || r == -EALREADY || r == -ESTALE);
    return arg;
}

int main(void)
{
    pthread_t thread[2];
    tutti_scope_open(&s, cell_nowhere(), TUTTI_NEVER, TUTTI_KEEP_GOING);
    assert(tutti_promise(&s, &future) == 0);
    for (int i = 0; i < 2; i++)
        pthread_create(&thread[i], NULL, fulfil, NULL);
    assert(tutti_scope_close(&s) == 0);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    return 0;
}
