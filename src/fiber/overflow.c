/* fiber/overflow.c - names the fiber whose stack ran over.  The handler runs on the
 * thread's alternate stack, says one sentence, and then hands the fault to whoever had
 * SIGSEGV before, or lets it kill the process, as it would have.
 * Tests: tests/fiber_guard_test.c. */
#include "base/memory.h"
#include "base/race.h"
#include "base/registers.h"
#include "fiber/inside.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

typedef const char *overflow_name(const struct fiber *f);

static struct sigaction before; /* written once, before the handler can run */
static overflow_name *_Atomic namer;
static _Thread_local void *alternate; /* ours; NULL: none, or the program's own */

/* Append, leaving room for the 0; no stdio, which is not for signal handlers. */
static size_t put_text(char *to, size_t used, size_t room, const char *text)
{
    while (*text && used + 1 < room)
        to[used++] = *text++;
    to[used] = 0;
    return used;
}

/* A size as the stack option takes it: 256k, 2m. */
static size_t put_size(char *to, size_t used, size_t room, size_t kib,
                       const char *unit[2])
{
    char digits[24], *at = digits + sizeof digits;
    bool mib = kib >= 1024 && kib % 1024 == 0;
    size_t n = mib ? kib / 1024 : kib;
    *--at = 0;
    do
        *--at = (char)('0' + n % 10);
    while (n /= 10);
    used = put_text(to, used, room, at);
    return put_text(to, used, room, unit[mib]);
}

static void overflow_say(const struct fiber *f, const struct fiber_pool *p)
{
    static const char *said[2] = { " KiB", " MiB" }, *option[2] = { "k", "m" };
    char text[512];
    overflow_name *of = load_acquire(&namer); /* pairs with fiber_overflow_watch */
    const char *name = of ? of(f) : NULL;
    size_t n = put_text(text, 0, sizeof text, "tutti: stack overflow in task \"");
    n = put_text(text, n, sizeof text - 120, name ? name : "?");
    n = put_text(text, n, sizeof text, "\": its ");
    n = put_size(text, n, sizeof text, p->stack >> 10, said);
    n = put_text(text, n, sizeof text,
                 " stack is full; open the executor with ?stack=");
    n = put_size(text, n, sizeof text, p->stack >> 9, option);
    n = put_text(text, n, sizeof text, "\n");
    ssize_t done = write(STDERR_FILENO, text, n);
    (void)done; /* nobody is left to tell */
}

/* A fault in a guard, by code that runs on the stack above it: another's stray pointer
 * is no overflow. */
static void overflow_look(const siginfo_t *info, const void *context)
{
    const struct fiber_pool *p;
    pools_read_begin();
    const struct fiber *f = pools_guard(info->si_addr, &p);
    if (f) {
        uintptr_t sp = registers_sp(context);
        uintptr_t from = (uintptr_t)f->low - p->guard - p->room;
        if (!sp || (sp >= from && sp <= (uintptr_t)f->high))
            overflow_say(f, p);
    }
    pools_read_end();
}

/* What had happened without us. */
static void pass_on(int number, siginfo_t *info, void *context)
{
    bool plain = !(before.sa_flags & SA_SIGINFO);
    if (plain && before.sa_handler == SIG_IGN && info->si_code <= 0)
        return; /* sent by kill(), and ignored */
    if (plain && (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN)) {
        signal(number, SIG_DFL);
        if (info->si_code <= 0)
            raise(number); /* sent, so it does not come again by itself */
        return;            /* the instruction runs again, and this time it kills */
    }
    pthread_sigmask(SIG_BLOCK, &before.sa_mask, NULL);
    if (plain)
        before.sa_handler(number);
    else
        before.sa_sigaction(number, info, context);
}

static void overflow_handle(int number, siginfo_t *info, void *context)
{
    int kept = errno;
    race_own(); /* what the fiber that is stopped here could read */
    if (info->si_code > 0) /* by the processor, not by kill() */
        overflow_look(info, context);
    race_disown();
    errno = kept;
    pass_on(number, info, context);
    errno = kept;
}

static void overflow_install(void)
{
    struct sigaction now = { .sa_flags = SA_SIGINFO | SA_ONSTACK };
    now.sa_sigaction = overflow_handle;
    sigemptyset(&now.sa_mask);
    sigaction(SIGSEGV, NULL, &before); /* before ours is in, as ours reads it */
    sigaction(SIGSEGV, &now, NULL);
}

void fiber_overflow_watch(const char *(*name)(const struct fiber *f))
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    store_release(&namer, name); /* pairs with overflow_say */
    pthread_once(&once, overflow_install);
}

int fiber_thread_begin(void)
{
    stack_t now;
    if (alternate)
        return 0;
    if (!sigaltstack(NULL, &now) && !(now.ss_flags & SS_DISABLE))
        return 0; /* the program's or a sanitizer's: it serves as well */
    /* the registers, and room for the handlers that were there */
    size_t size = getauxval(AT_MINSIGSTKSZ) + (64 << 10);
    char *stack = memory_alloc(size);
    if (!stack)
        return -ENOMEM;
    if (sigaltstack(&(stack_t){ .ss_sp = stack, .ss_size = size }, NULL)) {
        memory_free(stack);
        return -ENOMEM;
    }
    alternate = stack;
    return 0;
}

void fiber_thread_end(void)
{
    if (!alternate)
        return;
    sigaltstack(&(stack_t){ .ss_flags = SS_DISABLE }, NULL);
    memory_free(alternate);
    alternate = NULL;
}
