/* refused.c - the call named by its argument, which the explorer does not model: each
 * must be a failure that names it, and none may hang.  Run by explore_refuse_test.py;
 * with "list" it prints what calls there are. */
#include <aio.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <mqueue.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static sigset_t set;
static siginfo_t info;
static struct timespec span = { 1, 0 };
static struct itimerval interval = { { 1, 0 }, { 1, 0 } };
static struct aiocb block;
static struct sembuf operation;
static struct addrinfo *found;
static timer_t timer;
static pid_t child;
static char text[64] = "true", *const words[] = { text, NULL },
            *const none[] = { NULL };
static int number;

/* Statements of one call each; what they answer is not looked at. */
#define CALL(name, ...)                                                       \
    static void call_##name(void)                                             \
    {                                                                         \
        long answer_of_the_call = (long)__VA_ARGS__;                          \
        (void)answer_of_the_call;                                             \
    }
#define CALLS(X)                                                              \
    X(waitpid, waitpid(-1, &number, 0))                                       \
    X(wait, wait(NULL))                                                       \
    X(wait3, wait3(&number, 0, NULL))                                         \
    X(wait4, wait4(-1, &number, 0, NULL))                                     \
    X(waitid, waitid(P_ALL, 0, &info, WEXITED))                               \
    X(fork, fork())                                                           \
    X(daemon, daemon(0, 0))                                                   \
    X(system, system("true"))                                                 \
    X(popen, (size_t)popen("true", "r"))                                      \
    X(posix_spawn, posix_spawn(&child, "/bin/true", NULL, NULL, words, none)) \
    X(posix_spawnp, posix_spawnp(&child, "true", NULL, NULL, words, none))    \
    X(execve, execve("/bin/true", words, none))                               \
    X(execv, execv("/bin/true", words))                                       \
    X(execvp, execvp("true", words))                                          \
    X(pause, pause())                                                         \
    X(sigsuspend, sigsuspend(&set))                                           \
    X(sigwait, sigwait(&set, &number))                                        \
    X(sigwaitinfo, sigwaitinfo(&set, &info))                                  \
    X(sigtimedwait, sigtimedwait(&set, &info, &span))                         \
    X(kill, kill(getpid(), SIGUSR1))                                          \
    X(tgkill, tgkill(getpid(), gettid(), SIGUSR1))                            \
    X(sigqueue, sigqueue(getpid(), SIGUSR1, (union sigval){ 0 }))             \
    X(pthread_kill, pthread_kill(pthread_self(), SIGUSR1))                    \
    X(pthread_sigqueue,                                                       \
      pthread_sigqueue(pthread_self(), SIGUSR1, (union sigval){ 0 }))         \
    X(alarm, alarm(1))                                                        \
    X(ualarm, ualarm(1, 1))                                                   \
    X(setitimer, setitimer(ITIMER_REAL, &interval, NULL))                     \
    X(timer_create, timer_create(CLOCK_MONOTONIC, NULL, &timer))              \
    X(timerfd_create, timerfd_create(CLOCK_MONOTONIC, 0))                     \
    X(flock, flock(0, LOCK_EX))                                               \
    X(lockf, lockf(0, F_LOCK, 1))                                             \
    X(fcntl, fcntl(0, F_SETLKW, &(struct flock){ .l_type = F_RDLCK }))        \
    X(connect, connect(0, (struct sockaddr *)&(struct sockaddr_in){ 0 }, 16)) \
    X(getaddrinfo, getaddrinfo("localhost", NULL, NULL, &found))              \
    X(recvmmsg, recvmmsg(0, NULL, 1, 0, NULL))                                \
    X(sendmmsg, sendmmsg(0, NULL, 1, 0))                                      \
    X(mq_open, mq_open("/none", O_RDONLY))                                    \
    X(mq_send, mq_send(0, text, 1, 0))                                        \
    X(mq_receive, mq_receive(0, text, 1, NULL))                               \
    X(msgsnd, msgsnd(0, text, 1, 0))                                          \
    X(msgrcv, msgrcv(0, text, 1, 0, 0))                                       \
    X(semop, semop(0, &operation, 1))                                         \
    X(semtimedop, semtimedop(0, &operation, 1, &span))                        \
    X(aio_suspend, aio_suspend((const struct aiocb *const[]){ &block }, 1, NULL)) \
    X(aio_read, aio_read(&block))                                             \
    X(aio_write, aio_write(&block))                                           \
    X(SYS_nanosleep, syscall(SYS_nanosleep, &span, NULL))                     \
    X(SYS_read, syscall(SYS_read, 0, text, 1))                                \
    X(SYS_epoll_wait, syscall(SYS_epoll_wait, 0, text, 1, -1))                \
    X(FUTEX_LOCK_PI, syscall(SYS_futex, &number, FUTEX_LOCK_PI, 0, NULL))     \
    X(FUTEX_WAIT_REQUEUE_PI,                                                  \
      syscall(SYS_futex, &number, FUTEX_WAIT_REQUEUE_PI, 0, NULL, &number, 0))
CALLS(CALL)

#define ENTRY(name, ...) { #name, call_##name },
static const struct {
    const char *name;
    void (*call)(void);
} calls[] = { CALLS(ENTRY) };

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < sizeof calls / sizeof *calls; i++) {
        if (!strcmp(argv[1], "list"))
            puts(calls[i].name);
        else if (!strcmp(argv[1], calls[i].name))
            calls[i].call();
    }
}
