/* hook/wait.c - parking for descriptors, and ending the waits for one that is closed.
 *
 * Design: a wait is one tutti_wait for the descriptors, the time, and an event of its own.
 * Each descriptor of it is entered in a table by number; who closes that number sets the
 * event, before the number is free for another file.  So a wait for a closed descriptor
 * ends with EBADF, and nobody is woken by what comes after it under the same number.
 * The events of a wait only say "look again": the call itself is then made once more, and
 * what it says counts.
 * Tests: tests/hook_test.c. */
#include "hook/hook.h"
#include <assert.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <tutti/sync.h>

enum { BUCKETS = 64, FEW = 4, LOOK_AGAIN = 2 };

struct sleeper {
    tutti_event closed;
};

/* One descriptor of one wait.  Holds: in its bucket's list, under the bucket's lock. */
struct entry {
    struct entry *next, **link;
    int fd;
    bool closed;
    struct sleeper *who;
};

/* Holds: *e->link == e for each entry in it. */
struct bucket {
    struct spin lock;
    struct entry *first;
};
static struct bucket buckets[BUCKETS];
static _Atomic uint32_t entries; /* in all buckets; a hint to closers */
static pid_t process;            /* a child of vfork has our memory and another number */
/* This thread holds a bucket's lock: a signal handler that closes must not take it. */
static _Thread_local volatile bool in_bucket;

/* --- the table --------------------------------------------------------------- */

static struct bucket *bucket_lock(int fd)
{
    struct bucket *b = &buckets[(unsigned)fd % BUCKETS];
    in_bucket = true;
    fence_signal();
    spin_lock(&b->lock);
    return b;
}

static void bucket_unlock(struct bucket *b)
{
    spin_unlock(&b->lock);
    fence_signal();
    in_bucket = false;
}

static void entry_enter(struct entry *e, int fd, struct sleeper *who)
{
    struct bucket *b = bucket_lock(fd);
    *e = (struct entry){ b->first, &b->first, fd, false, who };
    if (b->first)
        b->first->link = &e->next;
    b->first = e;
    bucket_unlock(b);
    add_relaxed(&entries, 1); /* who closes what another waits for races with it anyway */
}

/* After it nobody touches *e or its sleeper any more. */
static bool entry_leave(struct entry *e)
{
    struct bucket *b = bucket_lock(e->fd);
    assert(*e->link == e);
    *e->link = e->next;
    if (e->next)
        e->next->link = e->link;
    bucket_unlock(b);
    sub_relaxed(&entries, 1); /* see entry_enter */
    return e->closed;
}

static void bucket_close(struct bucket *b, unsigned first, unsigned last)
{
    for (struct entry *e = b->first; e; e = e->next)
        if ((unsigned)e->fd >= first && (unsigned)e->fd <= last && !e->closed) {
            e->closed = true;
            tutti_event_set(&e->who->closed);
        }
}

void hook_closing(unsigned first, unsigned last)
{
    if (likely(load_relaxed(&entries) == 0) || in_bucket) /* a hint: see entry_enter */
        return;
    int kept = errno;
    if (getpid() == process) {
        unsigned count = last - first < BUCKETS ? last - first + 1 : BUCKETS;
        for (unsigned i = 0; i < count; i++) {
            struct bucket *b = bucket_lock((int)(first + i));
            bucket_close(b, first, last);
            bucket_unlock(b);
        }
    }
    errno = kept;
}

/* The waits were those of the parent's threads. */
static void wait_after_fork(void)
{
    memset(buckets, 0, sizeof buckets);
    store_relaxed(&entries, 0); /* one thread */
    process = getpid();
}

__attribute__((constructor)) static void wait_begin(void)
{
    process = getpid();
    pthread_atfork(NULL, NULL, wait_after_fork);
}

/* --- parking ----------------------------------------------------------------- */

/* Holds: cases[0] is the event, the last one the time if there is one; entries[0..count)
 * are in the table. */
struct park {
    struct sleeper sleeper;
    tutti_case *cases, few_cases[FEW + 2];
    struct entry *entries, few_entries[FEW];
    size_t count;
    void *block;
};

static int park_room(struct park *p, nfds_t n)
{
    memset(&p->sleeper, 0, sizeof p->sleeper);
    p->cases = p->few_cases;
    p->entries = p->few_entries;
    p->count = 0;
    p->block = NULL;
    size_t each = sizeof(tutti_case) + sizeof(struct entry);
    if (n <= FEW)
        return 0;
    p->block = n < SIZE_MAX / each / 2 ? malloc((n + 2) * each) : NULL;
    if (!p->block)
        return -ENOMEM;
    p->entries = p->block;
    p->cases = (tutti_case *)(void *)(p->entries + n);
    return 0;
}

/* The number of cases; *time is the index of the time, or one behind. */
static size_t park_enter(struct park *p, const struct pollfd *fds, nfds_t n,
                         tutti_time until, size_t *time)
{
    size_t k = 0;
    p->cases[k++] = tutti_on_event(&p->sleeper.closed);
    for (nfds_t i = 0; i < n; i++) {
        if (fds[i].fd < 0)
            continue;
        entry_enter(&p->entries[p->count++], fds[i].fd, &p->sleeper);
        p->cases[k++] = tutti_on_fd(fds[i].fd, fds[i].events);
    }
    *time = k;
    if (until != TUTTI_NEVER)
        p->cases[k++] = tutti_on_time(until);
    return k;
}

static bool park_leave(struct park *p, struct pollfd *fds)
{
    bool closed = false;
    struct pollfd *at = fds;
    for (size_t i = 0; i < p->count; i++, at++) {
        while (at->fd < 0)
            at++;
        at->revents = 0;
        if (entry_leave(&p->entries[i])) {
            at->revents = POLLNVAL;
            closed = true;
        }
    }
    free(p->block);
    return closed;
}

/* The runtime cannot wait for one of them (a ring of epolls, no memory): come back soon. */
static int park_briefly(tutti_time until)
{
    tutti_time soon = tutti_after(LOOK_AGAIN * TUTTI_MS);
    int rc = tutti_sleep_until(until < soon ? until : soon);
    return rc < 0 ? rc : 1;
}

int hook_park(struct pollfd *fds, nfds_t n, tutti_time until)
{
    struct park p;
    size_t time;
    int rc = park_room(&p, n);
    if (rc < 0)
        return rc;
    size_t cases = park_enter(&p, fds, n, until, &time);
    rc = tutti_wait(p.cases, cases);
    bool closed = park_leave(&p, fds);
    if (rc == -ECANCELED || rc == -ETIMEDOUT)
        return rc;
    if (closed)
        return -EBADF;
    if (rc < 0 && rc != -EBADF)
        return park_briefly(until);
    return rc >= 0 && (size_t)rc == time ? 0 : 1;
}

enum { VAIN_MOST = 3 };

int hook_park_again(struct pollfd *fds, nfds_t n, tutti_time until, struct hook_vain *v)
{
    int rc = v->times > VAIN_MOST ? park_briefly(until) : 1;
    if (rc < 0)
        return rc;
    tutti_time began = tutti_now();
    rc = hook_park(fds, n, until);
    v->times = tutti_now() - began < TUTTI_MS ? v->times + 1 : 0;
    return rc;
}

/* --- one call's waits ---------------------------------------------------------- */

int hook_fail(int code)
{
    errno = -code;
    return -1;
}

bool hook_nonblocking(int fd)
{
    int flags = fcntl(fd, F_GETFL);
    return flags < 0 || (flags & O_NONBLOCK);
}

short hook_ready(int fd, short events)
{
    struct pollfd p = { fd, events, 0 };
    return libc()->poll(&p, 1, 0) > 0 ? p.revents : 0;
}

tutti_time hook_until(const struct timespec *span)
{
    if (!span || span->tv_sec >= INT32_MAX)
        return TUTTI_NEVER; /* 68 years */
    return tutti_after(span->tv_sec * TUTTI_SEC + span->tv_nsec);
}

tutti_time hook_until_ms(int ms)
{
    return ms < 0 ? TUTTI_NEVER : tutti_after(ms * TUTTI_MS);
}

static tutti_time option_until(int fd, int option)
{
    struct timeval tv;
    socklen_t size = sizeof tv;
    if (!option || getsockopt(fd, SOL_SOCKET, option, &tv, &size) < 0
        || (!tv.tv_sec && !tv.tv_usec) || tv.tv_sec >= INT32_MAX)
        return TUTTI_NEVER;
    return tutti_after(tv.tv_sec * TUTTI_SEC + tv.tv_usec * 1000);
}

int hook_turn(struct turn *t)
{
    if (!t->asked) {
        if (hook_nonblocking(t->fd))
            return -EAGAIN;
        t->until = option_until(t->fd, t->option);
        t->asked = true;
    }
    struct pollfd p = { t->fd, t->events, 0 };
    int rc = hook_park_again(&p, 1, t->until, &t->vain);
    return rc == 0 ? -EAGAIN : rc < 0 ? rc : 0;
}

enum kind hook_kind(int fd)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)
        || S_ISDIR(st.st_mode))
        return KIND_FILE;
    if (S_ISSOCK(st.st_mode))
        return KIND_SOCKET;
    return S_ISCHR(st.st_mode) && isatty(fd) ? KIND_TTY : KIND_OTHER;
}
