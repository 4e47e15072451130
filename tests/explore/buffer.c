/* buffer.c - a buffer of one slot, two producers and two consumers, a mutex and two
 * conditions.
 *
 * bug 1  assert: a consumer does not look again after it was woken
 * bug 2  lost-wakeup: one condition for both sides, and only one is woken
 *        @full @empty
 * bug 3  lost-wakeup: the producer signals before it fills, and not under the lock
 *        @empty
 * bug 4  lost-wakeup: a consumer that takes the last item wakes nobody  @full */
#include "bug.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER,
                      emptied = PTHREAD_COND_INITIALIZER;
static int items, eaten;

static pthread_cond_t *side(pthread_cond_t *cond)
{
    return BUG == 2 ? &filled : cond;
}

static void *producer(void *arg)
{
    for (int i = 0; i < 2; i++) {
        if (BUG == 3)
            pthread_cond_signal(&filled);
        pthread_mutex_lock(&lock);
        while (items == 1)
            pthread_cond_wait(side(&emptied), &lock); /* @full */
        items++;
        if (BUG != 3)
            pthread_cond_signal(&filled);
        pthread_mutex_unlock(&lock);
    }
    return arg;
}

static void *consumer(void *arg)
{
    for (int i = 0; i < 2; i++) {
        pthread_mutex_lock(&lock);
        while (items == 0) {
            pthread_cond_wait(&filled, &lock); /* @empty */
            if (BUG == 1)
                break;
        }
        items--;
        assert(items == 0);
        eaten++;
        if (BUG != 4)
            pthread_cond_signal(side(&emptied));
        pthread_mutex_unlock(&lock);
    }
    return arg;
}

int main(void)
{
    TOGETHER(producer, producer, consumer, consumer);
    assert(eaten == 4);
}
