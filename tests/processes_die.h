/* tests/processes_die.h - a task that dies in any of many ways, and those that do not. */
#ifndef TESTS_PROCESSES_DIE_H
#define TESTS_PROCESSES_DIE_H
#include "processes.h"
#include <stdbool.h>

enum way {
    WELL,
    SEGV,
    ABORT,
    KILL,
    OVERFLOW,
    EXIT,
    QUIT_NOW,
    FPE,
    ILL,
    BUS,
    CPU_LIMIT,
    CPU_HARD,
    WAYS
};

static volatile int deep = 1, *volatile nowhere = (int *)8;

__attribute__((noinline)) static int eat_stack(volatile char *above)
{
    volatile char mine[4096];
    mine[0] = above ? above[0] : 1;
    return deep ? eat_stack(mine) + mine[0] : 0;
}

static void burn_cpu_time(bool hard)
{
    struct rlimit one = { 0, RLIM_INFINITY };
    struct timespec spent;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    one.rlim_cur = (rlim_t)spent.tv_sec + 1;
    if (hard) /* with no word before */
        one.rlim_max = one.rlim_cur;
    setrlimit(RLIMIT_CPU, &one);
    for (;;)
        ;
}

static void die(enum way how)
{
    switch (how) {
    case SEGV: *nowhere = 1; break;
    case ABORT: abort();
    case KILL: raise(SIGKILL); break;
    case OVERFLOW: eat_stack(NULL); break;
    case EXIT: exit(3);
    case QUIT_NOW: _exit(4);
    case FPE: raise(SIGFPE); break;
    case ILL: __builtin_trap();
    case BUS: raise(SIGBUS); break;
    case CPU_LIMIT: burn_cpu_time(false); break;
    case CPU_HARD: burn_cpu_time(true); break;
    default: break;
    }
}

struct in {
    int way, value;
};
TUTTI_TASK(doing, "crash.doing", struct in, int);
static int doing(const struct in *in, int *out)
{
    die((enum way)in->way);
    *out = in->value + 1;
    return in->value < 0 ? -EINVAL : 0;
}

static tutti_executor *open_two(void)
{
    return processes_open_bounded("processes://2");
}

TUTTI_TASK(who, "crash.who", tutti_none, int);
static int who(const tutti_none *in, int *out)
{
    (void)in;
    *out = getpid();
    return 0;
}
#endif
