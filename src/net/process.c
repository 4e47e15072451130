/* net/process.c - other programs: their pipes, their end, and the end of all they started.
 * Waiting is for a descriptor of the process (pidfd), so it is a wait like any other.
 * Tests: tests/io_more_test.c. */
#include "base/memory.h"
#include "net/net.h"
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { PROCESS_RUNS = 0x9806, PROCESS_ENDED = 0x9807 };

/* Holds: pidfd is open while state is PROCESS_RUNS. */
struct process {
    int in, out, err, pid;
    uint32_t state;
    int pidfd;
};
_Static_assert(sizeof(struct process) <= sizeof(tutti_process), "grow tutti_process");

static struct process *process_of(tutti_process *p)
{
    return (struct process *)(void *)p;
}

/* --- starting ------------------------------------------------------------------- */

static void close_end(int *fd)
{
    if (*fd >= 0)
        tutti_close(*fd);
    *fd = -1;
}

/* A pipe of which the child's end, `theirs`, blocks, as programs expect. */
static int pipe_to_child(int *ours, int *theirs, bool to_child)
{
    int ends[2];
    int rc = tutti_pipe(ends);
    if (rc < 0)
        return rc;
    *ours = ends[to_child];
    *theirs = ends[!to_child];
    fcntl(*theirs, F_SETFL, fcntl(*theirs, F_GETFL) & ~O_NONBLOCK);
    return 0;
}

/* Holds: of the child's ends -1 are shared with us. */
struct ends {
    int in, out, err;
};

static int ends_open(struct process *p, struct ends *e, unsigned flags)
{
    int rc = flags & TUTTI_PIPE_IN ? pipe_to_child(&p->in, &e->in, true) : 0;
    if (rc == 0 && flags & TUTTI_PIPE_OUT)
        rc = pipe_to_child(&p->out, &e->out, false);
    if (rc == 0 && flags & TUTTI_PIPE_ERR)
        rc = pipe_to_child(&p->err, &e->err, false);
    return rc;
}

static int spawn_actions(posix_spawn_file_actions_t *a, const struct ends *e, unsigned flags)
{
    int rc = posix_spawn_file_actions_init(a);
    if (rc == 0 && e->in >= 0)
        rc = posix_spawn_file_actions_adddup2(a, e->in, STDIN_FILENO);
    if (rc == 0 && e->out >= 0)
        rc = posix_spawn_file_actions_adddup2(a, e->out, STDOUT_FILENO);
    if (rc == 0 && e->err >= 0)
        rc = posix_spawn_file_actions_adddup2(a, e->err, STDERR_FILENO);
    else if (rc == 0 && flags & TUTTI_ERR_TO_OUT)
        rc = posix_spawn_file_actions_adddup2(a, STDOUT_FILENO, STDERR_FILENO);
    return rc;
}

/* In a group of its own, with no signal blocked, and SIGPIPE as programs expect it. */
static int spawn(struct process *p, const struct ends *e, char *const argv[], unsigned flags)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, usual;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    int rc = spawn_actions(&actions, e, flags);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK
                                              | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &usual);
    if (rc == 0)
        rc = fault_now() ? EAGAIN
                         : posix_spawnp(&p->pid, argv[0], &actions, &attributes, argv,
                                        environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -rc;
}

int tutti_process_open(tutti_process *public, char *const argv[], unsigned flags)
{
    struct process *p = process_of(public);
    struct ends e = { -1, -1, -1 };
    int kept = errno;
    if (!public || !argv || !argv[0])
        return why_static(-EINVAL, "tutti_process_open: no process, or no program");
    memset(public, 0, sizeof *public);
    p->in = p->out = p->err = p->pidfd = -1;
    int rc = ends_open(p, &e, flags);
    rc = rc < 0 ? rc : spawn(p, &e, argv, flags);
    if (rc == 0) {
        p->pidfd = fault_now() ? (errno = EMFILE, -1)
                               : (int)syscall(SYS_pidfd_open, p->pid, 0);
        if (p->pidfd < 0) { /* without it nobody could wait for it */
            rc = -errno;
            kill(-p->pid, SIGKILL);
            waitpid(p->pid, NULL, 0);
        }
    }
    close_end(&e.in);
    close_end(&e.out);
    close_end(&e.err);
    if (rc == 0) {
        p->state = PROCESS_RUNS;
        net_new(p->pidfd);
    } else {
        close_end(&p->in);
        close_end(&p->out);
        close_end(&p->err);
    }
    errno = kept;
    return rc < 0 ? why_set(rc, "tutti_process_open: %.200s: %s", argv[0], tutti_strerror(rc))
                  : 0;
}

/* --- ending ---------------------------------------------------------------------- */

/* A process and all below it, from the root on.  Holds: count <= room; `more` is NULL while
 * `few` is used. */
struct tree {
    int few[32], *more;
    size_t count, room;
};

static int *tree_pids(struct tree *t)
{
    return t->more ? t->more : t->few;
}

/* Without memory it is left out: perhaps the group has it. */
static void tree_add(struct tree *t, int pid)
{
    if (t->count == t->room) {
        int *grown = memory_realloc(t->more, t->room * 2 * sizeof *grown);
        if (!grown)
            return;
        if (!t->more)
            memcpy(grown, t->few, sizeof t->few);
        t->more = grown;
        t->room *= 2;
    }
    tree_pids(t)[t->count++] = pid;
}

/* The numbers in a file of /proc, each with a space behind it: those that one thread has
 * started, of which a read may give a part. */
static void tree_read(struct tree *t, const char *path)
{
    char text[512];
    ssize_t n;
    int pid = 0, fd = fault_now() ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && (n = read(fd, text, sizeof text)) > 0)
        for (ssize_t i = 0; i < n; i++) {
            bool digit = text[i] >= '0' && text[i] <= '9';
            if (!digit && pid)
                tree_add(t, pid);
            pid = digit ? pid * 10 + (text[i] - '0') : 0;
        }
    if (fd >= 0)
        close(fd);
}

/* What any thread of it has started. */
static void tree_children(struct tree *t, int pid)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/task", pid);
    DIR *threads = fault_now() ? NULL : opendir(path);
    for (struct dirent *e; threads && (e = readdir(threads));) {
        int thread = atoi(e->d_name); /* 0: one of the names of every folder */
        snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, thread);
        if (thread > 0)
            tree_read(t, path);
    }
    if (threads)
        closedir(threads);
}

/* Each is stopped before its children are read, so that it starts no more of them meanwhile;
 * all are killed after, so that none loses its parent before it is found.  By a list and not
 * by recursion, since a task may have little stack. */
static void kill_tree(int pid)
{
    struct tree t = { .room = sizeof t.few / sizeof *t.few };
    tree_add(&t, pid);
    for (size_t i = 0; i < t.count; i++) {
        kill(tree_pids(&t)[i], SIGSTOP);
        tree_children(&t, tree_pids(&t)[i]);
    }
    for (size_t i = 0; i < t.count; i++)
        kill(tree_pids(&t)[i], SIGKILL);
    memory_free(t.more);
}

static int64_t time_ns(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000000 + (int64_t)t.tv_usec * 1000;
}

static void end_fill(tutti_process_end *end, int status, const struct rusage *use)
{
    tutti_process_end all = {
        .size = end->size,
        .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0,
        .status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
        .user = time_ns(use->ru_utime),
        .system = time_ns(use->ru_stime),
        .memory = (int64_t)use->ru_maxrss * 1024,
    };
    memcpy(end, &all, end->size < sizeof all ? end->size : sizeof all);
}

/* It has ended: take its status.  0; -ECHILD: the program ignores SIGCHLD. */
static int reap_process(struct process *p, tutti_process_end *end)
{
    struct rusage use;
    int status = 0, rc, kept = errno;
    do {
        rc = wait4(p->pid, &status, 0, &use) < 0 ? -errno : 0;
    } while (rc == -EINTR);
    errno = kept;
    tutti_close(p->pidfd);
    p->pidfd = -1;
    p->state = PROCESS_ENDED;
    if (rc == 0 && end && end->size)
        end_fill(end, status, &use);
    return rc;
}

/* Wait for what was killed, whoever is cut off. */
static int end_killed(struct process *p, tutti_process_end *end)
{
    int kept = errno;
    kill_tree(p->pid);
    kill(-p->pid, SIGKILL); /* those of its group that have lost their parent */
    errno = kept;
    return reap_process(p, end); /* a moment: nothing holds up SIGKILL for long */
}

int tutti_process_wait(tutti_process *public, tutti_process_end *end)
{
    struct process *p = process_of(public);
    struct context *c = context_self();
    if (!public || p->state != PROCESS_RUNS)
        return why_static(-EINVAL, "tutti_process_wait: the process is not open, or was "
                          "waited for");
    int rc = context_check(c);
    rc = rc < 0 ? rc : net_ready(c, p->pidfd, POLLIN, CLOCK_NEVER);
    int ended = rc < 0 ? end_killed(p, end) : reap_process(p, end);
    rc = rc < 0 ? rc : ended;
    return rc < 0 ? net_failed(__func__, rc) : 0;
}

int tutti_process_signal(tutti_process *public, int signum)
{
    struct process *p = process_of(public);
    int kept = errno;
    if (!public)
        return why_null(__func__);
    int rc = p->state != PROCESS_RUNS ? -ESRCH
             : kill(-p->pid, signum) < 0 && kill(p->pid, signum) < 0 ? -errno
                                                                     : 0;
    errno = kept;
    return rc < 0 ? net_failed(__func__, rc) : 0;
}

void tutti_process_close(tutti_process *public)
{
    struct process *p = process_of(public);
    if (!public || (p->state != PROCESS_RUNS && p->state != PROCESS_ENDED))
        return;
    if (p->state == PROCESS_RUNS)
        end_killed(p, NULL);
    close_end(&p->in);
    close_end(&p->out);
    close_end(&p->err);
    p->state = 0;
}
