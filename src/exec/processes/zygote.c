/* exec/processes/zygote.c - see zygote.h.  Replacing a worker by executing the program again
 * costs milliseconds of loader, constructors and libraries; a fork of a process that has all
 * that behind it, but has run no task, a fraction.  Its children are siblings: home's own
 * children, so that home learns how they end.
 *
 * What a fork may not copy is another thread's lock, so a zygote whose program starts
 * threads before `main` refuses.  Tests: tests/processes_storm_test.c. */
#include "exec/processes/zygote.h"
#include "base/memory.h"
#include "exec/processes/extents.h"
#include "exec/processes/shared.h"
#include <dirent.h>
#include <errno.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool alone(void)
{
    DIR *tasks = opendir("/proc/self/task");
    int n = 0;
    while (tasks && readdir(tasks))
        n++;
    if (tasks)
        closedir(tasks);
    return n == 3; /* and two dots */
}

/* Libc's fork cannot make siblings.  What it does besides, where there is one thread: the
 * child's thread id goes where libc keeps it, and robust mutexes are told to the kernel. */
static pid_t fork_sibling(struct hatch *h)
{
    int *tid = NULL;
    void *robust = NULL;
    size_t size = 0;
    if (prctl(PR_GET_TID_ADDRESS, &tid) < 0 || !tid
        || syscall(SYS_get_robust_list, 0, &robust, &size) < 0)
        return -ENOSYS;
    struct clone_args how = { .flags = CLONE_PARENT | CLONE_CHILD_SETTID
                                       | CLONE_CHILD_CLEARTID | CLONE_PARENT_SETTID,
                              .child_tid = (uintptr_t)tid,
                              .parent_tid = (uintptr_t)&h->pid };
    pid_t pid = (pid_t)syscall(SYS_clone3, &how, sizeof how);
    if (pid == 0)
        syscall(SYS_set_robust_list, robust, size);
    return pid < 0 ? -errno : pid;
}

/* The next order and its descriptors; false: home has closed the socket. */
static bool order_get(int ask, struct birth *b, int fd[2])
{
    union {
        struct cmsghdr head; /* for its alignment */
        char room[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec bytes = { b, sizeof *b };
    struct msghdr m = { .msg_iov = &bytes, .msg_iovlen = 1, .msg_control = &control,
                        .msg_controllen = sizeof control };
    ssize_t n;
    fd[0] = fd[1] = -1;
    do
        n = recvmsg(ask, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&m) : NULL;
    if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(2 * sizeof(int)))
        memcpy(fd, CMSG_DATA(c), 2 * sizeof(int));
    return n == (ssize_t)sizeof *b;
}

static void answer(int ask, uint32_t lane, int pid)
{
    struct birth b = { lane, pid };
    if (send(ask, &b, sizeof b, MSG_NOSIGNAL) < 0)
        _exit(0); /* home is gone */
}

uint32_t zygote_serve(int ask, struct hatch *h)
{
    struct birth order;
    int fd[2];
    prctl(PR_SET_NAME, "tutti-zygote");
    answer(ask, ZYGOTE_HELLO, alone() ? 0 : -EBUSY);
    while (order_get(ask, &order, fd)) {
        store_relaxed(&h->lane, order.lane); /* the kernel's store of the pid is after it */
        pid_t pid = fork_sibling(h);
        for (int k = 0; k < 2; k++)
            if (fd[k] >= 0) {
                if (pid == 0)
                    dup2(fd[k], k + 1);
                close(fd[k]);
            }
        if (pid == 0) {
            close(ask);
            munmap(h, EXTENT_PAGE); /* tasks will run here */
            return order.lane;
        }
        answer(ask, order.lane, pid);
    }
    _exit(0);
}
