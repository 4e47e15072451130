/* Two who spend from one account look at it before they take.
 * explore:              -> good
 * explore: -DUNLOCKED   -> race
 * explore: -DTWO_STEPS  -> assert */
#include <assert.h>
#include <pthread.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int balance = 100;

static void guard(int on)
{
#ifndef UNLOCKED
    if (on)
        pthread_mutex_lock(&lock);
    else
        pthread_mutex_unlock(&lock);
#else
    (void)on;
#endif
}

static void *spend(void *amount)
{
    guard(1);
    int enough = balance >= *(int *)amount;
#ifdef TWO_STEPS
    guard(0);
    guard(1);
#endif
    if (enough)
        balance -= *(int *)amount;
    guard(0);
    return NULL;
}

int main(void)
{
    pthread_t a, b;
    int amount = 70;
    pthread_create(&a, NULL, spend, &amount);
    pthread_create(&b, NULL, spend, &amount);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    assert(balance >= 0);
    return 0;
}
