/* mutex.c - tutti_mutex and tutti_cond between plain threads: a queue of one place. */
#include "cell.h"

static tutti_mutex mutex;
static tutti_cond changed;
static int full, item, sum;

static void *put(void *arg)
{
    for (int i = 1; i <= 2; i++) {
        tutti_mutex_lock(&mutex);
        while (full)
            assert(tutti_cond_wait(&changed, &mutex) == 0);
        full = 1;
        item = i;
        tutti_cond_broadcast(&changed);
        tutti_mutex_unlock(&mutex);
    }
    return arg;
}

static void *get(void *arg)
{
    for (int i = 1; i <= 2; i++) {
        tutti_mutex_lock(&mutex);
        while (!full)
            assert(tutti_cond_wait(&changed, &mutex) == 0);
        full = 0;
        sum += item;
        tutti_cond_broadcast(&changed);
        tutti_mutex_unlock(&mutex);
    }
    return arg;
}

int main(void)
{
    CELL_RUN(put, get);
    assert(sum == 3);
    return 0;
}
