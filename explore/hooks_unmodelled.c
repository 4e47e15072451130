/* explore/hooks_unmodelled.c - calls that could block or come in between and that
 * nobody here stands in for: each is a failure that names it, so a schedule never hangs
 * in one. And what is taken but changes nothing: masks of signals, priorities, which
 * are kept for the thread that asked and have no effect on who runs.
 * Tests: tests/explore_refuse_test.py (each call), tests/explore/refused.c. */
#undef _FILE_OFFSET_BITS /* names with 64 at their end are defined of their own */
#include "engine.h"
#include "fail.h"
#include "fibers.h"
#include "gaps.h"
#include "real.h"
#include <aio.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define UNMODELLED_IF(condition, why, type, name, parameters, arguments)      \
    exported type name parameters                                             \
    {                                                                         \
        if (ex.on && (condition))                                             \
            fail(FAIL_UNMODELLED, CALLER, #name "() is not modelled%s: take it " \
                 "out of the test", why);                                     \
        return REAL(name) arguments;                                          \
    }
#define UNMODELLED(type, name, parameters, arguments)                         \
    UNMODELLED_IF(true, "", type, name, parameters, arguments)
#define SIGNALS ", as signals between threads are not"
#define PROCESSES ", as other processes are not"
#define TIMERS ", as signals that a timer sends are not"

typedef const struct timespec *when;
typedef posix_spawn_file_actions_t actions;

UNMODELLED_IF(true, PROCESSES, pid_t, waitpid, (pid_t p, int *s, int o), (p, s, o))
UNMODELLED_IF(true, PROCESSES, pid_t, wait, (int *s), (s))
UNMODELLED_IF(true, PROCESSES, pid_t, wait3, (int *s, int o, struct rusage *u),
              (s, o, u))
UNMODELLED_IF(true, PROCESSES, pid_t, wait4, (pid_t p, int *s, int o, struct rusage *u),
              (p, s, o, u))
UNMODELLED_IF(true, PROCESSES, int, waitid, (idtype_t t, id_t i, siginfo_t *s, int o),
              (t, i, s, o))
UNMODELLED_IF(true, PROCESSES, pid_t, fork, (void), ())
UNMODELLED_IF(true, PROCESSES, int, daemon, (int a, int b), (a, b))
UNMODELLED_IF(true, PROCESSES, int, system, (const char *c), (c))
UNMODELLED_IF(true, PROCESSES, FILE *, popen, (const char *c, const char *m), (c, m))
UNMODELLED_IF(true, PROCESSES, int, posix_spawn,
              (pid_t *p, const char *f, const actions *a, const posix_spawnattr_t *t,
               char *const v[], char *const e[]), (p, f, a, t, v, e))
UNMODELLED_IF(true, PROCESSES, int, posix_spawnp,
              (pid_t *p, const char *f, const actions *a, const posix_spawnattr_t *t,
               char *const v[], char *const e[]), (p, f, a, t, v, e))
UNMODELLED_IF(true, PROCESSES, int, execve,
              (const char *f, char *const v[], char *const e[]), (f, v, e))
UNMODELLED_IF(true, PROCESSES, int, execv, (const char *f, char *const v[]), (f, v))
UNMODELLED_IF(true, PROCESSES, int, execvp, (const char *f, char *const v[]), (f, v))

UNMODELLED_IF(true, SIGNALS, int, pause, (void), ())
UNMODELLED_IF(true, SIGNALS, int, sigsuspend, (const sigset_t *s), (s))
UNMODELLED_IF(true, SIGNALS, int, sigwait, (const sigset_t *s, int *n), (s, n))
UNMODELLED_IF(true, SIGNALS, int, sigwaitinfo, (const sigset_t *s, siginfo_t *i),
              (s, i))
UNMODELLED_IF(true, SIGNALS, int, sigtimedwait,
              (const sigset_t *s, siginfo_t *i, when t), (s, i, t))
UNMODELLED_IF(n != 0, SIGNALS, int, kill, (pid_t p, int n), (p, n))
UNMODELLED_IF(n != 0, SIGNALS, int, tgkill, (pid_t g, pid_t t, int n), (g, t, n))
UNMODELLED_IF(true, SIGNALS, int, sigqueue, (pid_t p, int n, const union sigval v),
              (p, n, v))
UNMODELLED_IF(true, SIGNALS, int, pthread_sigqueue,
              (pthread_t p, int n, const union sigval v), (p, n, v))
UNMODELLED_IF(true, TIMERS, unsigned, alarm, (unsigned s), (s))
UNMODELLED_IF(true, TIMERS, useconds_t, ualarm, (useconds_t a, useconds_t b), (a, b))
UNMODELLED_IF(true, TIMERS, int, setitimer,
              (enum __itimer_which w, const struct itimerval *v, struct itimerval *o),
              (w, v, o))
UNMODELLED_IF(true, TIMERS, int, timer_create,
              (clockid_t c, struct sigevent *e, timer_t *t), (c, e, t))
UNMODELLED_IF(true, ", as its time is the kernel's", int, timerfd_create,
              (clockid_t c, int f), (c, f))

UNMODELLED_IF(o != LOCK_UN && !(o & LOCK_NB), "", int, flock, (int fd, int o), (fd, o))
UNMODELLED_IF(c == F_LOCK, "", int, lockf, (int fd, int c, off_t n), (fd, c, n))
UNMODELLED_IF(c == F_LOCK, "", int, lockf64, (int fd, int c, off64_t n), (fd, c, n))
UNMODELLED(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n))
UNMODELLED(int, getaddrinfo, (const char *n, const char *s, const struct addrinfo *h,
                              struct addrinfo **r), (n, s, h, r))
UNMODELLED(int, recvmmsg,
           (int fd, struct mmsghdr *m, unsigned n, int f, struct timespec *t),
           (fd, m, n, f, t))
UNMODELLED(int, sendmmsg, (int fd, struct mmsghdr *m, unsigned n, int f), (fd, m, n, f))
UNMODELLED(int, mq_send, (mqd_t q, const char *m, size_t n, unsigned p), (q, m, n, p))
UNMODELLED(ssize_t, mq_receive, (mqd_t q, char *m, size_t n, unsigned *p), (q, m, n, p))
UNMODELLED(int, msgsnd, (int q, const void *m, size_t n, int f), (q, m, n, f))
UNMODELLED(ssize_t, msgrcv, (int q, void *m, size_t n, long t, int f), (q, m, n, t, f))
UNMODELLED(int, semop, (int s, struct sembuf *o, size_t n), (s, o, n))
UNMODELLED(int, semtimedop, (int s, struct sembuf *o, size_t n, when t), (s, o, n, t))
UNMODELLED(int, aio_suspend, (const struct aiocb *const l[], int n, when t), (l, n, t))
UNMODELLED(int, aio_read, (struct aiocb *a), (a))
UNMODELLED(int, aio_write, (struct aiocb *a), (a))
UNMODELLED(int, aio_suspend64, (const struct aiocb64 *const l[], int n, when t),
           (l, n, t))
UNMODELLED(int, aio_read64, (struct aiocb64 *a), (a))
UNMODELLED(int, aio_write64, (struct aiocb64 *a), (a))
UNMODELLED(int, pthread_mutex_setprioceiling, (pthread_mutex_t *m, int c, int *o),
           (m, c, o))

exported mqd_t mq_open(const char *name, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = va_arg(list, mode_t);
    struct mq_attr *attr = va_arg(list, struct mq_attr *);
    va_end(list);
    if (ex.on)
        fail(FAIL_UNMODELLED, CALLER,
             "mq_open() is not modelled: take it out of the test");
    return REAL(mq_open)(name, flags, mode, attr);
}

static void refuse_to_wait(int command, const void *pc)
{
    if (ex.on && (command == F_SETLKW || command == F_OFD_SETLKW))
        fail(FAIL_UNMODELLED, pc, "fcntl(F_SETLKW) is not modelled: take it out of the "
             "test");
}

exported int fcntl(int fd, int command, ...)
{
    va_list list;
    va_start(list, command);
    long argument = va_arg(list, long);
    va_end(list);
    refuse_to_wait(command, CALLER);
    return REAL(fcntl)(fd, command, argument);
}

exported int fcntl64(int fd, int command, ...)
{
    va_list list;
    va_start(list, command);
    long argument = va_arg(list, long);
    va_end(list);
    refuse_to_wait(command, CALLER);
    return REAL(fcntl64)(fd, command, argument);
}

exported int pthread_kill(pthread_t p, int number)
{
    if (!ex.on)
        return REAL(pthread_kill)(p, number);
    struct thread *t = thread_of((void *)p);
    if (number)
        fail(FAIL_UNMODELLED, CALLER, "pthread_kill() is not modelled: signals between "
             "threads cannot be explored");
    return t && t->state != THREAD_ENDED ? 0 : ESRCH;
}

/* --- without effect --- */

static int mask_change(int how, const sigset_t *set, sigset_t *old)
{
    uint64_t new, *mask = &ex.me->mask;
    if (old) {
        sigemptyset(old);
        memcpy(old, mask, sizeof *mask);
    }
    if (!set)
        return 0;
    memcpy(&new, set, sizeof new);
    switch (how) {
    case SIG_BLOCK: *mask |= new; return 0;
    case SIG_UNBLOCK: *mask &= ~new; return 0;
    case SIG_SETMASK: *mask = new; return 0;
    default: return EINVAL;
    }
}

exported int pthread_sigmask(int how, const sigset_t *set, sigset_t *old)
{
    return ex.on ? mask_change(how, set, old) : REAL(pthread_sigmask)(how, set, old);
}

exported int sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    if (!ex.on)
        return REAL(sigprocmask)(how, set, old);
    int r = mask_change(how, set, old);
    errno = r ? r : errno;
    return r ? -1 : 0;
}

/* A setting that has no meaning where one thread runs at a time. */
#define IGNORED(name, parameters, arguments)                                  \
    exported int name parameters                                              \
    {                                                                         \
        if (!ex.on)                                                           \
            return REAL(name) arguments;                                      \
        gap("priorities and affinities of threads: taken, and without effect"); \
        return 0;                                                             \
    }
IGNORED(pthread_setschedparam, (pthread_t p, int o, const struct sched_param *s),
        (p, o, s))
IGNORED(pthread_setschedprio, (pthread_t p, int o), (p, o))
IGNORED(pthread_setaffinity_np, (pthread_t p, size_t n, const cpu_set_t *s), (p, n, s))
IGNORED(sched_setscheduler, (pid_t p, int o, const struct sched_param *s), (p, o, s))
IGNORED(sched_setaffinity, (pid_t p, size_t n, const cpu_set_t *s), (p, n, s))

exported int pthread_getschedparam(pthread_t p, int *policy, struct sched_param *param)
{
    if (!ex.on)
        return REAL(pthread_getschedparam)(p, policy, param);
    *policy = SCHED_OTHER;
    *param = (struct sched_param){ 0 };
    return thread_of((void *)p) ? 0 : ESRCH;
}

exported int pthread_getaffinity_np(pthread_t p, size_t n, cpu_set_t *set)
{
    if (!ex.on)
        return REAL(pthread_getaffinity_np)(p, n, set);
    return thread_of((void *)p) ? sched_getaffinity(0, n, set) : ESRCH;
}
