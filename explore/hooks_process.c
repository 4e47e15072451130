/* explore/hooks_process.c - how a program ends (exit, abort, assert), and what it asks
 * of the process that must be the same in each schedule: its number, random numbers.
 * Tests: tests/cells/ends.c. */
#include "engine.h"
#include "fail.h"
#include "fibers.h"
#include "gaps.h"
#include "locks.h"
#include "memory_inside.h"
#include "objects.h"
#include "options.h"
#include "process.h"
#include "real.h"
#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/types.h>
#include <unistd.h>

enum { AT_EXIT = 64, LIBRARIES = 64 };
static char loaded[LIBRARIES][256]; /* by this schedule, and not closed by it */
static int libraries;

static struct {
    void (*run)(void);
    void (*run_with)(void *);
    void *argument;
} at_exit[AT_EXIT];
static int at_exits;
static uint64_t random_state;

static void unload(void);

void process_reset(void)
{
    unload();
    at_exits = 0;
    random_state = 42;
}

static uint64_t program_random(void)
{
    uint64_t x = random_state += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    return x ^ x >> 29;
}

void process_exit(int status)
{
    while (at_exits > 0) {
        at_exits--;
        if (at_exit[at_exits].run)
            at_exit[at_exits].run();
        else
            at_exit[at_exits].run_with(at_exit[at_exits].argument);
    }
    lock_leaks(false);
    if (status != options.status)
        fail(FAIL_EXIT, NULL, "the program ended with status %d", status);
    ex.over = true;
    thread_leave();
}

exported void exit(int status)
{
    if (ex.on) {
        ex.me->pc = CALLER;
        process_exit(status & 255);
    }
    REAL(exit)(status);
    __builtin_unreachable();
}

exported void _exit(int status)
{
    if (ex.on) {
        at_exits = 0;
        process_exit(status & 255);
    }
    for (;;)
        real_syscall(231 /* exit_group */, status, 0, 0, 0, 0, 0);
}

exported void _Exit(int status)
{
    _exit(status);
}

exported void abort(void)
{
    if (ex.on)
        fail(FAIL_ABORT, CALLER, "thread %d called abort()", ex.me->id);
    REAL(abort)();
    __builtin_unreachable();
}

/* What assert.h calls; it is declared there only where asserts are on. */
void __assert_fail(const char *what, const char *file, unsigned line,
                   const char *function);
exported void __assert_fail(const char *what, const char *file, unsigned line,
                            const char *function)
{
    if (memory_in_library(CALLER))
        cannot("the explorer itself is wrong, %s does not hold in %s, %s:%u: please report "
               "it, with the program", what, function, file, line);
    if (ex.on) {
        const char *slash = strrchr(file, '/');
        fail(FAIL_ASSERT, CALLER, "assertion %s failed in %s, %s:%u", what, function,
             slash ? slash + 1 : file, line);
    }
    REAL(__assert_fail)(what, file, line, function);
    __builtin_unreachable();
}

exported int __cxa_atexit(void (*run)(void *), void *argument, void *object);
int __cxa_atexit(void (*run)(void *), void *argument, void *object)
{
    if (!ex.on)
        return REAL(__cxa_atexit)(run, argument, object);
    if (at_exits == AT_EXIT)
        return -1;
    at_exit[at_exits].run = NULL;
    at_exit[at_exits].run_with = run;
    at_exit[at_exits++].argument = argument;
    return 0;
}

exported int atexit(void (*run)(void));
int atexit(void (*run)(void))
{
    if (!ex.on) /* libc's own one hands it on in this way, too */
        return REAL(__cxa_atexit)((void (*)(void *))(void *)run, NULL, NULL);
    if (at_exits == AT_EXIT)
        return -1;
    at_exit[at_exits].run = run;
    at_exit[at_exits++].run_with = NULL;
    return 0;
}

/* --- libraries loaded by hand: each schedule loads them anew --- */

/* The library of that name if it is there; to be closed. */
static void *there(const char *name)
{
    return REAL(dlopen)(name, RTLD_NOLOAD | RTLD_LAZY);
}

static void note_load(const char *file)
{
    gap("libraries loaded while main runs: their places have no names; link them");
    if (libraries < LIBRARIES && strlen(file) < sizeof *loaded)
        strcpy(loaded[libraries++], file);
}

exported void *dlopen(const char *file, int flags)
{
    if (ex.on && file)
        note_load(file);
    return REAL(dlopen)(file, flags); /* by a jump: where it looks depends on who calls */
}

exported int dlclose(void *library)
{
    for (int i = libraries; ex.on && i-- > 0;) {
        void *this = there(loaded[i]);
        if (this)
            REAL(dlclose)(this);
        if (this == library) {
            memcpy(loaded[i], loaded[--libraries], sizeof *loaded);
            break;
        }
    }
    return REAL(dlclose)(library);
}

static void unload(void)
{
    while (libraries > 0) {
        void *library = there(loaded[--libraries]);
        for (int i = 0; library && i < 2; i++) /* as often as it was opened */
            REAL(dlclose)(library);
    }
}

exported int raise(int number)
{
    if (!ex.on)
        return REAL(raise)(number);
    if (number == SIGABRT)
        fail(FAIL_ABORT, CALLER, "thread %d raised SIGABRT", ex.me->id);
    return (int)real_syscall(234 /* tgkill */, real_syscall(39, 0, 0, 0, 0, 0, 0),
                             real_syscall(186, 0, 0, 0, 0, 0, 0), number, 0, 0, 0);
}

exported pid_t getpid(void)
{
    return ex.on ? 1000 : (pid_t)real_syscall(39, 0, 0, 0, 0, 0, 0);
}

exported pid_t gettid(void)
{
    return ex.on ? 1000 + ex.me->id : (pid_t)real_syscall(186, 0, 0, 0, 0, 0, 0);
}

/* --- random numbers: the same in each schedule --- */

exported int rand(void)
{
    return ex.on ? (int)(program_random() >> 33) : REAL(rand)();
}

exported void srand(unsigned seed)
{
    if (ex.on)
        random_state = seed;
    else
        REAL(srand)(seed);
}

exported long random(void)
{
    return ex.on ? (long)(program_random() >> 33) : REAL(random)();
}

exported void srandom(unsigned seed)
{
    if (ex.on)
        random_state = seed;
    else
        REAL(srandom)(seed);
}

static void fill(void *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((unsigned char *)to)[i] = (unsigned char)(program_random() >> 56);
}

exported ssize_t getrandom(void *to, size_t n, unsigned flags)
{
    if (!ex.on)
        return REAL(getrandom)(to, n, flags);
    fill(to, n);
    return (ssize_t)n;
}

exported int getentropy(void *to, size_t n)
{
    if (!ex.on)
        return REAL(getentropy)(to, n);
    fill(to, n);
    return 0;
}

exported uint32_t arc4random(void)
{
    return ex.on ? (uint32_t)(program_random() >> 32) : REAL(arc4random)();
}

exported void arc4random_buf(void *to, size_t n)
{
    if (ex.on)
        fill(to, n);
    else
        REAL(arc4random_buf)(to, n);
}
