/* philosophers.c - three of them, three forks, the last one reaches for the other fork
 * first.
 *
 * bug 1  deadlock: everybody reaches for the left fork first  @second
 * bug 2  race: who finds the second fork taken eats with one  @eat */
#include "bug.h"

enum { SEATS = 3 };
static pthread_mutex_t forks[SEATS] = { PTHREAD_MUTEX_INITIALIZER,
                                        PTHREAD_MUTEX_INITIALIZER,
                                        PTHREAD_MUTEX_INITIALIZER };
static int uses[SEATS];

static void *philosopher(void *arg)
{
    size_t left = (size_t)arg, right = (left + 1) % SEATS, first = left, second = right;
    if (BUG != 1 && right < left) {
        first = right;
        second = left;
    }
    pthread_mutex_lock(&forks[first]);
    bool both = true;
    if (BUG == 2)
        both = pthread_mutex_trylock(&forks[second]) == 0;
    else
        pthread_mutex_lock(&forks[second]); /* @second */
    uses[left]++;                           /* @eat */
    uses[right]++;                          /* @eat */
    if (both)
        pthread_mutex_unlock(&forks[second]);
    pthread_mutex_unlock(&forks[first]);
    return NULL;
}

int main(void)
{
    TOGETHER(philosopher, philosopher, philosopher);
    for (int i = 0; i < SEATS; i++)
        assert(uses[i] == 2);
}
