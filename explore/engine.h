/* explore/engine.h - the state of the schedule that runs (`ex`), its threads, and how it
 * ends.  Everything runs in one kernel thread: threads of the program are fibers, and the
 * search runs on the stack of the process's first thread, outside of them ("the driver").
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
 *   quiet.c      a program that just runs loses the calls that do nothing
 *   shrink.c     fewest switches; report.c, report_json.c, symbol.c: words
 *
 * Each has a header of its name where others call it.  The library's own variables are
 * not restored: what belongs to one schedule is reset by the file that owns it, from
 * run.c.  Decisions never depend on addresses.
 * Tests: tests/explore_test.py with tests/cells/, tests/explore/suite.py. */
#ifndef EXPLORE_ENGINE_H
#define EXPLORE_ENGINE_H
#include "clock.h"
#include "common.h"
#include "fiber/fiber.h"

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

/* The behaviour of this schedule is what has been told here, in any order. */
static inline void behave(uint64_t what)
{
    uint64_t x = what * 0x9E3779B97F4A7C15u;
    x ^= x >> 32;
    ex.hash += x * 0xD6E8FEB86659FD93u;
}

#endif
