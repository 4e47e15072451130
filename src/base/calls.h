/* base/calls.h - the system calls that a sandbox may refuse, by what they are for.
 * Tests: tests/processes_sandbox_test.c. */
#ifndef BASE_CALLS_H
#define BASE_CALLS_H
#include <stddef.h>
#include <stdint.h>

enum {
    CALL_CHANGES = 1, /* files, their names, rights and owners */
    CALL_OPENS = 2,   /* a file, to read or write */
    CALL_NETS = 4,    /* makes a socket */
    CALL_STARTS = 8,  /* a process or a program */
    CALL_REACHES = 16 /* into the kernel or other processes: refused in any sandbox */
};

enum { CALL_REFUSED = 1 }; /* si_code of a filter's SIGSYS, for which libc has no name */

/* Holds: flags is -1, or the number of the argument that says whether it is refused: of a
 * call that opens, whether it would change something; of one that starts, whether that is
 * a thread. */
struct call {
    const char *name;
    int number;
    unsigned kinds;
    int flags;
    int error; /* not 0: refused with it, quietly: libraries try it and know other ways */
};

extern const struct call calls[];
extern const size_t calls_count;
/* As seccomp(2) names this processor, and the first number of another one's calls that
 * pass for its own. */
extern const uint32_t calls_arch, calls_end;
/* "openat", or NULL: none of the above. */
const char *call_name(int number);
#endif
