/* hang.c - what makes no step that can be seen is ended soon after the time is up, also in
 * the process of a single schedule; a call that blocks from within the program's own code
 * is named.
 *
 * explore: -DLOOP          -> stuck seconds=1
 * explore: -DPAUSE         -> stuck seconds=1
 * explore: -DLOOP -DLATER  -> stuck fork=1,seconds=1
 * explore: -DCALL -DLATER  -> unmodelled fork=1,seconds=1 */
#include <pthread.h>
#include <stdatomic.h>

atomic_int told;

static void hang(void)
{
#ifdef LOOP
    for (;;)
        ;
#elif defined PAUSE /* for what will not come */
    __asm__ volatile("1: pause\n\tcmpl $99, %0\n\tjne 1b" : : "m"(told));
#else
    long call = 34; /* pause */
    __asm__ volatile("syscall" : "+a"(call) : : "rcx", "r11", "memory");
#endif
}

static void *body(void *arg)
{
#ifdef LATER /* not in the schedule that comes first */
    if (!atomic_load(&told))
#endif
        hang();
    return arg;
}

int main(void)
{
    pthread_t t;
    pthread_create(&t, NULL, body, NULL);
    atomic_store(&told, 1);
    pthread_join(t, NULL);
    return 0;
}
