/* exec/url.h - the string that says where work runs, taken apart. */
#ifndef EXEC_URL_H
#define EXEC_URL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum url_scheme { URL_LOOP, URL_THREADS, URL_AUTO, URL_PROCESSES, URL_SIM };
enum { URL_SPILL = 256 }; /* bytes of a folder's name, with its 0 */
enum url_output { URL_LINES, URL_TAGGED, URL_INHERIT };

struct url {
    enum url_scheme scheme;
    unsigned workers; /* 0: not given */
    unsigned spares;  /* spare workers at most; filled in when not given */
    unsigned long seed; /* sim:// */
    size_t stack;
    bool lock;        /* lock=interpreter */
    int io;           /* enum io_kind of io/poll.h */
    /* --- processes:// alone --- */
    char inner[48];   /* the executor inside each worker; "": one task at a time */
    char spill[URL_SPILL];  /* a folder, for what the arena has no room for; "": none */
    uint64_t arena;   /* bytes for items of each kind; 0: half of the memory there is */
    uint64_t recycle, recycle_bytes; /* runs, or bytes, until a worker is replaced; 0: never */
    uint64_t grace;   /* ns from asking a task to end until its worker is killed */
    uint64_t quarantine; /* workers that one idempotent start may kill */
    enum url_output output;
    uint64_t memory, file, cpu_seconds; /* limits of a worker, the last of a task; 0: none */
    unsigned sandbox; /* kinds of base/calls.h, and URL_LANDLOCK; 0: none */
};

enum { URL_STACK = 256 << 10, URL_WORKERS_MOST = 1024, URL_PROCESSES_MOST = 256,
       URL_SPARES = 64, URL_SPARES_MOST = 1024 };
#define URL_GRACE UINT64_C(1000000000)
enum { URL_QUARANTINE = 3 };
enum { URL_LANDLOCK = 1 << 16 }; /* must be had */

/* 0, or -EINVAL, -ENOTSUP, and the caller's tutti_why names the word that is wrong. */
int url_parse(struct url *u, const char *text);
/* What it has if not told: none beside one worker that was asked for, whose tasks take
 * turns. */
static inline unsigned url_spares(const struct url *u)
{
    return u->scheme != URL_THREADS || u->lock || u->workers == 1 ? 0 : URL_SPARES;
}
/* The URL that u stands for, in full; to be freed with memory_free; NULL: no memory. */
char *url_print(const struct url *u);
#endif
