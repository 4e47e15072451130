/* rwlock.c - the lock for readers and writers: a writer is alone, and readers see what
 * it wrote. */
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

static void *reader(void *arg)
{
    for (int i = 0; i < 2; i++) {
        assert(tutti_rwlock_rdlock(&lock) == 0);
        assert(a == b);
        tutti_rwlock_unlock(&lock);
    }
    return arg;
}

int main(void)
{
    CELL_RUN(writer, reader, writer);
    assert(a == 2);
}
