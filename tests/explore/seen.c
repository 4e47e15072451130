/* seen.c - accesses that hooks see, 100 at least, and some that none does: BY_ASM one
 * by inline assembly, ELSEWHERE fifty in a file that is built without the flag
 * (plain.inc), BY_LIBC some of snprintf.  COPIES makes more that must be seen, OBJECTS
 * changes that are no secret.  Run by explore_seen_test.py. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef OBJECTS /* libc initialises them, and hooks know of it */
#include <semaphore.h>
#include <threads.h>
sem_t sem;
mtx_t mtx;
cnd_t cnd;
pthread_mutex_t lock;
pthread_rwlock_t shared;
pthread_barrier_t barrier;
struct timespec now;
#endif

void elsewhere(int *numbers, int count);

char text[200];
int number, numbers[100];

static void more(void)
{
#ifdef BY_ASM
    __asm__ volatile("lock incl %0" : "+m"(number));
#elif defined ELSEWHERE
    elsewhere(numbers + 50, 50);
#elif defined BY_LIBC
    snprintf(text, sizeof text, "%d", 12345);
#elif defined COPIES
    memcpy(text, "copied on the spot, or by a call", 20);
    number += (int)strlen(text);
    char *p = malloc(1000);
    memset(p, 1, 1000);
    memmove(text + 8, p, 16);
    free(p);
#elif defined OBJECTS
    sem_init(&sem, 0, 3);
    mtx_init(&mtx, mtx_recursive);
    cnd_init(&cnd);
    pthread_mutex_init(&lock, NULL);
    pthread_mutex_lock(&lock);
    pthread_mutex_unlock(&lock);
    pthread_mutex_destroy(&lock);
    pthread_rwlock_init(&shared, NULL);
    pthread_barrier_init(&barrier, NULL, 2);
    clock_gettime(CLOCK_MONOTONIC, &now);
#endif
}

static void *body(void *arg)
{
    for (int i = 0; i < 50; i++)
        numbers[i]++;
    more();
    return arg;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, body, NULL);
    pthread_join(thread, NULL);
}
