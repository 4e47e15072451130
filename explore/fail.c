/* explore/fail.c - a schedule that fails: its kind, its words, where each thread stood.
 * Signals of crashes are failures too; they are handled on a stack of their own, so
 * that an overflow is told as one.  After a failure the driver goes on; memory that a
 * crash may have spoiled is never used again (monitor.c starts afresh).
 * Tests: tests/cells/ends.c, heap.c; tests/explore/abba.c, livelock.c. */
#include "engine.h"
#include "fail.h"
#include "fibers.h"
#include "objects.h"
#include "options.h"
#include "real.h"
#include "report.h"
#include "scarce.h"
#include "trace.h"
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

bool fail_watched, fail_stops;
exported const void *volatile tutti_explore_stopped; /* the frame that a debugger shows */

void fail_place(int thread, enum op op, const void *pc)
{
    struct result *r = ex.result;
    if (r->places == PLACES)
        return;
    struct place *p = &r->place[r->places++];
    *p = (struct place){ thread, op, (uintptr_t)pc, 0 };
    struct thread *t = &ex.thread[thread];
    if (ex.tracing && t->depth > 0 && t->depth <= CALLS && t == ex.me)
        p->caller = (uintptr_t)t->calls[t->depth - 1].caller;
}

static void places_of_others(void)
{
    for (int i = 0; i < ex.threads; i++) {
        struct thread *t = &ex.thread[i];
        if (t->state == THREAD_FREE || t->state == THREAD_ENDED || !t->pc)
            continue;
        bool told = false;
        for (int k = 0; k < ex.result->places; k++)
            told |= ex.result->place[k].thread == i;
        if (!told)
            fail_place(i, t->op, t->pc);
    }
}

static void fail_list(enum failure kind, const void *pc, const char *format,
                      va_list list)
{
    struct result *r = ex.result;
    ex.on = false;
    r->kind = kind;
    vsnprintf(r->words, sizeof r->words, format, list);
    r->steps = ex.steps;
    if (fail_stops) {
        tutti_explore_stopped = pc ? pc : ex.me->pc;
        raise(SIGTRAP);
    }
    bool by_itself = kind == FAIL_ASSERT || kind == FAIL_ABORT || kind == FAIL_CRASH ||
                     kind == FAIL_STUCK;
    if (pc || ex.me->state == THREAD_BLOCKED)
        fail_place(ex.me->id, by_itself ? OP_NONE : ex.me->op, pc ? pc : ex.me->pc);
    places_of_others();
    ex.over = true;
    thread_leave();
}

void fail(enum failure kind, const void *pc, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    fail_list(kind, pc, format, list);
    va_end(list);
    abort();
}

/* A process that another one watches leaves the words to that one: its own way out may
 * lead nowhere. */
static void cannot_here(const char *format, va_list list)
{
    shared->result.kind = FAIL_CANNOT;
    vsnprintf(shared->result.words, sizeof shared->result.words, format, list);
    shared->done = true;
    for (;;)
        real_syscall(SYS_exit_group, 2, 0, 0, 0, 0, 0);
}

void cannot(const char *format, ...)
{
    va_list list;
    va_start(list, format);
    if (fail_watched)
        cannot_here(format, list);
    char words[WORDS];
    vsnprintf(words, sizeof words, format, list);
    va_end(list);
    fprintf(stderr, "tutti explore: %s\n", words);
    report_error(words);
    _Exit(2);
}

/* --- nobody can go on --- */

static const char *waits_in(enum op op)
{
    switch (op) {
    case OP_LOCK: return "a mutex";
    case OP_RDLOCK: return "a read lock";
    case OP_WRLOCK: return "a write lock";
    case OP_JOIN: return "the end of a thread";
    case OP_COND_WAIT: return "a condition";
    case OP_SEM_WAIT: return "a semaphore";
    case OP_FUTEX_WAIT: return "a futex";
    case OP_BARRIER: return "a barrier";
    case OP_ONCE: return "a once call";
    case OP_SPIN: return "a spin lock";
    default: return "something";
    }
}

static bool signalled(enum op op)
{
    return op == OP_COND_WAIT || op == OP_SEM_WAIT || op == OP_FUTEX_WAIT ||
           op == OP_BARRIER;
}

/* The thread that could end t's wait, if there is exactly one. */
static int holder(const struct thread *t)
{
    const struct object *o = t->key;
    switch (t->op) {
    case OP_LOCK:
    case OP_RDLOCK:
    case OP_WRLOCK:
    case OP_SPIN:
        return o ? o->owner : -1;
    case OP_JOIN:
        return ((const struct thread *)t->key)->id;
    default:
        return -1;
    }
}

static bool in_cycle(int from)
{
    int at = from;
    for (int i = 0; i < ex.threads; i++) {
        at = ex.thread[at].state == THREAD_BLOCKED ? holder(&ex.thread[at]) : -1;
        if (at < 0)
            return false;
        if (at == from)
            return true;
    }
    return false;
}

void fail_all_blocked(void)
{
    char words[WORDS];
    int n = 0;
    bool lost = false, cycle = false;
    const struct thread *on_fd = NULL;
    for (int i = 0; i < ex.threads; i++) {
        struct thread *t = &ex.thread[i];
        if (t->state != THREAD_BLOCKED)
            continue;
        lost |= signalled(t->op);
        cycle |= in_cycle(i);
        if (t->op == OP_BLOCKING)
            on_fd = t;
        int who = holder(t);
        if (n < (int)sizeof words - 80)
            n +=
                snprintf(words + n, sizeof words - (size_t)n,
                         "%sthread %d waits for %s", n ? ", " : "", i, waits_in(t->op));
        if (who >= 0 && t->op != OP_JOIN && n < (int)sizeof words - 40)
            n += snprintf(
                words + n, sizeof words - (size_t)n, " that thread %d %s", who,
                ex.thread[who].state == THREAD_ENDED ? "held when it ended" : "holds");
        else if (who >= 0 && n < (int)sizeof words - 40)
            n += snprintf(words + n, sizeof words - (size_t)n, " %d", who);
    }
    if (on_fd)
        fail(FAIL_UNMODELLED, on_fd->pc,
             "thread %d blocks in %s(), which is not modelled, "
             "and nobody else can run: take that call out of the test, or feed it from "
             "another thread",
             on_fd->id, (const char *)on_fd->value);
    fail(lost && !cycle ? FAIL_LOST_WAKEUP : FAIL_DEADLOCK, NULL, "%s", words);
}

/* --- crashes --- */

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    if (!ex.me || !ex.on) { /* not the program's: die of it, which the watcher tells */
        signal(number, SIG_DFL);
        raise(number);
        return;
    }
    const char *name = sigabbrev_np(number);
    char *at = info->si_addr;
    struct thread *t = ex.me;
    ex.result->address = (uintptr_t)at;
    const ucontext_t *u = context;
    const void *pc = (void *)(u->uc_mcontext.gregs[REG_RIP] + 1);
    if (number == SIGXCPU) { /* the watching process has lost patience */
        char who[40];
        snprintf(who, sizeof who, "thread %d", t->id);
        ex.result->address = 0;
        fail(FAIL_STUCK, pc, STUCK_WORDS, who);
    }
    if (number == SIGSEGV && at < t->low && at >= t->low - (1 << 20))
        fail(FAIL_CRASH, pc, "thread %d overflowed its stack of %zu KiB", t->id,
             (size_t)(t->high - t->low) >> 10);
    if (number == SIGSEGV || number == SIGBUS)
        fail(FAIL_CRASH, pc, "thread %d died of SIG%s at address %p", t->id, name, at);
    fail(FAIL_CRASH, pc, "thread %d died of SIG%s", t->id, name);
}

void fail_watch(void)
{
    static const int fatal[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP,
                                 SIGXCPU };
    enum { ALTERNATE = 64 << 10 };
    stack_t stack = { .ss_size = ALTERNATE };
    stack.ss_sp = scarce_map(NULL, ALTERNATE);
    if (!stack.ss_sp || sigaltstack(&stack, NULL))
        cannot("no stack for signals");
    struct sigaction act = { .sa_sigaction = on_signal,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER };
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
        if (!(options.gdb && fatal[i] == SIGTRAP))
            sigaction(fatal[i], &act, NULL);
}
