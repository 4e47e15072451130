/* rwlock.c - a small table under a lock for readers and writers.
 *
 * bug 1  deadlock: a reader asks for the write lock as well  @upgrade
 * bug 2  race: it writes under the read lock  @write @read
 * bug 3  assert: it lets go to upgrade and does not look again */
#include "bug.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static int entries, value;

static void *insert(void *arg)
{
    pthread_rwlock_rdlock(&lock);
    bool missing = value == 0; /* @read */
    if (BUG == 1) {
        if (missing)
            pthread_rwlock_wrlock(&lock); /* @upgrade */
    } else if (BUG != 2) {
        pthread_rwlock_unlock(&lock);
        pthread_rwlock_wrlock(&lock);
        if (BUG != 3)
            missing = value == 0;
    }
    if (missing) {
        value = 7; /* @write */
        entries++;
    }
    pthread_rwlock_unlock(&lock);
    return arg;
}

static void *look(void *arg)
{
    pthread_rwlock_rdlock(&lock);
    assert(value == 0 || value == 7); /* @read */
    pthread_rwlock_unlock(&lock);
    return arg;
}

int main(void)
{
    TOGETHER(insert, insert, look);
    assert(entries == 1);
}
