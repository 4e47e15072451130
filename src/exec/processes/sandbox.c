/* exec/processes/sandbox.c - what a worker may not do: its limits, and the calls refused to its
 * tasks.
 *
 * The filter is put together here, an instruction or two for each call: a library for it
 * would be larger than all of this, and the core takes none besides libc and liburing.  A
 * refused call becomes a SIGSYS, which a handler can tell apart: made by a task it is that
 * task's end, by name; made by the runtime around it, it has just failed (crash.c).  Landlock
 * does the same again for files, by what is meant instead of by which call.
 * Tests: tests/processes_sandbox_test.c. */
#include "base/calls.h"
#include "base/memory.h"
#include "exec/processes/serve.h"
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* --- limits -------------------------------------------------------------------------- */

static void limit(__rlimit_resource_t what, uint64_t most)
{
    struct rlimit now;
    if (!most || getrlimit(what, &now) < 0)
        return;
    now.rlim_cur = most < now.rlim_max ? most : now.rlim_max;
    if (what != RLIMIT_CPU) /* which grows with each task */
        now.rlim_max = now.rlim_cur;
    setrlimit(what, &now);
}

/* The kernel counts a process's time, a task has its own. */
void sandbox_give_time(const struct head *h)
{
    struct timespec spent;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    limit(RLIMIT_CPU, (uint64_t)spent.tv_sec + (spent.tv_nsec > 0) + h->cpu_seconds);
}

/* --- files, by landlock ------------------------------------------------------------------ */

enum {
    READING = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR
              | LANDLOCK_ACCESS_FS_EXECUTE,
    WRITING = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR
              | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR
              | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG
              | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO
              | LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM
};

bool sandbox_has_landlock(void)
{
    return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION)
           > 0;
}

/* What is not allowed by a rule is refused, and there is none. */
static bool landlock_files(unsigned refused)
{
    struct landlock_ruleset_attr rules = {
        .handled_access_fs = refused & CALL_OPENS ? READING | WRITING : WRITING
    };
    int fd = fault_now() ? -1 : (int)syscall(SYS_landlock_create_ruleset, &rules,
                                             sizeof rules, 0);
    if (fd < 0)
        return false;
    bool done = syscall(SYS_landlock_restrict_self, fd, 0) == 0;
    close(fd);
    return done;
}

/* --- calls, by seccomp ---------------------------------------------------------------------- */

enum { PER_CALL = 5, AROUND = 6 };

struct program {
    struct sock_filter *at;
    unsigned short n;
};

static void add(struct program *p, unsigned short code, uint32_t k, uint8_t yes, uint8_t no)
{
    p->at[p->n++] = (struct sock_filter){ code, yes, no, k };
}

static void add_return(struct program *p, uint32_t what)
{
    add(p, BPF_RET | BPF_K, what, 0, 0);
}

/* c is refused, perhaps depending on its flags. */
static void add_call(struct program *p, const struct call *c, unsigned refused)
{
    const uint32_t changes = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY);
    bool opens = c->kinds & CALL_OPENS, always = c->flags < 0;
    if (opens && refused & CALL_OPENS)
        always = true;
    add(p, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)c->number, 0, always ? 1 : 4);
    if (always) {
        add_return(p, c->error ? SECCOMP_RET_ERRNO | (uint32_t)c->error : SECCOMP_RET_TRAP);
        return;
    }
    add(p, BPF_LD | BPF_W | BPF_ABS,
        (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)c->flags), 0, 0);
    add(p, BPF_JMP | BPF_JSET | BPF_K, opens ? changes : CLONE_THREAD, opens ? 0 : 1,
        opens ? 1 : 0);
    add_return(p, SECCOMP_RET_TRAP);
    add_return(p, SECCOMP_RET_ALLOW);
}

static void add_all(struct program *p, unsigned refused)
{
    add(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch), 0, 0);
    add(p, BPF_JMP | BPF_JEQ | BPF_K, calls_arch, 1, 0);
    add_return(p, SECCOMP_RET_KILL_PROCESS);
    add(p, BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    add(p, BPF_JMP | BPF_JGE | BPF_K, calls_end, 0, 1);
    add_return(p, SECCOMP_RET_KILL_PROCESS);
    for (size_t i = 0; i < calls_count; i++) {
        const struct call *c = &calls[i];
        bool to_change = c->kinds & CALL_OPENS && c->flags >= 0 && refused & CALL_CHANGES;
        if (c->kinds & refused || to_change)
            add_call(p, c, refused);
    }
    add_return(p, SECCOMP_RET_ALLOW);
}

static bool seccomp_calls(unsigned refused)
{
    struct program p = { memory_alloc((calls_count * PER_CALL + AROUND + 1)
                                      * sizeof *p.at), 0 };
    if (!p.at || !calls_arch)
        return false;
    add_all(&p, refused);
    struct sock_fprog program = { p.n, p.at };
    /* In all threads: those of the runtime share our memory, and could be made to call. */
    long rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
                      &program);
    memory_free(p.at);
    return rc == 0;
}

/* --- both ------------------------------------------------------------------------------------ */

const char *sandbox_enter(const struct head *h)
{
    limit(RLIMIT_DATA, h->memory);
    limit(RLIMIT_FSIZE, h->file);
    if (!h->sandbox)
        return NULL;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return "its sandbox cannot be closed: no_new_privs";
    bool files = h->sandbox & (CALL_CHANGES | CALL_OPENS);
    if (files && sandbox_has_landlock() && !landlock_files(h->sandbox))
        return "its sandbox cannot be closed: landlock";
    return NULL;
}

const char *sandbox_close(const struct head *h)
{
    if (!h->sandbox || seccomp_calls(h->sandbox | CALL_REACHES))
        return NULL;
    return "its sandbox cannot be closed: the kernel grants no seccomp filter";
}
