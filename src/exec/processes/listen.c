/* exec/processes/listen.c - a thread of each worker that waits for home to take interest: it
 * stops the scope of what is to end, and when home insists interrupts its system call.  What does
 * not end then is killed by home.  And it looks for answers that home has waited for long.
 * Tests: tests/processes_cancel_test.c, tests/processes_lost_test.c. */
#include "base/clock.h"
#include "base/futex.h"
#include "base/launch.h"
#include "base/memory.h"
#include "core/scope.h"
#include "exec/processes/events.h"
#include "exec/processes/serve.h"
#include <pthread.h>
#include <signal.h>

static uint32_t listen_asked(const struct serving *s, uint64_t number)
{
    /* relaxed: the listener has it by `ask`; a task that begins then, and has not, has said
     * that it runs before the listener takes the latch, or gets the latch from it */
    return load_relaxed(&s->lane->request[number % RING].asked);
}

bool listen_is_asked(const struct serving *s, uint64_t number)
{
    return listen_asked(s, number) != 0;
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

void listen_let_in(void)
{
    static _Thread_local bool done;
    sigset_t one;
    if (likely(done))
        return;
    done = true;
    sigemptyset(&one);
    sigaddset(&one, listen_signal());
    sigaddset(&one, SIGXFSZ); /* file-size= */
    pthread_sigmask(SIG_UNBLOCK, &one, NULL);
}

static void listen_stop(struct serving *s)
{
    latch_lock(&s->latch);
    for (unsigned i = 0; i < RING; i++) {
        const struct turn *t = &s->turn[i];
        uint64_t number = load_relaxed(&t->number); /* under the latch */
        uint32_t asked = number == NOTHING_RUNS ? 0 : listen_asked(s, number);
        if (asked)
            event_note(s, asked == REQUEST_INTERRUPTED ? EVENT_INTERRUPTED : EVENT_ASKED,
                       &s->lane->request[number % RING], 0);
        if (asked)
            scope_stop(scope_of(t->scope), OVER_CANCELLED);
        if (asked == REQUEST_INTERRUPTED) /* or whatever else has that thread by now */
            pthread_kill(t->thread, listen_signal());
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
        answers_check(s, 0, RING);
    }
    return NULL;
}

int listen_begin(struct serving *s)
{
    struct sigaction interrupt = { .sa_handler = listen_interrupt };
    pthread_t thread;
    pthread_attr_t small;
    sigemptyset(&interrupt.sa_mask);
    sigaction(listen_signal(), &interrupt, NULL);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 128 << 10);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    int rc = thread_launch(&thread, &small, NULL, listen_main, s);
    pthread_attr_destroy(&small);
    return rc ? why_set(-rc, "a worker process could not start its second thread") : 0;
}
