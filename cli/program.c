/* program.c - runs one program: its own process group, stdin from nowhere, both outputs
 * captured, a limit in time, and nothing of it left afterwards.  Signals that end a
 * tour are blocked and read from a descriptor, so that no child outlives Ctrl-C.
 *
 * Why not system(3) or popen(3): the child would be in the terminal's foreground group
 * and a program that hangs could not be ended with all that it started.
 * Tests: tests/cli_test.sh. */
#include "tour.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUT_MAX = 1 << 20, ERR_KEPT = 4096, TICK_MS = 200 };

static int signals = -1; /* descriptor, for the life of the process */
static sigset_t before;  /* the mask to give to children */

int program_prepare(void)
{
    static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
    sigset_t ends;
    struct sigaction old;
    sigemptyset(&ends);
    for (int i = 0; i < 4; i++) /* what nohup(1) or a shell's & ignores stays ignored */
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
            sigaddset(&ends, numbers[i]);
    if (sigprocmask(SIG_BLOCK, &ends, &before) != 0)
        return -errno;
    signals = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    return signals < 0 ? -errno : 0;
}

static _Noreturn void child(char *const argv[], pid_t parent, int out, int err)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* if the tour itself is killed outright */
    int none = open("/dev/null", O_RDONLY);
    if (getppid() == parent && none >= 0 && dup2(none, 0) == 0 && dup2(out, 1) == 1 &&
        dup2(err, 2) == 2) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        execv(argv[0], argv);
    }
    dprintf(err, "cannot be executed: %s\n", strerror(errno));
    _exit(127);
}

struct capture {
    int fd;
    char *data;
    size_t size, room;
    bool tail; /* keep the end only, else stop at room */
    bool full;
};

/* Take what the pipe has now.  Never waits; closes at the end of the pipe. */
static void capture_read(struct capture *c)
{
    while (c->fd >= 0 && !c->full) {
        if (c->size == c->room && c->tail) {
            memmove(c->data, c->data + c->room / 2, c->room - c->room / 2);
            c->size = c->room - c->room / 2;
        }
        if (c->size == c->room) {
            c->full = true;
            return;
        }
        ssize_t n = read(c->fd, c->data + c->size, c->room - c->size);
        if (n > 0) {
            c->size += (size_t)n;
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            close(c->fd);
            c->fd = -1;
        } else {
            return;
        }
    }
}

static int signal_seen(void)
{
    struct signalfd_siginfo info;
    return read(signals, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

/* Until the process ends by itself (PROGRAM_EXITED; its status is not read yet) or has
 * to be ended. */
static enum program_end attend(int pidfd, struct capture *out, struct capture *err,
                               double until, program_tick *tick, void *arg, int *code)
{
    for (;;) {
        struct pollfd fds[] = { { pidfd, POLLIN, 0 },
                                { signals, POLLIN, 0 },
                                { out->fd, POLLIN, 0 },
                                { err->fd, POLLIN, 0 } };
        double left = (until - seconds_now()) * 1000;
        int wait = left < 0 ? 0 : left < TICK_MS ? (int)left + 1 : TICK_MS;
        poll(fds, 4, wait);
        capture_read(out);
        capture_read(err);
        if ((*code = signal_seen()) != 0)
            return PROGRAM_INTERRUPTED;
        if (fds[0].revents)
            return PROGRAM_EXITED;
        if (out->full)
            return PROGRAM_LOUD;
        if (seconds_now() >= until)
            return PROGRAM_LATE;
        tick(arg);
    }
}

/* How long a process that has ended, but is not reaped, waited for a CPU while it
 * wanted one, by how long it had one; of its first thread.  0 where the kernel does not
 * tell. */
static double crowded_look(pid_t pid)
{
    char path[64];
    unsigned long long had = 0, waited = 0;
    snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pid);
    FILE *f = fopen(path, "re");
    bool known = f && fscanf(f, "%llu %llu", &had, &waited) == 2 && had > 0;
    if (f)
        fclose(f);
    return known ? (double)waited / (double)had : 0;
}

/* The parent's part once the child runs: attend it, end all of its group, reap it. */
static void finish(pid_t pid, struct capture *out, struct capture *err, double limit,
                   program_tick *tick, void *arg, struct program_result *r)
{
    int pidfd = pidfd_open(pid, 0), status = 0;
    r->end = PROGRAM_UNSTARTED;
    r->code = errno;
    if (pidfd >= 0)
        r->end = attend(pidfd, out, err, seconds_now() + limit, tick, arg, &r->code);
    r->crowded = crowded_look(pid);
    kill(-pid, SIGKILL); /* before reaping, while the number cannot be another's */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pidfd >= 0)
        close(pidfd);
    capture_read(out);
    capture_read(err);
    if (r->end == PROGRAM_EXITED) {
        r->end = WIFSIGNALED(status) ? PROGRAM_KILLED : PROGRAM_EXITED;
        r->code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    }
}

static void capture_end(struct capture *c, char **data, size_t *size)
{
    if (c->fd >= 0)
        close(c->fd);
    if (c->data)
        c->data[c->size] = 0;
    *data = c->data;
    *size = c->size;
}

void program_run(char *const argv[], double limit, program_tick *tick, void *arg,
                 struct program_result *r)
{
    int out[2] = { -1, -1 }, err[2] = { -1, -1 };
    struct capture from_out = { -1, malloc(OUT_MAX + 1), 0, OUT_MAX, false, false };
    struct capture from_err = { -1, malloc(ERR_KEPT + 1), 0, ERR_KEPT, true, false };
    pid_t self = getpid(), pid = -1;
    *r = (struct program_result){ .end = PROGRAM_UNSTARTED, .code = ENOMEM };
    if (from_out.data && from_err.data) {
        if (access(argv[0], X_OK) == 0 && pipe2(out, O_CLOEXEC) == 0 &&
            pipe2(err, O_CLOEXEC) == 0)
            pid = fork();
        r->code = errno;
    }
    if (pid == 0)
        child(argv, self, out[1], err[1]);
    from_out.fd = out[0];
    from_err.fd = err[0];
    if (out[1] >= 0)
        close(out[1]);
    if (err[1] >= 0)
        close(err[1]);
    if (pid > 0) {
        setpgid(pid, pid); /* here as well: whoever comes first */
        fcntl(out[0], F_SETFL, O_NONBLOCK);
        fcntl(err[0], F_SETFL, O_NONBLOCK);
        finish(pid, &from_out, &from_err, limit, tick, arg, r);
    }
    capture_end(&from_out, &r->out, &r->out_size);
    capture_end(&from_err, &r->err, &r->err_size);
}

void program_result_free(struct program_result *r)
{
    free(r->out);
    free(r->err);
    *r = (struct program_result){ 0 };
}
