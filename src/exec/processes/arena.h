/* exec/processes/arena.h - the memory that a home and its workers share: made, mapped,
 * found again by the refs that point into it.  What lies where: shared.h. */
#ifndef EXEC_PROCESSES_ARENA_H
#define EXEC_PROCESSES_ARENA_H
#include "base/latch.h"
#include "exec/processes/extents.h"
#include "exec/processes/shared.h"
#include "exec/url.h"

/* Under the arena's latch.  Holds: part[] are in use while mapped. */
struct spill {
    int fd;
    bool mapped;
    struct extents part[2]; /* read, write */
    int error;              /* why spill_take could not */
    const char *dir;        /* the URL's */
};

/* Home's view of one arena.  Holds: outbox_user[i] counts the worker that writes there and
 * the results in it that somebody still holds; head is mapped while it is open. */
struct arena {
    struct head *head;
    int fd;            /* close-on-exec, not below ARENA_FD_LEAST */
    struct latch latch; /* guards all below */
    struct extents read, write;
    struct spill spill;
    unsigned outboxes;
    uint32_t *outbox_users;
    uint32_t segments_from; /* where to look for a free one first */
    uint32_t generation;
};

/* The same descriptor, not below ARENA_FD_LEAST if that may be, and in no case one of those
 * that a worker finds its own at; close-on-exec; fd is closed.  -1: none is left, or fd was
 * -1. */
int descriptor_high(int fd);
enum { ARENA_FD_LEAST = 64, ARENA_FD_LOWEST = 8 };

/* A new one for u, with `slot` its number in this process.  0; -ENOMEM, -EMFILE..., with
 * words. */
int arena_open(struct arena *a, const struct url *u, unsigned slot);
/* Gone, but for the workers that still have it mapped. */
void arena_close(struct arena *a);
/* Bytes that workers can read; not zeroed.  NULL: none left, also in the file. */
void *arena_take(struct arena *a, uint64_t n);
void arena_give(struct arena *a, void *at, uint64_t n);
/* Is that block where workers can read it at the same address? */
bool arena_reaches(const struct arena *a, const void *at, uint64_t n);
/* Zeroed items for tutti_share: a ref to them in *out.  NULL: none left. */
void *arena_share(struct arena *a, uint64_t count, uint32_t item, unsigned flags,
                  tutti_ref *out);
void arena_unshare(struct arena *a, const tutti_ref *r);
/* The name of who shared what lies at that address; NULL: nobody. */
const char *arena_maker(const struct arena *a, uint64_t address);
/* An outbox nobody writes to or reads from: its offset, or 0. */
uint64_t arena_outbox(struct arena *a);
/* Does nobody but its writer hold it? */
bool arena_outbox_is_mine(struct arena *a, uint64_t offset);
void arena_outbox_hold(struct arena *a, uint64_t offset);
void arena_outbox_drop(struct arena *a, uint64_t offset);

/* --- in a worker --- */

/* Map the arena of descriptor fd, to read; NULL: *why says what failed. */
struct head *arena_enter(int fd, uint64_t base, const char **why);
/* The zygote may write its page. */
bool arena_hatch(struct head *h, int fd);
/* What worker `index` may write becomes writable, and no child has it any more.  False: that
 * cannot be mapped. */
bool arena_own(struct head *h, int fd, unsigned index);

/* The arena of that number, in either; NULL: none. */
struct head *arena_head(unsigned slot);
/* After fork(), in the child, where it is not mapped any more. */
void arena_forget(unsigned slot);
enum { ARENA_SLOTS = 16 };
#endif
