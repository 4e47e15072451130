/* hook/file.c - calls for which nothing says whether they will have to wait: those on files
 * that name a place, opening, locks of files, children.  Each is made as libc makes it, until
 * the monitor has seen one from its place in the program block a worker while others waited:
 * from then on those from there are made on a rescue thread.  (read and write of regular
 * files do the same, in stream.c.)
 * Tests: tests/hook_monitor_test.c. */
#include "hook/hook.h"
#include <stdarg.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <tutti/monitor.h>

/* Is the call that returns to `from` one to be made elsewhere? */
static bool is_blamed(const void *from)
{
    return hook_caller(from) && tutti_site_blamed(from);
}
#define BLAMED() is_blamed(__builtin_return_address(0))

/* --- places of files -------------------------------------------------------------- */

struct place {
    int fd, n;
    void *at; /* bytes, or n buffers */
    size_t size;
    off_t offset;
    ssize_t result;
};

static ssize_t place_rescued(void (*run)(void *arg), struct place p)
{
    int rc = hook_rescue(run, &p);
    return rc < 0 ? hook_fail(rc) : p.result;
}

static void pread_run(void *arg)
{
    struct place *p = arg;
    p->result = libc()->pread(p->fd, p->at, p->size, p->offset);
}

static void pwrite_run(void *arg)
{
    struct place *p = arg;
    p->result = libc()->pwrite(p->fd, p->at, p->size, p->offset);
}

static void preadv_run(void *arg)
{
    struct place *p = arg;
    p->result = libc()->preadv(p->fd, p->at, p->n, p->offset);
}

static void pwritev_run(void *arg)
{
    struct place *p = arg;
    p->result = libc()->pwritev(p->fd, p->at, p->n, p->offset);
}

HOOK ssize_t pread(int fd, void *to, size_t size, off_t offset)
{
    return BLAMED() ? place_rescued(pread_run, (struct place){ fd, 0, to, size, offset, -1 })
                    : libc()->pread(fd, to, size, offset);
}

HOOK ssize_t pread64(int fd, void *to, size_t size, off64_t offset)
{
    return BLAMED() ? place_rescued(pread_run, (struct place){ fd, 0, to, size, offset, -1 })
                    : libc()->pread64(fd, to, size, offset);
}

HOOK ssize_t pwrite(int fd, const void *from, size_t size, off_t offset)
{
    struct place p = { fd, 0, (void *)(uintptr_t)from, size, offset, -1 };
    return BLAMED() ? place_rescued(pwrite_run, p) : libc()->pwrite(fd, from, size, offset);
}

HOOK ssize_t pwrite64(int fd, const void *from, size_t size, off64_t offset)
{
    struct place p = { fd, 0, (void *)(uintptr_t)from, size, offset, -1 };
    return BLAMED() ? place_rescued(pwrite_run, p) : libc()->pwrite64(fd, from, size, offset);
}

HOOK ssize_t preadv(int fd, const struct iovec *v, int n, off_t offset)
{
    struct place p = { fd, n, (void *)(uintptr_t)v, 0, offset, -1 };
    return BLAMED() ? place_rescued(preadv_run, p) : libc()->preadv(fd, v, n, offset);
}

HOOK ssize_t preadv64(int fd, const struct iovec *v, int n, off64_t offset)
{
    struct place p = { fd, n, (void *)(uintptr_t)v, 0, offset, -1 };
    return BLAMED() ? place_rescued(preadv_run, p) : libc()->preadv64(fd, v, n, offset);
}

HOOK ssize_t pwritev(int fd, const struct iovec *v, int n, off_t offset)
{
    struct place p = { fd, n, (void *)(uintptr_t)v, 0, offset, -1 };
    return BLAMED() ? place_rescued(pwritev_run, p) : libc()->pwritev(fd, v, n, offset);
}

HOOK ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t offset)
{
    struct place p = { fd, n, (void *)(uintptr_t)v, 0, offset, -1 };
    return BLAMED() ? place_rescued(pwritev_run, p) : libc()->pwritev64(fd, v, n, offset);
}

/* --- from file to file ---------------------------------------------------------------- */

struct copy {
    int from, to;
    off64_t *from_at, *to_at;
    size_t size;
    unsigned flags;
    ssize_t result;
};

static ssize_t copy_rescued(void (*run)(void *arg), struct copy c)
{
    int rc = hook_rescue(run, &c);
    return rc < 0 ? hook_fail(rc) : c.result;
}

static void sendfile_run(void *arg)
{
    struct copy *c = arg;
    c->result = libc()->sendfile64(c->to, c->from, c->from_at, c->size);
}

static void copy_run(void *arg)
{
    struct copy *c = arg;
    c->result = libc()->copy_file_range(c->from, c->from_at, c->to, c->to_at, c->size,
                                        c->flags);
}

HOOK ssize_t sendfile(int to, int from, off_t *at, size_t size)
{
    struct copy c = { .from = from, .to = to, .from_at = at, .size = size };
    return BLAMED() ? copy_rescued(sendfile_run, c) : libc()->sendfile(to, from, at, size);
}

HOOK ssize_t sendfile64(int to, int from, off64_t *at, size_t size)
{
    struct copy c = { .from = from, .to = to, .from_at = at, .size = size };
    return BLAMED() ? copy_rescued(sendfile_run, c) : libc()->sendfile64(to, from, at, size);
}

HOOK ssize_t copy_file_range(int from, off64_t *from_at, int to, off64_t *to_at, size_t size,
                             unsigned flags)
{
    struct copy c = { from, to, from_at, to_at, size, flags, -1 };
    return BLAMED() ? copy_rescued(copy_run, c)
                    : libc()->copy_file_range(from, from_at, to, to_at, size, flags);
}

/* --- opening and locking ---------------------------------------------------------------- */

struct opening {
    int folder, flags, result;
    const char *path;
    mode_t mode;
};

static void open_run(void *arg)
{
    struct opening *o = arg;
    o->result = libc()->openat(o->folder, o->path, o->flags, o->mode);
}

static int open_as(const void *from, int folder, const char *path, int flags, mode_t mode)
{
    struct opening o = { folder, flags, -1, path, mode };
    if (!is_blamed(from)) {
        open_run(&o);
        return o.result;
    }
    int rc = hook_rescue(open_run, &o);
    return rc < 0 ? hook_fail(rc) : o.result;
}

/* The mode is there only if a file may be made. */
static mode_t mode_in(int flags, va_list list)
{
    return flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE ? va_arg(list, mode_t) : 0;
}

HOOK int open(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_in(flags, list);
    va_end(list);
    return open_as(__builtin_return_address(0), AT_FDCWD, path, flags, mode);
}

HOOK int open64(const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_in(flags, list);
    va_end(list);
    return open_as(__builtin_return_address(0), AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

HOOK int openat(int folder, const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_in(flags, list);
    va_end(list);
    return open_as(__builtin_return_address(0), folder, path, flags, mode);
}

HOOK int openat64(int folder, const char *path, int flags, ...)
{
    va_list list;
    va_start(list, flags);
    mode_t mode = mode_in(flags, list);
    va_end(list);
    return open_as(__builtin_return_address(0), folder, path, flags | O_LARGEFILE, mode);
}

struct flocking {
    int fd, how, result;
};

static void flock_run(void *arg)
{
    struct flocking *f = arg;
    f->result = libc()->flock(f->fd, f->how);
}

HOOK int flock(int fd, int how)
{
    struct flocking f = { fd, how, -1 };
    if (!BLAMED())
        return libc()->flock(fd, how);
    int rc = hook_rescue(flock_run, &f);
    return rc < 0 ? hook_fail(rc) : f.result;
}

/* --- children ------------------------------------------------------------------------------ */

struct child {
    idtype_t type;
    id_t id;
    siginfo_t *info;
    int *status, options;
    struct rusage *used;
    pid_t result;
};

static pid_t child_rescued(void (*run)(void *arg), struct child c)
{
    int rc = hook_rescue(run, &c);
    return rc < 0 ? hook_fail(rc) : c.result;
}

static void wait4_run(void *arg)
{
    struct child *c = arg;
    c->result = libc()->wait4((pid_t)c->id, c->status, c->options, c->used);
}

static void waitid_run(void *arg)
{
    struct child *c = arg;
    c->result = libc()->waitid(c->type, c->id, c->info, c->options);
}

HOOK pid_t wait(int *status)
{
    struct child c = { .id = (id_t)-1, .status = status };
    return BLAMED() ? child_rescued(wait4_run, c) : libc()->wait(status);
}

HOOK pid_t waitpid(pid_t pid, int *status, int options)
{
    struct child c = { .id = (id_t)pid, .status = status, .options = options };
    return BLAMED() ? child_rescued(wait4_run, c) : libc()->waitpid(pid, status, options);
}

HOOK pid_t wait4(pid_t pid, int *status, int options, struct rusage *used)
{
    struct child c = { .id = (id_t)pid, .status = status, .options = options, .used = used };
    return BLAMED() ? child_rescued(wait4_run, c) : libc()->wait4(pid, status, options, used);
}

HOOK int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
{
    struct child c = { .type = type, .id = id, .info = info, .options = options };
    return BLAMED() ? child_rescued(waitid_run, c) : libc()->waitid(type, id, info, options);
}

/* --- twins --------------------------------------------------------------------------------- */

HOOK ssize_t __pread_chk(int fd, void *to, size_t size, off_t offset, size_t room);
HOOK ssize_t __pread64_chk(int fd, void *to, size_t size, off64_t offset, size_t room);

HOOK ssize_t __pread_chk(int fd, void *to, size_t size, off_t offset, size_t room)
{
    if (size > room)
        abort();
    return BLAMED() ? place_rescued(pread_run, (struct place){ fd, 0, to, size, offset, -1 })
                    : libc()->pread(fd, to, size, offset);
}

HOOK ssize_t __pread64_chk(int fd, void *to, size_t size, off64_t offset, size_t room)
{
    if (size > room)
        abort();
    return BLAMED() ? place_rescued(pread_run, (struct place){ fd, 0, to, size, offset, -1 })
                    : libc()->pread64(fd, to, size, offset);
}
