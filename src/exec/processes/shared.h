/* exec/processes/shared.h - what lies in an arena: one memfd, mapped at the same address in
 * the process that opened the executor (here: home) and in all its workers.
 *
 *     head | table | a lane for each worker | an own block for each worker | hatch |
 *     between | read | write | an outbox for each worker
 *
 * Home may write everything.  A worker maps the file read-only, by a descriptor that cannot
 * write, and over that, writable: its own block, its outbox, `write`, which is for items
 * shared with TUTTI_WRITE alone, and `between`: the state of locks and channels that
 * processes share, of which `table` says what there is (sync/far/far.h).  So requests and
 * sealed items cannot be changed by a worker that has gone mad, and home reads each field of
 * an own block once, checks it, and never takes an address from there.
 *
 * A request is numbered; request n lies in slot n % RING of its lane, the answer to it in
 * the same slot of the own block.  The two tags are one state machine with one writer each:
 *
 *     request.tag   home     n READY, then perhaps n REVOKED
 *     answer.tag    worker   n CLAIMED, n RUNNING, n DONE; or n CLAIMED, n SKIPPED
 *
 * The worker writes CLAIMED and then looks at the request's tag; home writes REVOKED and
 * then looks at the answer's tag; both sequentially consistent, so at least one sees the
 * other: either the worker skips it or home knows that it may have begun.  Only RUNNING
 * is ambiguous when a worker dies: whatever is before it never ran.
 * Tests: tests/processes_test.c, tests/processes_inside_test.c, tests/cells/tutti/. */
#ifndef EXEC_PROCESSES_SHARED_H
#define EXEC_PROCESSES_SHARED_H
#include "base/atomic.h"
#include "base/small.h"
#include <stdbool.h>
#include <stddef.h>
#include <tutti.h>

#define ARENA_MAGIC UINT64_C(0x31616e6572616974)
enum {
    RING = SMALL(256, 2), /* requests of one worker at once */
    REQUEST_INLINE = 64,  /* bytes of input in the request itself */
    ANSWER_INLINE = 64,
    SIDE = 4096,          /* bytes beside each slot, both ways */
    NAMES = SMALL(512, 4), /* different tasks of one executor */
    NAME_SIZE = 96,
    MODULES = SMALL(32, 1),
    MODULE_PATH = 256,
    SEGMENTS = SMALL(16384, 4), /* tutti_share at once */
    RELEASES = 256,       /* outbox blocks given back, not yet seen by the worker */
    EVENTS = 8,           /* of a worker, kept for its death; a power of two */
    EVENT_BITS = 3,       /* of its kind: events.h */
    FRAMES = 32,          /* of a backtrace */
    OBJECTS = 48,         /* program and libraries of a worker, for its backtraces */
    SHARED_MARKS = SMALL(2048, 64) /* objects that processes share at once: FAR_OBJECTS */
};

enum { REQUEST_READY = 1, REQUEST_REVOKED = 2, REQUEST_BITS = 2 };
enum { REQUEST_ASKED = 1, REQUEST_INTERRUPTED };
enum {
    ANSWER_CLAIMED = 1,
    ANSWER_RUNNING,
    ANSWER_DONE,
    ANSWER_SKIPPED,
    ANSWER_BITS = 3
};
/* Where bytes are: in the slot, beside it, or at an offset into the arena. */
enum { PLACE_INLINE = 0, PLACE_SIDE = 1 };

struct request {
    _Alignas(64) _Atomic uint64_t tag;
    uint32_t name, runs;      /* index into names; how many runs lie side by side */
    uint32_t stops;           /* 1: the first run that fails is the last */
    _Atomic uint32_t asked;   /* it shall end; REQUEST_INTERRUPTED: and its system call, too */
    uint64_t in, in_size;     /* place of the input; bytes of all runs */
    int64_t deadline;
    uint64_t index;           /* of the first run, for messages */
    _Alignas(16) unsigned char inline_[REQUEST_INLINE];
};

/* The output of a single run is `size` bytes at `out`; that of several is
 * runs * out_size bytes and then an int32_t code each. */
struct answer {
    _Alignas(64) _Atomic uint64_t tag;
    _Atomic uint32_t done; /* runs that have ended */
    int32_t code;
    uint64_t out, size;
    uint32_t words;        /* bytes of them at the end of the side room */
    _Alignas(16) unsigned char inline_[ANSWER_INLINE];
};

/* Home's part of a worker's mail. */
struct lane_shared {
    _Atomic uint32_t bell;  /* futex: counts up when there is something for a sleeper */
    _Atomic uint32_t quit;
    _Alignas(64) _Atomic uint32_t ask; /* futex of the listener: counts what was asked of
                                          requests, and whether their answers are there */
    _Atomic uint64_t released;         /* how many outbox blocks were given back */
    uint64_t release[RELEASES];
    uint64_t outbox;        /* offset of the worker's outbox */
    uint64_t first;         /* the number its first request will have */
    _Atomic uint64_t posted; /* with ?inner=: numbers below this that are not in their slots
                                were left out */
    struct request request[RING];
    _Alignas(4096) unsigned char side[RING][SIDE];
};

/* A file mapped in a worker, so that home can name an address in it. */
struct object {
    uint64_t base, from, to;
    char path[MODULE_PATH];
};

struct crash {
    _Atomic uint32_t state; /* 0 none, 1 the signal, 2 and the frames */
    int32_t signal, code;
    uint64_t address, pc, sp, number;
    int32_t call;           /* of SIGSYS: which system call was refused; -1: none */
    uint32_t overwritten;   /* 1: it found that answers it had given were gone */
    uint32_t overflow, frames, locks;
    int64_t when;
    char waited[32];        /* for what it waited last; "": never */
    uint64_t frame[FRAMES];
};

/* What it did: what is number << EVENT_BITS | kind, and written last.  Two threads may write
 * the same one, if the ring has gone round meanwhile. */
struct event {
    _Atomic uint32_t what, name;
    _Atomic uint64_t index;
    _Atomic int64_t value;
};

/* The worker's own pages. */
struct own {
    _Alignas(64) _Atomic uint32_t asleep; /* 1: it waits for the bell */
    _Alignas(64) _Atomic uint32_t rung;   /* futex of a helper at home: counts answers */
    _Alignas(64) _Atomic uint32_t up;     /* it serves */
    _Atomic uint32_t retired;             /* it leaves of its own will: recycled */
    _Atomic uint64_t seen;                /* releases it has taken */
    _Atomic uint32_t refused;             /* 1: it cannot serve, for this reason */
    char refused_why[120];
    uint32_t objects;
    struct event event[EVENTS];
    struct crash crash;
    struct object object[OBJECTS];
    _Atomic unsigned char marks[SHARED_MARKS]; /* see FAR_INSIDE */
    struct answer answer[RING];
    _Alignas(4096) unsigned char side[RING][SIDE];
};

struct name {
    uint32_t in_size, out_size, flags;
    int32_t module; /* index into modules; -1: in the program */
    char text[NAME_SIZE];
};

struct segment_shared {
    _Atomic uint64_t id; /* 0: free */
    uint64_t base, count; /* base: an offset */
    uint32_t item, flags;
    char maker[40];
};

/* The zygote's page: what it forked last, written by the kernel before that runs, so that
 * none is unknown to home wherever the zygote is killed. */
struct hatch {
    _Atomic int32_t pid;
    _Atomic uint32_t lane;
};

/* Who must be woken when an answer is there. */
enum { WAITS_NOBODY, WAITS_KEEPER, WAITS_HELPER };

struct head {
    uint64_t magic, nonce, base, total;
    int32_t home;           /* process id */
    uint32_t workers;
    _Atomic uint32_t cpus;  /* 0: not known yet */
    uint32_t slot;          /* which of this process's arenas */
    uint64_t lanes, lane_size, owns, own_size, hatch;
    uint64_t read, read_size, write, write_size, outs, out_size;
    uint64_t table, between, between_size;
    uint64_t spill, spill_part; /* the file's parts: read, write, each outbox more; 0: none */
    char inner[64];
    uint32_t recycle;       /* runs until a worker makes way for a new one; 0: never */
    uint64_t recycle_bytes; /* the same for its memory; 0: never */
    uint64_t memory, file;  /* rlimits, in bytes; 0: none */
    uint64_t cpu_seconds;   /* of each task; 0: any */
    uint64_t stack;         /* of tasks that run inside `inner` */
    uint32_t sandbox;       /* kinds of calls refused: base/calls.h */
    _Alignas(64) _Atomic uint32_t waits;
    _Alignas(64) _Atomic uint32_t modules;
    struct name name[NAMES];
    char module[MODULES][MODULE_PATH];
    _Alignas(4096) struct segment_shared segment[SEGMENTS];
};

static inline unsigned head_boxes(const struct head *h)
{
    return (unsigned)((h->total - h->outs) / h->out_size);
}
/* The file: one part for what home shares, one for TUTTI_WRITE, one behind each outbox. */
static inline unsigned head_spill_parts(const struct head *h)
{
    return 2 + head_boxes(h);
}
static inline uint64_t head_spill_size(const struct head *h)
{
    return h->spill_part * head_spill_parts(h);
}
static inline uint64_t head_spill_box(const struct head *h, unsigned box)
{
    return h->spill + h->spill_part * (2 + box);
}
static inline bool head_is_spill(const struct head *h, uint64_t offset)
{
    return offset - h->spill < head_spill_size(h); /* below it: huge */
}
/* Which outbox has that offset, and where in it: its own bytes come first, then the file's. */
static inline unsigned head_box(const struct head *h, uint64_t offset, uint64_t *in)
{
    bool spilt = head_is_spill(h, offset);
    uint64_t from = offset - (spilt ? head_spill_box(h, 0) : h->outs);
    uint64_t each = spilt ? h->spill_part : h->out_size;
    *in = from % each + (spilt ? h->out_size : 0);
    return (unsigned)(from / each);
}

/* sandbox.c: does this kernel have it, switched on? */
bool sandbox_has_landlock(void);

/* How long to look before sleeping, after so many looks in a row that were in vain, as where
 * who is waited for needs our CPU: ever shorter, but in full now and then. */
static inline int64_t spin_span(int64_t most, unsigned missed)
{
    return missed % 16 == 15 ? most : most >> (missed < 6 ? missed : 6);
}

static inline struct lane_shared *head_lane(const struct head *h, unsigned i)
{
    return (struct lane_shared *)(uintptr_t)(h->base + h->lanes + i * h->lane_size);
}
static inline struct own *head_own(const struct head *h, unsigned i)
{
    return (struct own *)(uintptr_t)(h->base + h->owns + i * h->own_size);
}
static inline struct hatch *head_hatch(const struct head *h)
{
    return (struct hatch *)(uintptr_t)(h->base + h->hatch);
}
static inline void *head_at(const struct head *h, uint64_t offset)
{
    return (void *)(uintptr_t)(h->base + offset);
}
#endif
