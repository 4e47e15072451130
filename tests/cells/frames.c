/* frames.c - variables in frames of functions that live, however their thread got there,
 * are fair use for all threads; those of a function that returns are not, even where the
 * use came first by chance.
 *
 * explore: -DTEST=1 -> good
 * explore: -DTEST=2 -> good
 * explore: -DTEST=3 -> good
 * explore: -DTEST=4 -> good
 * explore: -DTEST=5 -> good
 * explore: -DTEST=6 -> good
 * explore: -DTEST=7 -> dead-stack
 * explore: -DTEST=8 -> dead-stack
 * explore: -DTEST=9 -> dead-stack
 * explore: -DTEST=10 -> good
 * explore: -DTEST=11 -> crash */
#undef NDEBUG
#include <alloca.h>
#include <assert.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <ucontext.h>

static int *_Atomic given;
static atomic_int taken;
static sem_t asked, answered;

#if TEST >= 10 /* as large as a program's own stack lets it be, and larger */
static void *large(void *unused)
{
    volatile char own[(TEST == 10 ? 7 << 20 : 17 << 19)];
    volatile int first = 0; /* so that none of it can be left out */
    own[first] = 1;
    return own[0] == 1 ? unused : NULL;
}
#endif

static void *other(void *unused)
{
    sem_wait(&asked);
#if TEST == 9
    pthread_mutex_lock((void *)given);
    pthread_mutex_unlock((void *)given);
#else
    *given += 1;
#endif
    atomic_store_explicit(&taken, 1, memory_order_relaxed);
    sem_post(&answered);
    return unused;
}

static void lend(int *p)
{
    given = p;
    sem_post(&asked);
    sem_wait(&answered);
}

static __attribute__((noinline)) int deep(int n, int *p)
{
    volatile int own[8] = { n };
    if (n == 0)
        lend(p);
    else
        deep(n - 1, p);
    return own[0];
}

static int compare(const void *a, const void *b)
{
    if (!given)
        lend((int *)a);
    return *(const int *)a - *(const int *)b;
}

static ucontext_t home, away;
static char *room;
static void coroutine(void)
{
    int own = 1;
    lend(&own);
    assert(own == 2);
    swapcontext(&away, &home);
}

static jmp_buf back;
static __attribute__((noinline)) void jump(int n)
{
    volatile int own[32] = { n };
    if (n == 0)
        longjmp(back, 1);
    jump(n - 1);
    own[0]++;
}

static __attribute__((noinline)) void hasty(void)
{
#if TEST == 9
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    given = (int *)&lock;
#else
    int own = 1;
    given = &own;
#endif
    sem_post(&asked);
#if TEST == 7 /* whoever saw the flag by this has waited, but is not ordered */
    while (!atomic_load_explicit(&taken, memory_order_relaxed))
        ;
#endif
}

int main(void)
{
    pthread_t t;
    sem_init(&asked, 0, 0), sem_init(&answered, 0, 0);
    pthread_create(&t, NULL, other, NULL);
#if TEST == 1 /* from many frames further out */
    int own = 1;
    deep(20, &own);
    assert(own == 2);
#elif TEST == 2 /* memory that a function takes from the stack as it goes */
    volatile int n = 100;
    int *p = alloca(n * sizeof *p);
    p[3] = 1;
    deep(3, p + 3);
    assert(p[3] == 2);
#elif TEST == 3 /* behind a jump out of deep frames */
    int own[2] = { 0, 1 };
    if (!setjmp(back))
        jump(10);
    deep(2, own + 1);
    assert(own[1] == 2);
#elif TEST == 4 /* in a function that a library calls */
    int own[3] = { 3, 1, 2 };
    qsort(own, 3, sizeof *own, compare);
#elif TEST == 5 || TEST == 6 /* on a stack of its own, and from there on the thread's */
    int own = 1;
    room = malloc(1 << 16);
    getcontext(&away);
    away.uc_stack.ss_sp = room, away.uc_stack.ss_size = 1 << 16;
    makecontext(&away, coroutine, 0);
    if (TEST == 5)
        swapcontext(&home, &away);
    else
        deep(3, &own);
    assert(TEST == 5 || own == 2);
#elif TEST == 7
    hasty();
#elif TEST >= 10
    pthread_t second;
    pthread_create(&second, NULL, large, NULL);
    pthread_join(second, NULL);
    lend(&(int){ 0 });
#else /* 8: not ordered at all; 9: a lock in the frame */
    hasty();
#endif
    pthread_join(t, NULL);
    return 0;
}
