/* rwcut.c - a lock for readers and writers where one who waits is cut off: the lock
 * goes on to the next, who sees what the last writer did. */
#include "cell.h"

static tutti_rwlock lock;
static int a, b;

static void *writer(void *arg)
{
    assert(tutti_rwlock_wrlock(&lock) == 0);
    a++;
    b++;
    tutti_rwlock_unlock(&lock);
    return arg;
}

static void *hurried(void *arg)
{
    TUTTI_SCOPE(s, cell_nowhere(), tutti_after(TUTTI_MS), TUTTI_KEEP_GOING);
    int r = tutti_rwlock_wrlock_cut(&lock);
    assert(r == 0 || r == -ETIMEDOUT);
    if (r == 0) {
        assert(a == b);
        tutti_rwlock_unlock(&lock);
    }
    return arg;
}

int main(void)
{
    CELL_RUN(writer, hurried, writer);
    assert(a == 2 && b == 2);
    return 0;
}
