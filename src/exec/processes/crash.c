/* exec/processes/crash.c - the last words of a worker: which signal, where, on which request.
 *
 * The record is complete before anything that could fault again: unwinding a spoilt stack
 * may.  A second fault in the handler finds the default action and kills at once, and an
 * alarm ends one that hangs.  A child that a task has fork()ed has no arena, and is left to
 * its fate.  Tests: tests/processes_crash_test.c. */
#include "base/registers.h"
#include "base/memory.h"
#include "exec/processes/serve.h"
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

enum { CRASH_STACK = 96 << 10, CRASH_SECONDS = 2, NEAR = 64 << 10 };

static pid_t crash_pid;
static uintptr_t stack_low; /* of the thread that runs tasks */
static const int crash_signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS,
                                     SIGTRAP, SIGXCPU, SIGXFSZ };

static void crash_default(int number)
{
    struct sigaction plain = { .sa_handler = SIG_DFL };
    sigaction(number, &plain, NULL);
}

static void crash_record(struct crash *c, int number, const siginfo_t *info,
                         const void *context)
{
    uintptr_t address = (uintptr_t)info->si_addr, sp = registers_sp(context);
    c->signal = number;
    c->code = info->si_code;
    c->address = address;
    c->pc = registers_pc(context);
    c->sp = sp;
    c->number = serving.running;
    c->frames = 0;
    c->overflow = number == SIGSEGV && sp < stack_low + NEAR && address + NEAR >= sp
                  && address < sp + NEAR;
    store_release(&c->state, 1); /* pairs with crash_words, as the next */
}

static void crash_handle(int number, siginfo_t *info, void *context)
{
    static volatile sig_atomic_t entered;
    crash_default(number);
    if (getpid() == crash_pid && !entered) {
        struct crash *c = &serving.own->crash;
        entered = 1;
        for (size_t i = 0; i < sizeof crash_signals / sizeof *crash_signals; i++)
            crash_default(crash_signals[i]);
        alarm(CRASH_SECONDS);
        crash_record(c, number, info, context);
        void *frame[FRAMES];
        int n = backtrace(frame, FRAMES);
        for (int i = 0; i < n; i++)
            c->frame[i] = (uint64_t)(uintptr_t)frame[i];
        c->frames = (uint32_t)n;
        store_release(&c->state, 2);
    }
    bool again = number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE;
    if (info->si_code <= 0 || !again)
        raise(number); /* it does not come again by itself */
}

static void crash_stack(void)
{
    static unsigned char stack[CRASH_STACK];
    sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = sizeof stack }, NULL);
}

void crash_watch(struct serving *s)
{
    struct sigaction now = { .sa_sigaction = crash_handle,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK };
    void *warm[2], *low;
    size_t size;
    pthread_attr_t attributes;
    (void)s;
    backtrace(warm, 2); /* the first call loads a library, which a handler may not */
    crash_pid = getpid();
    if (!pthread_getattr_np(pthread_self(), &attributes)) {
        if (!pthread_attr_getstack(&attributes, &low, &size))
            stack_low = (uintptr_t)low;
        pthread_attr_destroy(&attributes);
    }
    crash_stack();
    sigemptyset(&now.sa_mask);
    for (size_t i = 0; i < sizeof crash_signals / sizeof *crash_signals; i++)
        sigaction(crash_signals[i], &now, NULL);
}
