/* exec/processes/spill.c - a file for what the arena has no room for.
 *
 * It lies behind the arena in its range of addresses, mapped everywhere, and has no name, so
 * the kernel frees it with the last process.  A page of a file that finds the disk full when
 * it is written is a SIGBUS, so blocks are asked for beforehand: at home by fallocate; in a
 * worker, which must not have the descriptor (who can shorten the file kills whoever reads
 * it), by having the kernel fault its pages in, which fails where a write would.
 * Tests: tests/processes_spill_test.c. */
#include "exec/processes/spill.h"
#include "base/memory.h"
#include "core/context.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* --- the file ----------------------------------------------------------------------- */

/* A file there without a name, or an error. */
static int file_open(const char *dir)
{
    char path[URL_SPILL + 20];
    int fd = fault_now() ? -1 : open(dir, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd < 0 ? -errno : fd;
    snprintf(path, sizeof path, "%s/.tutti-XXXXXX", dir); /* an old filesystem */
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd < 0 ? -errno : fd;
}

/* How large each part may be: no larger than the disk, or than files may become. */
static uint64_t file_part(const struct head *h, unsigned parts, int fd)
{
    struct statvfs disk;
    struct rlimit most;
    uint64_t part = h->spill_part;
    if (!fstatvfs(fd, &disk) && disk.f_blocks && (uint64_t)disk.f_blocks * disk.f_frsize < part)
        part = (uint64_t)disk.f_blocks * disk.f_frsize;
    if (!getrlimit(RLIMIT_FSIZE, &most) && most.rlim_cur / parts < part)
        part = most.rlim_cur / parts; /* beyond it there is a signal */
    return part / EXTENT_PAGE * EXTENT_PAGE;
}

/* Make it as large as it will ever be, all of it a hole. */
static int file_grow(struct head *h, unsigned parts, int fd)
{
    h->spill_part = file_part(h, parts, fd);
    while (h->spill_part && ftruncate(fd, (off_t)(h->spill_part * parts)) < 0) {
        if (errno != EFBIG)
            return -errno;
        h->spill_part = h->spill_part / 2 / EXTENT_PAGE * EXTENT_PAGE;
    }
    return h->spill_part ? 0 : -EFBIG;
}

static int spill_map(struct arena *a)
{
    struct head *h = a->head;
    uint64_t size = head_spill_size(h);
    void *at = head_at(h, h->spill), *got = fault_now() ? MAP_FAILED :
        mmap(at, size, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_FIXED_NOREPLACE | MAP_NORESERVE, a->spill.fd, 0);
    if (got == MAP_FAILED)
        return -ENOMEM;
    if (got != at) { /* a kernel that takes the address for a wish */
        munmap(got, size);
        return -ENOMEM;
    }
    a->spill.mapped = true;
    madvise(at, size, MADV_DONTFORK);
    madvise(at, size, MADV_DONTDUMP);
    return 0;
}

int spill_open(struct arena *a, const struct url *u)
{
    struct head *h = a->head;
    struct spill *s = &a->spill;
    int low = file_open(u->spill);
    if (low < 0)
        return why_set(low, "spill=%s: no file can be made there: %s", u->spill,
                       tutti_strerror(low));
    s->dir = u->spill;
    s->fd = descriptor_high(low);
    int rc = s->fd < 0 ? -EMFILE : file_grow(h, head_spill_parts(h), s->fd);
    rc = rc ? rc : spill_map(a);
    rc = rc ? rc : extents_init(&s->part[0], head_at(h, h->spill), h->spill_part, 0);
    rc = rc ? rc : extents_init(&s->part[1], head_at(h, h->spill + h->spill_part),
                                h->spill_part, 0);
    return rc ? why_set(rc, "spill=%s: its file cannot be used: %s", u->spill,
                        tutti_strerror(rc)) : 0;
}

void spill_close(struct arena *a)
{
    struct spill *s = &a->spill;
    if (s->mapped)
        munmap(head_at(a->head, a->head->spill), head_spill_size(a->head));
    if (s->fd >= 0)
        close(s->fd);
    extents_fini(&s->part[0]);
    extents_fini(&s->part[1]);
    *s = (struct spill){ .fd = -1 };
}

/* --- blocks -------------------------------------------------------------------------- */

/* Where the filesystem cannot: by writing. */
static int blocks_write(int fd, uint64_t from, uint64_t n)
{
    static const char zeroes[64 << 10];
    while (n) {
        size_t some = n < sizeof zeroes ? (size_t)n : sizeof zeroes;
        ssize_t done = pwrite(fd, zeroes, some, (off_t)from);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done ? -errno : -ENOSPC;
        from += (uint64_t)done;
        n -= (uint64_t)done;
    }
    return 0;
}

static int blocks_take(int fd, uint64_t from, uint64_t n)
{
    int rc;
    if (fault_now())
        return -ENOSPC;
    do
        rc = fallocate(fd, 0, (off_t)from, (off_t)n) < 0 ? -errno : 0;
    while (rc == -EINTR);
    return rc == -EOPNOTSUPP || rc == -ENOSYS ? blocks_write(fd, from, n) : rc;
}

void *spill_take(struct arena *a, unsigned flags, uint64_t n, bool *zeroed)
{
    struct spill *s = &a->spill;
    struct extents *e = &s->part[flags & TUTTI_WRITE ? 1 : 0];
    s->error = 0;
    if (!s->mapped)
        return NULL;
    n = whole_pages(n ? n : 1);
    void *at = extents_take(e, n, zeroed);
    s->error = at ? blocks_take(s->fd, (uint64_t)((char *)at - (char *)head_at(a->head,
                                                                             a->head->spill)),
                                n)
                  : -ENOSPC;
    if (at && s->error) {
        extents_give(e, at, n); /* what it had got of them goes, too */
        at = NULL;
    }
    return at;
}

bool spill_give(struct arena *a, void *at, uint64_t n)
{
    for (int i = 0; a->spill.mapped && i < 2; i++) {
        struct extents *e = &a->spill.part[i];
        if ((unsigned char *)at >= e->base && (unsigned char *)at < e->base + e->size) {
            extents_give(e, at, n ? n : 1);
            return true;
        }
    }
    return false;
}

const char *spill_words(const struct arena *a, char *text, size_t size)
{
    if (a->spill.mapped)
        snprintf(text, size, "the arena has no room for it (?arena=), and neither has the file "
                 "in %s: %s", a->spill.dir, tutti_strerror(a->spill.error));
    else
        snprintf(text, size, "the arena has no room for it; give it more by ?arena=, or a file "
                 "by ?spill=");
    return text;
}

/* --- in a worker ----------------------------------------------------------------------- */

static bool worker_map(const struct head *h, uint64_t offset, uint64_t size, int how, int fd)
{
    return mmap(head_at(h, offset), size, how, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, fd,
                (off_t)(offset - h->spill)) != MAP_FAILED;
}

bool spill_enter(const struct head *h, int fd)
{
    char path[40];
    if (!h->spill_part)
        return true;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int reading = open(path, O_RDONLY | O_CLOEXEC); /* which no mprotect makes writable */
    bool done = reading >= 0
                && worker_map(h, h->spill, head_spill_size(h), PROT_READ, reading);
    if (reading >= 0)
        close(reading);
    return done;
}

bool spill_own(const struct head *h, int fd, unsigned box)
{
    const int both = PROT_READ | PROT_WRITE;
    if (!h->spill_part)
        return true;
    bool done = worker_map(h, h->spill + h->spill_part, h->spill_part, both, fd)
                && worker_map(h, head_spill_box(h, box), h->spill_part, both, fd);
    madvise(head_at(h, h->spill), head_spill_size(h), MADV_DONTFORK);
    madvise(head_at(h, h->spill), head_spill_size(h), MADV_DONTDUMP);
    close(fd);
    return done;
}

void *spill_box_take(struct extents *box, uint64_t n)
{
    bool zeroed;
    void *at = box->size ? extents_take(box, n, &zeroed) : NULL;
    if (!at)
        return NULL;
    if (!fault_now() && madvise(at, whole_pages(n), MADV_POPULATE_WRITE) == 0)
        return at;
    extents_give(box, at, n);
    return NULL;
}
