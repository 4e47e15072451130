/* examples/common/folder.c - see folder.h. */
#include "folder.h"
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TRIES = 100 };

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    (void)st;
    (void)flag;
    (void)at;
    return remove(path);
}

void folder_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Make it, tell so, and wait until whoever made us is gone; then see it gone as well:
 * what still writes into it ends soon. */
static _Noreturn void watch(struct folder *f, int parent)
{
    static const struct timespec pause = { 0, 50000000 };
    char none;
    setsid(); /* Ctrl-C is not for us */
    dup2(parent, 0);
    close_range(1, ~0u, 0); /* nobody shall wait for us to close theirs */
    if (!mkdtemp(f->path))
        f->path[0] = 0;
    if (write(0, f->path, sizeof f->path) == sizeof f->path)
        while (read(0, &none, 1) < 0 && errno == EINTR)
            ;
    for (int tries = 0; tries < TRIES && access(f->path, F_OK) == 0; tries++) {
        folder_remove(f->path);
        nanosleep(&pause, NULL);
    }
    _exit(0);
}

int folder_open(struct folder *f, const char *name)
{
    int ends[2];
    const char *tmp = getenv("TMPDIR");
    if (!tmp || strlen(tmp) > 30)
        tmp = "/tmp"; /* sockets in it have short names */
    *f = (struct folder){ .watched = 0 };
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/tutti-%s-XXXXXX", tmp, name);
    f->watcher = fork();
    if (f->watcher == 0) {
        close(ends[1]);
        watch(f, ends[0]);
    }
    close(ends[0]);
    f->watched = ends[1];
    ssize_t got;
    do
        got = f->watcher < 0 ? -1 : recv(ends[1], f->path, sizeof f->path, MSG_WAITALL);
    while (got < 0 && f->watcher > 0 && errno == EINTR);
    if (got != sizeof f->path)
        f->path[0] = 0;
    return f->path[0] ? 0 : -1;
}

void folder_close(struct folder *f)
{
    if (f->path[0])
        folder_remove(f->path);
    if (f->watched)
        close(f->watched);
    while (f->watcher > 0 && waitpid(f->watcher, NULL, 0) < 0 && errno == EINTR)
        ;
    *f = (struct folder){ .watched = 0 };
}
