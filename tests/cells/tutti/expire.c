/* expire.c - a scope whose deadline two bring forward while one waits in a scope
 * inside: the wait ends by its event or by the earliest time. */
#include "cell.h"

static tutti_scope scope;
static tutti_event event;
static int news;

static void *expire(void *arg)
{
    tutti_scope_expire(&scope, tutti_after((1 + (long)arg) * TUTTI_MS));
    return arg;
}

static void *set(void *arg)
{
    news = 1;
    tutti_event_set(&event);
    return arg;
}

int main(void)
{
    pthread_t thread[3];
    tutti_scope_open(&scope, cell_nowhere(), TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (long i = 0; i < 3; i++)
        pthread_create(&thread[i], NULL, i < 2 ? expire : set, (void *)i);
    tutti_scope inside;
    tutti_scope_open(&inside, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    int r = tutti_event_wait(&event);
    assert(r == 0 || r == -ETIMEDOUT);
    if (r == 0)
        assert(news == 1);
    r = tutti_scope_close(&inside);
    assert(r == 0 || r == -ETIMEDOUT);
    for (int i = 0; i < 3; i++)
        pthread_join(thread[i], NULL);
    r = tutti_scope_close(&scope);
    assert(r == 0 || r == -ETIMEDOUT);
    return 0;
}
