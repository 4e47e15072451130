/* base/walk.c - see walk.h.  A thread that computes is stopped by a signal and unwound by
 * the compiler's tables.  One that is blocked is looked at from outside. */
#include "base/walk.h"
#include "base/memory.h"
#include "base/registers.h"
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { PAGE = 4096, STACK_READ = 16 << 10 };

size_t peek_some(void *to, const void *from, size_t n)
{
    struct iovec local = { to, n }, part[STACK_READ / PAGE + 2];
    unsigned long parts = 0;
    uintptr_t at = (uintptr_t)from;
    /* A part that lies over the end of a mapping is not read at all: so by pages. */
    for (size_t left = n; left && parts < sizeof part / sizeof *part; parts++) {
        size_t here = PAGE - at % PAGE;
        here = here < left ? here : left;
        part[parts] = (struct iovec){ (void *)at, here };
        at += here;
        left -= here;
    }
    int kept = errno;
    ssize_t got = process_vm_readv(getpid(), &local, 1, part, parts, 0);
    errno = kept;
    return got < 0 ? 0 : (size_t)got;
}

bool peek(void *to, const void *from, size_t n)
{
    return peek_some(to, from, n) == n;
}

/* --- interrupted ------------------------------------------------------------ */

void walk_begin(void)
{
    void *frame[2];
    backtrace(frame, 2); /* loads the unwinder, which a handler may not */
}

int walk_interrupted(const void *context, void **frame, int most)
{
    void *all[WALK_DEPTH + 8];
    int n = backtrace(all, WALK_DEPTH + 8), from = 0;
    void *pc = (void *)registers_pc(context);
    while (from < n && all[from] != pc) /* the handler's own */
        from++;
    if (from == n) {
        frame[0] = pc;
        return pc != NULL;
    }
    n = n - from < most ? n - from : most;
    memcpy(frame, all + from, (size_t)n * sizeof *frame);
    return n;
}

/* --- blocked ------------------------------------------------------------------- */

static bool in_an_object(uintptr_t at)
{
    struct dl_find_object found;
    return _dl_find_object((void *)at, &found) == 0;
}

/* Is there a call in front of `at`, and may it have led to `inner`?  A direct one says where
 * it goes: into the function that holds inner, so not far before it, or to a stub. */
static bool after_call(uintptr_t at, uintptr_t inner)
{
#if defined(__x86_64__)
    unsigned char b[8], to[8];
    int32_t rel;
    if (!peek(b, (void *)(at - 8), 8))
        return false;
    if ((b[6] == 0xff && (b[7] & 0x38) == 0x10) || (b[5] == 0xff && (b[6] & 0x38) == 0x10)
        || (b[2] == 0xff && (b[3] & 0x38) == 0x10) || (b[1] == 0xff && (b[2] & 0x38) == 0x10))
        return true;
    if (b[3] != 0xe8)
        return false;
    memcpy(&rel, b + 4, sizeof rel);
    uintptr_t target = at + (uintptr_t)(intptr_t)rel;
    if (target <= inner && inner - target < 1 << 16)
        return true;
    return peek(to, (void *)target, 8)
           && ((to[0] == 0xff && to[1] == 0x25)
               || (to[4] == 0xff && to[5] == 0x25) || (to[4] == 0xf2 && to[5] == 0xff));
#elif defined(__aarch64__)
    uint32_t code;
    (void)inner;
    return at % 4 == 0 && peek(&code, (void *)(at - 4), 4)
           && ((code & 0xfc000000) == 0x94000000 || (code & 0xfffffc1f) == 0xd63f0000);
#else
    (void)at;
    (void)inner;
    return false;
#endif
}

/* Where it entered the kernel; false: it is not in there. */
static bool blocked_at(int tid, uintptr_t *sp, uintptr_t *pc)
{
    char path[64], text[256];
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", tid);
    int fd = fault_now() ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return false;
    text[n] = 0;
    /* "running", or a number, arguments where there was a call, and these two at the end */
    char *last = strrchr(text, ' ');
    if (!last)
        return false;
    *last = 0;
    char *one = strrchr(text, ' ');
    if (!one)
        return false;
    *pc = strtoull(last + 1, NULL, 16);
    *sp = strtoull(one + 1, NULL, 16);
    return *pc && *sp;
}

int walk_blocked(int tid, uintptr_t high, void **frame, int most)
{
    uintptr_t sp, pc;
    if (most < 1 || !blocked_at(tid, &sp, &pc) || sp % sizeof sp || sp >= high)
        return 0;
    size_t size = high - sp < STACK_READ ? high - sp : STACK_READ;
    uintptr_t *stack = memory_alloc(size);
    size_t words = stack ? peek_some(stack, (void *)sp, size) / sizeof *stack : 0;
    int n = 0;
    frame[n++] = (void *)pc;
    for (size_t i = 0; i < words && n < most; i++)
        if (in_an_object(stack[i]) && after_call(stack[i], (uintptr_t)frame[n - 1]))
            frame[n++] = (void *)stack[i];
    memory_free(stack);
    return n;
}
