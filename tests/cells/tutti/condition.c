/* condition.c - a signal under the mutex wakes one who waits for the condition, a
 * broadcast all of them. */
#include "cell.h"

static tutti_mutex mutex;
static tutti_cond filled, emptied;
static int items, eaten;

static void *producer(void *arg)
{
    for (int i = 0; i < 2; i++) {
        tutti_mutex_lock(&mutex);
        while (items == 1)
            assert(tutti_cond_wait(&emptied, &mutex) == 0);
        items++;
        tutti_cond_signal(&filled);
        tutti_mutex_unlock(&mutex);
    }
    return arg;
}

static void *consumer(void *arg)
{
    tutti_mutex_lock(&mutex);
    while (items == 0)
        assert(tutti_cond_wait(&filled, &mutex) == 0);
    items--;
    eaten++;
    tutti_cond_broadcast(&emptied);
    tutti_mutex_unlock(&mutex);
    return arg;
}

int main(void)
{
    CELL_RUN(producer, consumer, consumer);
    assert(items == 0 && eaten == 2);
}
