/* exec/processes/crash.c - the last words of a worker: which signal, where, on which request.
 *
 * The record is complete before anything that could fault again: unwinding a spoilt stack
 * may.  A second fault in the handler finds the default action and kills at once, and an
 * alarm ends one that hangs.  A child that a task has fork()ed has no arena, and is left to
 * its fate.  Tests: tests/processes_crash_test.c. */
#include "base/calls.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/registers.h"
#include "core/context.h"
#include "exec/processes/serve.h"
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    CRASH_STACK = 96 << 10,
    CRASH_SECONDS = 2,
    NEAR = 64 << 10,
    PREPARING = 50 /* ms to wait at most until crash_prepare is done */
};

static pid_t crash_pid;
static uintptr_t stack_low; /* of the main thread */
static _Atomic bool prepared;
static uint32_t objects; /* how many of object[] are in use */
static struct object object[OBJECTS];
static const int crash_signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS,
                                     SIGTRAP, SIGXCPU, SIGXFSZ };

static void crash_default(int number)
{
    struct sigaction plain = { .sa_handler = SIG_DFL };
    sigaction(number, &plain, NULL);
}

/* Not a task's own doing?  The runtime finds out what it may by trying, and libc looks at
 * /proc and /sys when it likes. */
static bool call_is_ours(const siginfo_t *info, const void *context)
{
    const struct context *c = context_current;
    const char *name = call_name(info->si_syscall);
    if (!c || (!c->name && !c->task))
        return true;
    if (!name || strncmp(name, "open", 4))
        return false;
    const char *path = (const char *)registers_argument(context, name[4] ? 1 : 0);
    return path && (!strncmp(path, "/proc/", 6) || !strncmp(path, "/sys/", 5));
}

/* The end of the stack that the caller is on. */
static uintptr_t stack_lowest(void)
{
    const struct context *c = context_current;
    return c && c->task ? (uintptr_t)c->fiber.low : stack_low;
}

/* What its task had and did, as far as that is kept anyway; last, since it reads much. */
static void crash_state(struct crash *c)
{
    const struct context *of = context_current;
    if (!of || (!of->name && !of->task))
        return;
    c->locks = of->locks;
    if (of->wait_what)
        strncpy(c->waited, of->wait_what, sizeof c->waited - 1);
}

static void crash_record(struct crash *c, int number, const siginfo_t *info,
                         const void *context)
{
    uintptr_t address = (uintptr_t)info->si_addr, sp = registers_sp(context);
    answers_restore(&serving);
    c->signal = number;
    c->code = info->si_code;
    c->address = address;
    c->pc = registers_pc(context);
    c->sp = sp;
    c->number = turn_of_caller(&serving);
    c->call = number == SIGSYS && info->si_code == CALL_REFUSED ? info->si_syscall : -1;
    c->frames = 0;
    c->when = clock_now();
    c->overflow = number == SIGSEGV && sp < stack_lowest() + NEAR && address + NEAR >= sp
                  && address < sp + NEAR;
    store_release(&c->state, 1); /* pairs with crash_words, as the next */
}

/* Whoever faults while it holds a lock of the loader's or of malloc waits in vain, and has
 * no more than the one place to tell. */
static bool crash_is_prepared(void)
{
    struct timespec nap = { 0, 1000000 };
    for (int i = 0; i < PREPARING && !load_acquire(&prepared); i++) /* crash_prepare */
        nanosleep(&nap, NULL);
    return load_acquire(&prepared);
}

static void crash_frames(struct crash *c)
{
    void *frame[FRAMES];
    memcpy(serving.own->object, object, objects * sizeof *object);
    serving.own->objects = objects;
    int n = backtrace(frame, FRAMES);
    for (int i = 0; i < n; i++)
        c->frame[i] = (uint64_t)(uintptr_t)frame[i];
    c->frames = (uint32_t)n;
    store_release(&c->state, 2);
}

static void crash_handle(int number, siginfo_t *info, void *context)
{
    static volatile sig_atomic_t entered;
    if (number == SIGSYS && info->si_code == CALL_REFUSED && call_is_ours(info, context)) {
        registers_set_result(context, -EPERM);
        return;
    }
    crash_default(number);
    if (getpid() == crash_pid && !entered) {
        struct crash *c = &serving.own->crash;
        entered = 1;
        for (size_t i = 0; i < sizeof crash_signals / sizeof *crash_signals; i++)
            crash_default(crash_signals[i]);
        alarm(CRASH_SECONDS);
        crash_record(c, number, info, context);
        if (crash_is_prepared())
            crash_frames(c);
        crash_state(c);
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

/* Where our files are mapped, so that home can name an address after our end. */
static void list_objects(void)
{
    char line[MODULE_PATH + 100];
    unsigned long from, to, offset;
    int at;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && objects < OBJECTS && fgets(line, sizeof line, maps)) {
        line[strcspn(line, "\n")] = 0;
        if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %n", &from, &to, &offset, &at) != 3
            || line[at] != '/' || strlen(line + at) >= MODULE_PATH)
            continue;
        struct object *last = objects ? &object[objects - 1] : NULL;
        if (last && !strcmp(last->path, line + at)) {
            last->to = to;
            continue;
        }
        struct object *o = &object[objects++];
        o->base = from - offset;
        o->from = from;
        o->to = to;
        strcpy(o->path, line + at);
    }
    if (maps)
        fclose(maps);
}

void crash_prepare(void)
{
    void *warm[2];
    if (load_acquire(&prepared)) /* by the zygote, whose memory this is */
        return;
    list_objects();
    backtrace(warm, 2); /* the first call loads a library, which a handler may not */
    store_release(&prepared, true); /* pairs with crash_is_prepared */
}

void crash_watch(struct serving *s)
{
    struct sigaction now = { .sa_sigaction = crash_handle,
                             .sa_flags = SA_SIGINFO | SA_ONSTACK };
    struct rlimit stack;
    (void)s;
    crash_pid = getpid();
    /* The name of what was executed lies at the top of the stack. */
    if (!getrlimit(RLIMIT_STACK, &stack) && stack.rlim_cur < getauxval(AT_EXECFN))
        stack_low = getauxval(AT_EXECFN) - stack.rlim_cur;
    crash_stack();
    sigemptyset(&now.sa_mask);
    for (size_t i = 0; i < sizeof crash_signals / sizeof *crash_signals; i++)
        sigaction(crash_signals[i], &now, NULL);
}
