/* exec/processes/listen.c - a thread of each worker that waits for home to take interest: it
 * stops the scope of what runs, and when home insists interrupts its system call.  What does
 * not end then is killed by home.  Tests: tests/processes_cancel_test.c. */
#include "base/clock.h"
#include "base/futex.h"
#include "base/memory.h"
#include "core/scope.h"
#include "exec/processes/serve.h"
#include <pthread.h>
#include <signal.h>

static pthread_t listen_main_thread;

bool listen_is_asked(const struct serving *s, uint64_t number)
{
    /* relaxed: the listener has it by `ask`; a task that begins then, and has not, has said
     * that it runs before the listener takes the latch, or gets the latch from it */
    return load_relaxed(&s->lane->ask_number) == number;
}

/* Only there to end a system call with EINTR. */
static void listen_interrupt(int number)
{
    (void)number;
}

static int listen_signal(void)
{
    return SIGRTMAX - 3;
}

static void listen_stop(struct serving *s)
{
    latch_lock(&s->latch);
    if (s->running != NOTHING_RUNS && listen_is_asked(s, s->running)) {
        scope_stop(scope_of(s->scope), OVER_CANCELLED);
        if (load_relaxed(&s->lane->ask_signal)) /* `ask` orders it */
            pthread_kill(listen_main_thread, listen_signal());
    }
    latch_unlock(&s->latch);
}

static void *listen_main(void *arg)
{
    struct serving *s = arg;
    uint32_t heard = 0;
    crash_prepare(); /* here, since the first task need not wait for it */
    for (;;) {
        uint32_t now = load_acquire(&s->lane->ask); /* pairs with lane_ask */
        if (now == heard) {
            futex_wait_shared(&s->lane->ask, now, CLOCK_NEVER);
            continue;
        }
        heard = now;
        listen_stop(s);
    }
    return NULL;
}

int listen_begin(struct serving *s)
{
    struct sigaction interrupt = { .sa_handler = listen_interrupt };
    sigset_t all, kept;
    pthread_t thread;
    pthread_attr_t small;
    listen_main_thread = pthread_self();
    sigemptyset(&interrupt.sa_mask);
    sigaction(listen_signal(), &interrupt, NULL);
    sigfillset(&all);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 128 << 10);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &kept);
    int rc = fault_now() ? EAGAIN : pthread_create(&thread, &small, listen_main, s);
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
    pthread_attr_destroy(&small);
    return rc ? why_set(-rc, "a worker process could not start its second thread") : 0;
}
