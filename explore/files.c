/* explore/files.c - which open file a descriptor is, and what its use makes known: what
 * is written tells whoever reads from the same file later, and making room in it tells a
 * writer who had to wait for that.  Two who only write, as loggers do, are not ordered.
 * Both ends of a pipe are one file; of sockets, only pairs are known to belong together,
 * so those of all others are one.
 * Holds: file[0..files) are those met in this schedule; no two are the same file.
 * Tests: tests/cells/orders_by_fd.c, pipes.c. */
#include "descriptors.h"
#include "engine.h"
#include "objects.h"
#include "real.h"
#include <linux/kcmp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FILES = 512, DESCRIPTORS = 64 /* are tried to find a copy */ };
static struct file {
    dev_t device;
    ino_t node, other; /* other: of the socket at the end of a pair; 0 */
    int fd;            /* of those that share a node with all of their kind; -1 */
    char told, room;   /* whose addresses the clocks go by */
} file[FILES];
static int files;
static bool copies; /* some descriptor may be one of several for its open file */
static struct file sockets, many; /* unpaired; and those that do not fit */

void files_reset(void)
{
    files = 0;
    copies = false;
}

static struct file *file_new(const struct stat *s, int fd)
{
    if (files == FILES)
        return &many;
    file[files] = (struct file){ s->st_dev, s->st_ino, 0, fd, 0, 0 };
    return &file[files++];
}

static bool same_open_file(int a, int b)
{
    long me = real_syscall(SYS_getpid, 0, 0, 0, 0, 0, 0);
    return a == b || real_syscall(SYS_kcmp, me, me, KCMP_FILE, a, b, 0) == 0;
}

static struct file *file_of(int fd)
{
    struct stat s;
    if (real_syscall(SYS_fstat, fd, (long)&s, 0, 0, 0, 0))
        return &many;
    bool shares = !(s.st_mode & S_IFMT); /* eventfds and their like */
    for (int i = 0; i < files; i++) {
        struct file *f = &file[i];
        if (f->device == s.st_dev && (f->node == s.st_ino || f->other == s.st_ino) &&
            (!shares || (f->fd >= 0 && same_open_file(f->fd, fd))))
            return f;
    }
    return S_ISSOCK(s.st_mode) ? &sockets : file_new(&s, shares ? fd : -1);
}

static struct clock *clock_at(char *key)
{
    return &object_of(key, OBJECT_FD)->clock;
}

void files_written(int fd)
{
    release_clock(clock_at(&file_of(fd)->told));
}

void files_read(int fd)
{
    acquire_clock(clock_at(&file_of(fd)->told));
}

void files_room_made(int fd)
{
    release_clock(clock_at(&file_of(fd)->room));
}

void files_room_found(int fd)
{
    acquire_clock(clock_at(&file_of(fd)->room));
}

static void acquire_one(struct object *o, void *arg)
{
    (void)arg;
    if (o->kind == OBJECT_FD)
        acquire_clock(&o->clock);
}

void files_read_all(void)
{
    objects_each(acquire_one, NULL);
}

void files_closing(int fd)
{
    struct file *f = file_of(fd);
    release_clock(clock_at(&f->told));
    release_clock(clock_at(&f->room));
    if (f->fd != fd)
        return;
    f->fd = -1; /* the number may come to be another's */
    for (int i = 0; copies && i < DESCRIPTORS && f->fd < 0; i++)
        if (i != fd && same_open_file(i, fd))
            f->fd = i;
}

/* Descriptors for open files that have others already. */
#define COPY(name, parameters, arguments)                                     \
    exported int name parameters                                              \
    {                                                                         \
        copies |= ex.on;                                                      \
        return REAL(name) arguments;                                          \
    }
COPY(dup, (int fd), (fd))
COPY(dup2, (int fd, int to), (fd, to))
COPY(dup3, (int fd, int to, int flags), (fd, to, flags))

void files_pair(const int *fds)
{
    struct stat a, b;
    if (real_syscall(SYS_fstat, fds[0], (long)&a, 0, 0, 0, 0) ||
        real_syscall(SYS_fstat, fds[1], (long)&b, 0, 0, 0, 0))
        return;
    struct file *f = file_new(&a, -1);
    if (f != &many)
        f->other = b.st_ino;
}
