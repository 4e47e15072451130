/* exec/processes/zygote.h - a process that forks workers: how home and it talk. */
#ifndef EXEC_PROCESSES_ZYGOTE_H
#define EXEC_PROCESSES_ZYGOTE_H
#include <stdint.h>

struct procs;

/* Both ways over a socket that keeps messages apart.  Home: fork a worker for that lane; the
 * ends of its output go along, unless it inherits ours.  Zygote: it has that pid, or a
 * negative error; with ZYGOTE_HELLO as lane, whether it can fork at all. */
struct birth {
    uint32_t lane;
    int32_t pid;
};
#define ZYGOTE_HELLO UINT32_MAX

/* --- zygote.c: in the zygote, that is ready to be a worker but has no lane yet --- */

struct hatch;
/* Fork when asked, until home is gone.  Returns in each child, with its lane; h is its page,
 * which children do not have. */
uint32_t zygote_serve(int ask, struct hatch *h);

/* --- births.c: at home, under procs.latch --- */

enum zygote_state { ZYGOTE_NONE, ZYGOTE_STARTING, ZYGOTE_READY, ZYGOTE_NEVER };

/* Holds: ask and pid are set while it is STARTING or READY. */
struct births {
    enum zygote_state state;
    int ask, pid;
    int last;      /* the worker that it was last known to have forked */
    unsigned lost; /* zygotes that have ended before their time */
};

/* Start one, if there is none and there can be. */
void births_begin(struct procs *p);
/* Lane i, which is prepared, shall have a worker; `theirs` as in start.c.  False: not so. */
int births_ask(struct procs *p, unsigned i, const int theirs[2]);
/* Its socket has something. */
void births_hear(struct procs *p);
/* It does not answer, or is needed no more: kill it. */
void births_kill(struct procs *p);
void births_end(struct procs *p);
#endif
