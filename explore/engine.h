/* explore/engine.h - what the files of the explorer share: the state of the schedule
 * that runs (`ex`), its threads, and the calls between the files.  Everything runs in
 * one kernel thread: threads of the program are fibers, and the search runs on the
 * stack of the process's first thread, outside of them ("the driver").
 *
 *   hooks_*.c    what the program calls; each call is a point() and then its effect
 *   schedule.c   point, block, wake: who runs next; strategy.c answers,
 *                script.c records
 *   threads.c    fibers with thread-locals of their own
 *   model.c      C11 atomics: which stores a load may read
 *   races.c      plain accesses; shadow.c is the table under both
 *   stack.c      accesses to the frames of functions
 *   heap.c       the program's heap, at the same addresses in each schedule
 *   restore.c    puts the program's memory back before each schedule
 *   search.c     one schedule after the other; monitor.c watches from another process
 *   shrink.c     fewest switches; report.c, report_json.c, symbol.c: words
 *
 * The library's own variables are not restored: what belongs to one schedule is reset
 * by the file that owns it, from run.c.  Decisions never depend on addresses.
 * Tests: tests/explore_test.py with the cells in tests/cells/. */
#ifndef EXPLORE_ENGINE_H
#define EXPLORE_ENGINE_H
#include "clock.h"
#include "fiber/fiber.h"
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

/* The compiler's own calls of these must not meet the hooks that the program meets. */
#ifndef EXPLORE_DEFINES_LIBC
__asm__("memcpy = explore_memcpy");
__asm__("memmove = explore_memmove");
__asm__("memset = explore_memset");
__asm__("malloc = explore_malloc");
__asm__("calloc = explore_calloc");
__asm__("free = explore_free");
__asm__("memcmp = explore_memcmp");
__asm__("strlen = explore_strlen");
#endif

#define hidden __attribute__((visibility("hidden")))
#define exported __attribute__((visibility("default")))
#define rare(x) __builtin_expect(!!(x), 0)
#define usual(x) __builtin_expect(!!(x), 1)
/* Where a hook was called, and, in a schedule, how far down the caller's frame reached:
 * stack.c goes by that. */
#define CALLER                                                                \
    (rare(ex.on) ? (void)(ex.sp = __builtin_dwarf_cfa()) : (void)0,           \
     __builtin_return_address(0))

/* What a thread does at a point; words for them in report.c, in this order. */
enum op {
    OP_NONE, OP_READ, OP_WRITE, OP_LOAD, OP_STORE, OP_RMW, OP_CAS, OP_FENCE,
    OP_CREATE, OP_JOIN, OP_DETACH, OP_EXIT, OP_CANCEL, OP_ONCE,
    OP_LOCK, OP_TRYLOCK, OP_UNLOCK, OP_RDLOCK, OP_WRLOCK, OP_COND_WAIT, OP_SIGNAL,
    OP_BROADCAST, OP_BARRIER, OP_SEM_WAIT, OP_SEM_POST, OP_FUTEX_WAIT, OP_FUTEX_WAKE,
    OP_SLEEP, OP_CLOCK, OP_YIELD, OP_DESTROY, OP_FREE, OP_BLOCKING, OP_SPIN, OP_END,
    OP_RETURN,
    OPS
};

/* Kinds of failure; words and names in report.c, in this order. */
enum failure {
    FAIL_NONE, FAIL_RACE, FAIL_DEADLOCK, FAIL_LOST_WAKEUP, FAIL_LIVELOCK, FAIL_ASSERT,
    FAIL_ABORT, FAIL_CRASH, FAIL_EXIT, FAIL_LOCK_LEAK, FAIL_FREED, FAIL_DEAD_STACK,
    FAIL_MISUSE, FAIL_UNMODELLED, FAIL_STUCK, FAIL_CANNOT, FAILURES
};

/* A step of the schedule as it is kept for the report. */
struct step {
    uint8_t thread, op, order, size;
    uint32_t flags; /* STEP_* */
    uint64_t number; /* of this thread's points */
    uintptr_t address, pc;
    uint64_t value, before, high, high_before; /* high: of 16 bytes */
};
enum { STEP_STALE = 1, STEP_FAILED = 2, STEP_TIMEOUT = 4, STEP_BLOCKED = 8,
       STEP_VALUE = 16, STEP_SPURIOUS = 32, STEP_WIDE = 64 };

/* A decision other than the usual one; see script.c. */
struct event {
    uint8_t thread, kind;
    uint16_t nth; /* of this kind at this point of this thread */
    uint32_t point;
    int32_t value;
};
enum choice { CHOICE_RUN, CHOICE_NEXT, CHOICE_STALE, CHOICE_TIMER, CHOICE_WAKE,
              CHOICE_SPURIOUS };

struct place {
    int thread; /* -1: none */
    enum op op;
    uintptr_t pc, caller; /* caller: where the function was called; 0 if unknown */
};

enum { PLACES = THREADS, WORDS = 400 };
struct result {
    enum failure kind;
    char words[WORDS];
    int places;
    struct place place[PLACES];
    uint64_t seed, steps, hash;
    uintptr_t address;
    int size;
};

enum state { THREAD_FREE, THREAD_READY, THREAD_BLOCKED, THREAD_ENDED };

enum { CALLS = 64, KEYS = 128, CLEANUPS = 64, GUESTS = 16 };

/* A function that a thread is in: where it will return to, and its stack pointer when
 * its frame had been made. */
struct call {
    void *caller;
    char *sp;
};

/* Another thread's newest access to some bytes of a thread's stack. */
struct guest {
    uintptr_t at, pc;
    int32_t time; /* its thread's */
    uint8_t thread;
    bool write;
};

/* A thread of the program.  Holds: state is BLOCKED exactly while its bit is in
 * ex.blocked, READY exactly while it is in ex.ready. */
struct thread {
    struct fiber fiber;
    void *tp;        /* its thread pointer: pthread_self() */
    int id;
    enum state state;
    int priority;    /* of PCT; the higher runs */
    uint32_t points; /* done; names decisions and steps */
    uint16_t nth[8]; /* decisions of each kind since the last point */
    void *key;       /* waited for */
    void *const *any; /* of the first `many` of these, which are waited for as well... */
    unsigned many;
    int woke;        /* ...the one that ended the wait; -1: none did */
    uint64_t until;  /* 0: for ever */
    uint32_t bits;   /* of a futex's waiter */
    uint64_t mask;   /* of signals, as it has asked for */
    char name[16];
    bool timed_out, detached, joined, cancel_asked, cancel_off, cancel_at_once, wants;
    bool cancel_woke; /* its last wait has ended for being cancelled, not for a wake */
    int joiner;
    int fence_sc;    /* number of its last sequentially consistent fence */
    enum op op;
    void *address, *pc;
    void *(*main)(void *);
    int (*main11)(void *);
    void *argument, *value;
    int32_t at;      /* its own time: clock[id] */
    unsigned plain;  /* accesses since its last point */
    unsigned same;   /* loads in a row that brought nothing new */
    void *same_at;
    uint64_t same_value;
    unsigned clocks; /* clock readings in a row */
    int deaf_reads, deaf_writes; /* accesses that the program wants ignored */
    struct step *step;
    struct call calls[CALLS];
    struct guest guest[GUESTS];
    int depth, guests; /* guests: guest[0..guests) are in use */
    char *sp;          /* of its own frames, while another thread runs */
    void *specific[KEYS];
    void *cleanup[CLEANUPS]; /* libc's buffers of pthread_cleanup_push */
    int cleanups;
    struct clock now, released, pending;
    char *low, *high; /* its stack */
};

enum mode { MODE_SEARCH, MODE_RECORD, MODE_SCRIPT };

/* How a schedule is searched; drawn from its seed by strategy.c. */
struct strategy {
    int kind, depth;
    unsigned stick; /* of 256: chance to stay */
    unsigned stale, early, spurious; /* of 256 */
    int changes;
    uint64_t change[8];
    uint64_t focus;
    uint64_t lockstep; /* from this step on all take turns, a step each; 0: never */
};

struct options {
    bool explore, text, json, accesses, gdb, fork, sc, orders;
    uint64_t schedules, seed, steps;
    double seconds;
    int strategy, status;
    int progress_fd, report_fd;
    bool replay;
    uint64_t replay_seed;
    uint32_t replay_print; /* fingerprint; 0: none given */
};

struct engine {
    bool on;      /* a schedule runs and the program (not this library) is at work */
    bool orders;  /* orders.c wants to see each operation's */
    bool plain;   /* points at plain accesses too */
    bool tracing; /* steps and calls are kept */
    enum mode mode;
    int lanes;
    struct thread *me;
    char *sp; /* below it lies nothing of the program's that lives: see CALLER */
    uint64_t ready, blocked, timed; /* sets of threads */
    uint64_t random;
    uint64_t steps, step_limit;
    uint64_t time; /* virtual, ns */
    int threads;   /* slots used in this schedule */
    uint32_t generation; /* of tables: one a schedule */
    int sc;        /* sequentially consistent operations so far */
    uint64_t hash; /* of the behaviour */
    uint64_t accesses, unseen;
    bool stepping; /* by single instructions: step.c */
    bool instrumented; /* some object was built with the flag */
    uint64_t length; /* points of the calibrating run */
    struct strategy how;
    struct clock sc_clock;
    bool over;
    struct result *result;
    struct fiber driver;
    void *driver_tp;
    struct thread thread[THREADS];
};
extern hidden struct engine ex;
extern hidden struct options options;

/* --- schedule.c --- */
void schedule_reset(void);
/* A point at which another thread may run; call before the effect. */
void point(enum op op, const void *address, const void *pc);
/* Wait until woken for key or, if until is not 0, that time.  0 or ETIMEDOUT. */
int block(void *key, enum op op, uint64_t until);
/* For any of n keys.  Which, or -1: its time came. */
int block_any(void *const *keys, unsigned n, enum op op, uint64_t until);
void wake_all(void *key);
bool wake_one(void *key);
/* Only who waits with one of these bits. */
bool wake_one_of(void *key, uint32_t bits);
int waiters(void *key);
void thread_ready(struct thread *t);
void thread_over(struct thread *t) __attribute__((noreturn));
void plain_point(enum op op, const void *address, const void *pc);
bool spurious(void);

/* --- strategy.c --- */
void strategy_draw(uint64_t seed);
int strategy_run(void);            /* who goes on at a point */
int strategy_next(void);           /* who runs when this one cannot */
int strategy_timer(void);          /* whose timer comes early; -1: none */
unsigned strategy_stale(unsigned n); /* how far from the newest, below n */
unsigned strategy_wake(unsigned n);
bool strategy_spurious(void);
void strategy_demote(struct thread *t);
const char *strategy_name(int kind);
int strategy_find(const char *name);
uint64_t random_next(void);
static inline uint32_t random_below(uint32_t n)
{
    return (uint32_t)(((random_next() >> 32) * n) >> 32);
}

/* --- script.c --- */
int script_choose(enum choice kind, int usual_value, int (*draw)(void));
void script_load(const struct event *e, size_t n);
extern hidden struct event *script_events;
extern hidden size_t script_count, script_room;

/* --- threads.c --- */
bool threads_open(void); /* once, before the first schedule */
void threads_reset(void);
struct thread *thread_new(void); /* NULL: none left */
void thread_switch(struct thread *to);
void thread_leave(void) __attribute__((noreturn)); /* to the driver */
void threads_run(void); /* from the driver: run thread 0 until the schedule is over */
struct thread *thread_of(const void *tp);
struct thread *thread_of_stack(const void *address);
void thread_image(void); /* take the image of thread-locals */

/* --- shadow.c --- */
struct cell;
void shadow_open(void);
void shadow_reset(void);
void *arena_take(size_t size); /* until the schedule ends; not cleared */

/* --- model.c --- */
typedef unsigned __int128 wide; /* a value of any size up to 16 bytes */
wide model_load(void *a, int size, wide raw, int order);
wide model_failed(void *a, int size, wide raw, wide expected, int order);
bool model_misses(void *a, int size, wide *seen, int order);
void model_store(void *a, int size, wide raw, wide v, int order);
void model_rmw(void *a, int size, wide old, wide v, int order);
void model_fence(int order);
/* An atomic of any size, about to take effect, which gets the newest value; c is what its releases have made known. */
void model_whole(void *a, size_t n, bool write, int order, struct clock *c);

/* --- races.c --- */
void race_access(const void *a, size_t n, bool write, const void *pc);
void race_range(const void *a, size_t n, bool write, const void *pc);
void race_forget(const void *a, size_t n);
void race_free(const void *a, size_t n, const void *pc);

/* --- stack.c --- */
/* Fail if that place of some thread's stack is in no frame any more. */
void stack_check(const void *a, bool write, const void *pc);
/* The same for a plain access, which the frame's function must not outrun. */
void stack_access(const void *a, bool write, const void *pc);
void stack_return(const void *pc); /* the function that runs is about to return */

/* --- heap.c --- */
bool heap_open(void);
void heap_seal(void);  /* what is there now belongs to every schedule */
void heap_reset(void);
void *heap_take(size_t n, size_t align, const void *pc);
void heap_give(void *p, const void *pc);
size_t heap_size(const void *p);
bool heap_owns(const void *p);
void heap_check(const void *a, size_t n, bool write, const void *pc);

/* --- restore.c --- */
void restore_take(void);
void restore_back(void);
void restore_touched(const void *a, size_t n);
/* The same for what libc or this library writes into objects of its own kinds. */
void restore_own(const void *a, size_t n);
bool restore_owns(const void *a);
/* An object of that name has variables that are not the program's. */
bool restore_system(const char *name);
extern hidden bool restore_tracks;

/* --- objects.c --- */
enum object_kind {
    OBJECT_MUTEX = 1, OBJECT_RWLOCK, OBJECT_COND, OBJECT_BARRIER, OBJECT_SEM,
    OBJECT_ONCE, OBJECT_FUTEX, OBJECT_READERS, OBJECT_FD, OBJECT_TOLD,
    OBJECT_GONE /* destroyed */
};
struct object {
    void *address;
    struct object *next;
    enum object_kind kind;
    int owner, count, readers, value, generation;
    bool robust, dead, lost; /* dead: not made consistent; lost: never will be */
    uint64_t reader_set;
    const void *pc; /* where it was taken */
    uint64_t last;  /* who let go of it last, and at which of its points */
    struct clock clock;
};
void objects_reset(void);
struct object *object_of(void *address, enum object_kind kind);
struct object *object_find(void *address, enum object_kind kind);
void object_drop(void *address);
/* n bytes there are being initialised, by libc: what was there is forgotten. */
void object_made(void *address, size_t n);
/* It has been destroyed by this thread: who uses it now fails. */
void object_gone(void *address, const void *pc);
/* Fail if what is used at that address has been freed or destroyed. */
void object_live(void *address);
void objects_each(void (*look)(struct object *o, void *arg), void *arg);
void acquire_clock(struct clock *c);
void release_clock(struct clock *c);

/* --- fail.c --- */
void fail(enum failure kind, const void *pc, const char *format, ...)
    __attribute__((noreturn, format(printf, 3, 4)));
void fail_place(int thread, enum op op, const void *pc);
void fail_watch(void);
extern hidden bool fail_stops; /* for the debugger, before anything is left */
extern hidden bool fail_watched; /* another process reads what went wrong */
void fail_all_blocked(void) __attribute__((noreturn));
void cannot(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* --- trace (report side, trace.c) --- */
struct step *trace_step(enum op op, const void *address, const void *pc);
static inline void trace_value(uint64_t v)
{
    if (rare(ex.tracing) && ex.me->step) {
        ex.me->step->value = v;
        ex.me->step->flags |= STEP_VALUE;
    }
}
/* How many bytes a plain access touches. */
static inline void trace_range(size_t n)
{
    if (rare(ex.tracing) && ex.me->step) {
        ex.me->step->size = (uint8_t)(n > 255 ? 255 : n);
        ex.me->step->before = n;
    }
}
/* The value of an atomic of size bytes, and what was there before. */
static inline void trace_wide(int size, wide v, wide before)
{
    if (rare(ex.tracing) && ex.me->step) {
        struct step *s = ex.me->step;
        s->value = (uint64_t)v;
        s->before = (uint64_t)before;
        s->high = (uint64_t)(v >> 64);
        s->high_before = (uint64_t)(before >> 64);
        s->flags |= STEP_VALUE | (size == 16 ? STEP_WIDE : 0);
    }
}
static inline void trace_flag(unsigned f)
{
    if (rare(ex.tracing) && ex.me->step)
        ex.me->step->flags |= f;
}

/* --- orders.c --- */
bool orders_weaken(const char *text);
int orders_at(enum op op, int order, const void *pc); /* and note it */
int orders_made(enum op op, int order, const void *pc);

/* --- gaps.c: calls and features met that are not modelled --- */
void gap(const char *words);

/* --- step.c --- */
void step_main(void); /* the program's code is about to begin, or a thread's */

/* --- behaviours --- */
static inline void behave(uint64_t what)
{
    uint64_t x = what * 0x9E3779B97F4A7C15u;
    x ^= x >> 32;
    ex.hash += x * 0xD6E8FEB86659FD93u;
}

/* --- hooks_atomic.c, for hooks_atomic_any.c --- */
wide atomic16_load(wide *a, int mo, const void *pc);
void atomic16_store(wide *a, wide v, int mo, const void *pc);
wide atomic16_exchange(wide *a, wide v, int mo, const void *pc);
bool atomic16_cas(wide *a, wide *expected, wide v, int mo, int fail_mo, const void *pc);

/* --- process ends (hooks_process.c) --- */
void process_reset(void);
void process_exit(int status) __attribute__((noreturn));
void lock_leaks(bool main_returns);
void locks_orphan(struct thread *t); /* t has ended: who waits for its locks looks */
void locks_reset(void);
void keys_open(void); /* keys made before main are there in every schedule */
void keys_reset(void);
void keys_begin(struct thread *t);
void keys_end(struct thread *t);
const char *syscall_name(long n); /* of those that may block; NULL: others */
void sems_reset(void);
void fds_open(void);
void fds_reset(void);
void maps_reset(void); /* hooks_map.c */
void cancel_point(void);
bool cancel_due(void); /* cancel_point() would not come back */
void thread_begin(struct thread *t);
struct thread *thread_start(void *(*run)(void *), int (*run11)(void *), void *argument,
                            const void *pc);
int thread_join(struct thread *t, void **value, uint64_t until, const void *pc);
int thread_detach(struct thread *t, const void *pc);
void thread_finish(void *value) __attribute__((noreturn));
int once_call(void *address, bool done, void (*run)(void), const void *pc);

/* --- run.c, search.c, monitor.c, shrink.c, report --- */
void run_schedule(uint64_t seed);
int search_main(int (*program)(int, char **, char **), int argc, char **argv,
                char **env);
#endif
