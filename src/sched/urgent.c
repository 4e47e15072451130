/* sched/urgent.c - see urgent.h. */
#include "sched/urgent.h"
#include "base/latch.h"
#include "core/thread.h"
#include "fiber/fiber.h"
#include <errno.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct latch latch; /* guards the two below */
static unsigned users;
static struct sigaction before;

static void urgent_on_signal(int signum, siginfo_t *info, void *context)
{
    int kept = errno;
    bool ours = gil_urgent();
    ours |= culprit_urgent(context);
    ours |= worker_urgent();
    if (ours) {
        errno = kept;
        return;
    }
    if (before.sa_flags & SA_SIGINFO && before.sa_sigaction)
        before.sa_sigaction(signum, info, context);
    else if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        before.sa_handler(signum);
    errno = kept;
}

void urgent_enter(void)
{
    latch_lock(&latch);
    if (users++ == 0) {
        /* Beside the task's stack: the registers alone may take 11 KiB of its 16.  Not so
         * under valgrind, which must see that stack after a wait: fiber_stack_here. */
        struct sigaction act = { .sa_sigaction = urgent_on_signal,
                                 .sa_flags = SA_SIGINFO | SA_RESTART };
        if (!fiber_emulated())
            act.sa_flags |= SA_ONSTACK;
        sigfillset(&act.sa_mask);
        sigaction(SIGURG, &act, &before);
    }
    latch_unlock(&latch);
}

void urgent_leave(void)
{
    latch_lock(&latch);
    if (--users == 0)
        sigaction(SIGURG, &before, NULL);
    latch_unlock(&latch);
}

void urgent_send(int tid)
{
    syscall(SYS_tgkill, getpid(), tid, SIGURG);
}

static void urgent_after_fork(void)
{
    latch = (struct latch){ 0 };
}

__attribute__((constructor)) static void urgent_begin(void)
{
    fork_watch(urgent_after_fork);
}
