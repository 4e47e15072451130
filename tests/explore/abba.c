/* abba.c - two accounts, a lock each, transfers both ways.
 *
 * bug 1  deadlock: each transfer locks its own account first  @second
 * bug 2  deadlock: one of three paths takes the locks the other way round
 *        @second @audit */
#include "bug.h"

static struct account {
    pthread_mutex_t lock;
    int balance;
} accounts[2] = { { PTHREAD_MUTEX_INITIALIZER, 100 },
                  { PTHREAD_MUTEX_INITIALIZER, 100 } };

#ifndef LEN
#define LEN 0
#endif

/* What a thread does by itself before and after, -DLEN=n accesses of it. */
static int own[4][LEN + 1];
static void busy(int *at)
{
    for (int i = 0; i < LEN; i++)
        at[i]++;
}

static void transfer(struct account *from, struct account *to, int amount)
{
    struct account *first = from, *second = to;
    if (BUG != 1 && to < from) {
        first = to;
        second = from;
    }
    pthread_mutex_lock(&first->lock);
    pthread_mutex_lock(&second->lock); /* @second */
    from->balance -= amount;
    to->balance += amount;
    pthread_mutex_unlock(&second->lock);
    pthread_mutex_unlock(&first->lock);
}

static void *there(void *arg)
{
    busy(own[0]);
    transfer(&accounts[0], &accounts[1], 30);
    busy(own[1]);
    return arg;
}

static void *back(void *arg)
{
    busy(own[2]);
    transfer(&accounts[1], &accounts[0], 20);
    busy(own[3]);
    return arg;
}

static void *audit(void *arg)
{
    struct account *first = &accounts[BUG == 2], *second = &accounts[BUG != 2];
    pthread_mutex_lock(&first->lock);
    pthread_mutex_lock(&second->lock); /* @audit */
    assert(first->balance + second->balance == 200);
    pthread_mutex_unlock(&second->lock);
    pthread_mutex_unlock(&first->lock);
    return arg;
}

int main(void)
{
    TOGETHER(there, back, audit);
    assert(accounts[0].balance == 90 && accounts[1].balance == 110);
}
