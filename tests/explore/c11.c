/* c11.c - the threads of <threads.h>: a box filled by one and emptied by another.
 *
 * bug 1  race: filled without the mutex  @fill @empty
 * bug 2  lost-wakeup: signalled before the waiter's look is locked out  @wait
 * bug 3  assert: woken is taken for filled
 * bug 4  race: set up by a plain flag in place of call_once  @setup */
#include "bug.h"
#include <threads.h>

static mtx_t mutex;
static cnd_t filled;
static once_flag flag = ONCE_FLAG_INIT;
static int box, ready, setups;

static void setup(void)
{
    setups++; /* @setup */
}

static void enter(void)
{
    if (BUG != 4)
        call_once(&flag, setup);
    else if (!setups) /* @setup */
        setup();
}

static int fill(void *arg)
{
    (void)arg;
    enter();
    if (BUG == 2)
        cnd_broadcast(&filled);
    if (BUG != 1)
        mtx_lock(&mutex);
    box = 7; /* @fill */
    ready = 1;
    if (BUG != 1)
        mtx_unlock(&mutex);
    if (BUG != 2)
        cnd_broadcast(&filled);
    return 0;
}

static int empty(void *arg)
{
    (void)arg;
    enter();
    mtx_lock(&mutex);
    while (!ready) {               /* @empty */
        cnd_wait(&filled, &mutex); /* @wait */
        if (BUG == 3)
            break;
    }
    assert(box == 7);
    if (BUG == 3)
        box = 0;
    mtx_unlock(&mutex);
    return 0;
}

int main(void)
{
    thrd_t threads[3];
    mtx_init(&mutex, mtx_plain);
    cnd_init(&filled);
    thrd_create(&threads[0], empty, NULL);
    thrd_create(&threads[1], fill, NULL);
    if (BUG == 3)
        thrd_create(&threads[2], empty, NULL);
    for (int i = 0; i < (BUG == 3 ? 3 : 2); i++)
        thrd_join(threads[i], NULL);
    assert(setups == 1);
    mtx_destroy(&mutex);
    cnd_destroy(&filled);
}
