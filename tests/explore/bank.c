/* bank.c - two people spend from one account.
 *
 * bug 1  race: nobody locks  @look @take
 * bug 2  assert: looked at and taken under two separate locks
 * bug 3  race: the statement is read without the lock  @statement @take */
#include "bug.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int balance = 100;

static void acquire(void)
{
    if (BUG != 1)
        pthread_mutex_lock(&lock);
}

static void release(void)
{
    if (BUG != 1)
        pthread_mutex_unlock(&lock);
}

static void *spend(void *arg)
{
    acquire();
    bool enough = balance >= 70; /* @look */
    if (BUG == 2) {
        release();
        acquire();
    }
    if (enough)
        balance -= 70; /* @take */
    assert(balance >= 0);
    release();
    return arg;
}

static void *statement(void *arg)
{
    if (BUG != 3)
        acquire();
    look_at(balance); /* @statement */
    if (BUG != 3)
        release();
    return arg;
}

int main(void)
{
    TOGETHER(spend, spend, statement);
    assert(balance == 30);
}
