/* hook/close.c - what takes a number away from a file, and what makes another process.
 * Tests: tests/hook_close_test.c, tests/hook_process_test.c. */
#include "hook/hook.h"
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <tutti/io.h>

/* In a task tutti_close does it, which ends the waits of tutti's own calls as well.  Not on a
 * plain thread: that may be the child of a vfork, which shares our memory and is to close
 * its own descriptors alone. */
HOOK int close(int fd)
{
    const void *from = __builtin_return_address(0);
    if (fd < 0 || hook_is_runtime(from))
        return libc()->close(fd);
    hook_closing((unsigned)fd, (unsigned)fd);
    if (!hook_caller(from))
        return libc()->close(fd);
    int rc = tutti_close(fd);
    return rc < 0 ? hook_fail(rc) : 0;
}

/* `to` is closed on the way, if it will come to that. */
static void replacing(int from, int to)
{
    int kept = errno;
    if (to >= 0 && from != to && fcntl(from, F_GETFD) >= 0)
        hook_closing((unsigned)to, (unsigned)to);
    errno = kept;
}

HOOK int dup2(int from, int to)
{
    replacing(from, to);
    return libc()->dup2(from, to);
}

HOOK int dup3(int from, int to, int flags)
{
    replacing(from, to);
    return libc()->dup3(from, to, flags);
}

HOOK int close_range(unsigned first, unsigned last, int flags)
{
    if (first <= last && !(flags & CLOSE_RANGE_CLOEXEC))
        hook_closing(first, last);
    return libc()->close_range(first, last, flags);
}

HOOK void closefrom(int first)
{
    hook_closing(first > 0 ? (unsigned)first : 0, UINT_MAX);
    libc()->closefrom(first);
}

/* What vfork (vfork_*.S) jumps to.  The child of vfork runs in our memory, on the stack of
 * the task, with the runtime's idea that it is that task; it would park it.  So a task gets
 * fork, whose child is a plain thread of its own. */
void *hook_vfork(void);

void *hook_vfork(void)
{
    return tutti_task_here() ? (void *)(uintptr_t)libc()->fork
                             : (void *)(uintptr_t)libc()->vfork;
}
