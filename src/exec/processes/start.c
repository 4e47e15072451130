/* exec/processes/start.c - a worker is this very program, executed again: no thread of ours,
 * no lock, no heap goes along, and starting it costs the same however large we are.
 * Tests: tests/processes_test.c, tests/processes_guard_test.c. */
#include "base/clock.h"
#include "base/memory.h"
#include "exec/processes/boot.h"
#include "exec/processes/procs.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* What the worker finds where; the next and all above are closed. */
enum { AT_ARENA = 3, AT_BELL, AT_LIFE, AT_ASK = BOOT_ASK, AT_SPILL = BOOT_SPILL, AT_NOTHING };

/* What to start.  Holds: ask is a socket for the zygote, which has no lane, else -1. */
struct spawned {
    unsigned index;
    const int *theirs; /* for its stdout and stderr; -1: ours */
    int ask;
};

/* --- what to execute ------------------------------------------------------------------- */

/* Where we were loaded into a running program of another language, which would not become a
 * worker when executed: the program for that, beside the library.  False: there is none. */
static bool start_helper(char *path, size_t size)
{
    static const char *const beside[] = { "", "tutti/" };
    Dl_info info;
    const char *given = getenv("TUTTI_WORKER_PROGRAM");
    if (given && *given)
        return snprintf(path, size, "%s", given) < (int)size;
    if (!dladdr((const void *)(uintptr_t)start_helper, &info) || !info.dli_fname)
        return false;
    const char *slash = strrchr(info.dli_fname, '/');
    int folder = slash ? (int)(slash - info.dli_fname) + 1 : 0;
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++)
        if (snprintf(path, size, "%.*s%stutti-worker", folder, info.dli_fname, beside[i])
                < (int)size
            && !access(path, X_OK))
            return true;
    return false;
}

static int start_program(char *path, size_t size)
{
    if (boot.entered)
        snprintf(path, size, "/proc/self/exe");
    else if (!start_helper(path, size))
        return why_set(-ENOENT, "this program was not linked with tutti, and the program "
                       "tutti-worker is not beside the library");
    return 0;
}

/* --- its environment ---------------------------------------------------------------------- */

struct surroundings {
    char worker[160], depth[32];
    char **env; /* owned */
};

static bool environment_is_ours(const char *text)
{
    return !strncmp(text, BOOT_VARIABLE "=", sizeof BOOT_VARIABLE)
           || !strncmp(text, BOOT_DEPTH "=", sizeof BOOT_DEPTH);
}

/* Filtered, not appended to: a stale variable in front of ours would be the one found. */
static int surroundings_make(struct surroundings *s, const struct procs *p, unsigned i)
{
    size_t n = 0, kept = 0;
    while (environ && environ[n])
        n++;
    s->env = memory_alloc((n + 3) * sizeof *s->env);
    if (!s->env)
        return why_set(-ENOMEM, "out of memory");
    for (size_t k = 0; k < n; k++)
        if (!environment_is_ours(environ[k]))
            s->env[kept++] = environ[k];
    snprintf(s->worker, sizeof s->worker, BOOT_VARIABLE "=%d,%d,%d,%u,%llx,%llx", AT_ARENA,
             AT_BELL, AT_LIFE, i, (unsigned long long)p->arena.head->base,
             (unsigned long long)p->arena.head->nonce);
    snprintf(s->depth, sizeof s->depth, BOOT_DEPTH "=%u", boot.depth + 1);
    s->env[kept++] = s->worker;
    s->env[kept++] = s->depth;
    s->env[kept] = NULL;
    return 0;
}

/* --- its descriptors ------------------------------------------------------------------------ */

static bool pipe_high(int ends[2])
{
    int low[2];
    ends[0] = ends[1] = -1;
    if (fault_now() || pipe2(low, O_CLOEXEC) < 0)
        return false;
    ends[0] = descriptor_high(low[0]);
    ends[1] = descriptor_high(low[1]);
    if (ends[0] >= 0 && ends[1] >= 0)
        return true;
    for (int k = 0; k < 2; k++)
        if (ends[k] >= 0)
            close(ends[k]);
    return false;
}

/* Pipes for what it prints: our ends go into the lane, its ends are in `theirs`. */
static int output_open(struct procs *p, struct lane *l, int theirs[2])
{
    theirs[0] = theirs[1] = -1;
    if (p->url->output == URL_INHERIT)
        return 0;
    for (int k = 0; k < 2; k++) {
        int ends[2];
        if (!pipe_high(ends))
            return why_set(-EMFILE, "no descriptors for a worker process");
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
        l->output[k] = ends[0];
        theirs[k] = ends[1];
    }
    return 0;
}

int poll_add(struct procs *p, int fd, uint64_t kind, unsigned i)
{
    struct epoll_event e = { .events = EPOLLIN, .data.u64 = kind << 32 | i };
    if (fault_now())
        return -ENOMEM;
    return epoll_ctl(p->poll, EPOLL_CTL_ADD, fd, &e) < 0 ? -errno : 0;
}

/* --- starting -------------------------------------------------------------------------------- */

static int spawn_actions(posix_spawn_file_actions_t *a, const struct procs *p,
                         const struct spawned *what)
{
    int rc = posix_spawn_file_actions_addopen(a, 0, "/dev/null", O_RDONLY, 0);
    for (int k = 0; k < 2 && !rc; k++)
        rc = what->theirs[k] < 0
                 ? 0 : posix_spawn_file_actions_adddup2(a, what->theirs[k], k + 1);
    rc = rc ? rc : posix_spawn_file_actions_adddup2(a, p->arena.fd, AT_ARENA);
    rc = rc ? rc : posix_spawn_file_actions_adddup2(a, p->bell, AT_BELL);
    rc = rc ? rc : posix_spawn_file_actions_adddup2(a, p->life[0], AT_LIFE);
    if (!rc && what->ask >= 0)
        rc = posix_spawn_file_actions_adddup2(a, what->ask, AT_ASK);
    else if (!rc && p->arena.spill.fd >= 0)
        rc = posix_spawn_file_actions_addclose(a, AT_ASK);
    if (!rc && p->arena.spill.fd >= 0)
        rc = posix_spawn_file_actions_adddup2(a, p->arena.spill.fd, AT_SPILL);
    int first = p->arena.spill.fd >= 0 ? AT_NOTHING : what->ask >= 0 ? AT_SPILL : AT_ASK;
    return rc ? rc : posix_spawn_file_actions_addclosefrom_np(a, first);
}

static int spawn_program(struct procs *p, const char *program, char **env,
                         const struct spawned *what, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t how;
    sigset_t none, all;
    char title[64];
    char *argv[] = { title, NULL };
    snprintf(title, sizeof title, "%s: tutti worker", program_invocation_short_name);
    if (fault_now() || posix_spawn_file_actions_init(&actions))
        return EAGAIN;
    posix_spawnattr_init(&how);
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&how, &none);
    posix_spawnattr_setsigdefault(&how, &all);
    posix_spawnattr_setflags(&how, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int rc = spawn_actions(&actions, p, what);
    rc = rc ? rc : posix_spawn(pid, program, &actions, &how, argv, env);
    posix_spawnattr_destroy(&how);
    posix_spawn_file_actions_destroy(&actions);
    return rc;
}

/* 0 and *pid, or an error, with words. */
static int spawn(struct procs *p, const struct spawned *what, pid_t *pid)
{
    struct surroundings s = { .env = NULL };
    char program[512];
    int rc = start_program(program, sizeof program);
    rc = rc ? rc : surroundings_make(&s, p, what->index);
    if (rc == 0 && (rc = -spawn_program(p, program, s.env, what, pid)) < 0)
        why_set(rc, "a worker process could not be started: %s: %s%s", program,
                tutti_strerror(rc),
                rc == -ENOENT && boot.entered ? " (is /proc mounted?)"
                : rc == -EACCES               ? " (is its filesystem mounted noexec?)"
                                              : "");
    memory_free(s.env);
    return rc;
}

int zygote_spawn(struct procs *p, int ask, pid_t *pid)
{
    static const int ours[2] = { -1, -1 };
    return spawn(p, &(struct spawned){ procs_lanes(p), ours, ask }, pid);
}

/* All but `rung`, which never goes back: a helper may be about to sleep on what it was. */
static void own_clear(struct own *own)
{
    memset(own, 0, offsetof(struct own, rung));
    memset(&own->up, 0, offsetof(struct own, marks) - offsetof(struct own, up));
    memset(own->answer, 0, sizeof own->answer);
    for (unsigned k = 0; k < SHARED_MARKS; k++)
        store_relaxed(&own->marks[k], 0); /* home's bell may be looking: a dead one's marks
                                             are nobody's any more */
}

/* The lane's memory as a new worker must find it; nobody else looks at it now. */
static int lane_prepare(struct procs *p, struct lane *l, unsigned i)
{
    struct lane_shared *s = head_lane(p->arena.head, i);
    struct own *own = head_own(p->arena.head, i);
    latch_lock(&l->release_latch);
    if (l->outbox) { /* kept if nobody but its late writer has it */
        uint64_t kept = l->outbox;
        l->outbox = 0;
        if (arena_outbox_is_mine(&p->arena, kept))
            l->outbox = kept;
        else
            arena_outbox_drop(&p->arena, kept);
    }
    if (!l->outbox)
        l->outbox = arena_outbox(&p->arena);
    if (l->started) /* else it is zero, and not in memory yet */
        own_clear(own);
    store_relaxed(&s->released, 0); /* the worker does not run yet, here and below */
    store_relaxed(&s->quit, 0);
    store_relaxed(&s->ask, 0);
    s->outbox = l->outbox;
    s->first = l->tail = l->head;
    store_relaxed(&s->posted, l->head);
    l->out = 0;
    l->mad = l->killed = false;
    l->granted = 0;
    memset(l->collected, 0, sizeof l->collected);
    latch_unlock(&l->release_latch);
    return l->outbox ? 0 : why_set(-ENOMEM, "the arena has no room for another worker");
}

void output_close(struct lane *l)
{
    for (int k = 0; k < 2; k++) {
        if (l->output[k] >= 0)
            close(l->output[k]);
        l->output[k] = -1;
    }
}

void lane_is_now(struct procs *p, unsigned i, pid_t pid)
{
    struct lane *l = &p->lane[i];
    latch_lock(&p->lives);
    if (!pid && l->pidfd >= 0) {
        close(l->pidfd);
        l->pidfd = -1;
    }
    l->pid = pid;
    l->coming = false;
    latch_unlock(&p->lives);
}

int lane_watch(struct procs *p, unsigned i)
{
    struct lane *l = &p->lane[i];
    int fd = fault_now() ? -EMFILE : (int)syscall(SYS_pidfd_open, l->pid, 0);
    fd = fd == -1 ? -errno : fd;
    latch_lock(&p->lives);
    l->pidfd = fd < 0 ? -1 : fd;
    latch_unlock(&p->lives);
    int rc = fd < 0 ? fd : poll_add(p, fd, POLL_DEATH, i);
    for (int k = 0; k < 2 && rc == 0; k++)
        if (l->output[k] >= 0)
            rc = poll_add(p, l->output[k], k ? POLL_STDERR : POLL_STDOUT, i);
    if (rc == 0)
        return 0;
    kill(l->pid, SIGKILL);
    waitpid(l->pid, NULL, 0);
    lane_is_now(p, i, 0);
    return why_set(rc, "a worker process cannot be watched: %s", tutti_strerror(rc));
}

int worker_start(struct procs *p, unsigned i, bool forked)
{
    struct lane *l = &p->lane[i];
    int theirs[2] = { -1, -1 };
    int rc = lane_prepare(p, l, i);
    rc = rc ? rc : output_open(p, l, theirs);
    if (rc == 0) {
        bool asked = forked && p->births.state == ZYGOTE_READY
                     && births_ask(p, i, theirs) == 0;
        l->started = clock_now();
        if (!asked) {
            latch_lock(&p->lives); /* as births_ask */
            rc = spawn(p, &(struct spawned){ i, theirs, -1 }, &l->pid);
            l->pid = rc ? 0 : l->pid;
            latch_unlock(&p->lives);
            rc = rc ? rc : lane_watch(p, i);
        }
    }
    for (int k = 0; k < 2; k++)
        if (theirs[k] >= 0)
            close(theirs[k]);
    if (rc)
        output_close(l);
    return rc;
}
