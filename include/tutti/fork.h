/* tutti/fork.h - fork and join: call a function that may run elsewhere meanwhile, and get
 * its result.  About the price of a call when nobody takes it, so no cut-off is needed.
 *
 *     TUTTI_FORK_1(long, fib, int);            declares  static long fib(tutti_at, int)
 *
 *     static TUTTI_NODE long fib_node(tutti_at at, int n)
 *     {
 *         fib_fork(&at, n - 1);                may run elsewhere from here on
 *         long b = fib(at, n - 2);             a plain call: runs here
 *         return fib_join(&at) + b;            the result of the youngest fork
 *     }
 *     static inline long fib(tutti_at at, int n)
 *     {
 *         return n < 2 ? n : fib_node(at, n);  the leaf apart: no frame, no fork
 *     }
 *     ... fib(tutti_fork_here(), 40) ...       in a task
 *
 * Place      A tutti_at says where the forks of the running task end.  f_fork moves the
 *            caller's own up, f_join down; who is called gets a copy.  It means something
 *            in that task only: neither keep it nor hand it to another.
 * Order      Joins undo forks in reverse order, each by the join of the function that was
 *            forked; all forks of a function are joined before it returns, before the
 *            task ends and before a scope closes that was opened before them.  A join
 *            without a fork, and a task that ends without its joins, abort with a
 *            sentence; where NDEBUG is not defined, so does the join of another function.
 * Who runs   A join runs its own call, here and now, when nobody took it; else it waits
 *            for it, and other tasks run meanwhile.  It never runs another call on this
 *            stack, so stacks stay as deep as the program's own recursion.  A call taken
 *            by another worker runs on a stack of its own; it is a part of the same task
 *            (name, cancellation, deadlines) with thread-locals of that worker and its
 *            own tutti_per_task values.
 * Waiting    Calls may wait for anything anywhere, also for each other: what a waiting
 *            task has forked is run by whoever has nothing else to do.  A fork may let a
 *            task go first that was just woken, so it counts as a [wait] call where
 *            tutti.h speaks of thread-locals and foreign locks, and so does a join.
 * Over       A call is of the scope that is current when it is forked, whatever else is
 *            forked below it.  When that scope is over, because of its own end or of one
 *            around it, calls of it that have not begun are dropped: their joins give
 *            zero.  Those that have begun are cut off where they wait; the task that only
 *            forks and joins hears of it at its next fork or join.  Calls of other scopes
 *            are left alone.  Ask tutti_fork_check after the last join in the scope.
 *            A call may be joined inside a scope that was opened after it was forked.  It
 *            stays outside, so it is not run here but as if taken, on a stack of its own;
 *            that costs some 2 us, so close scopes first where calls are small.
 * Memory     Forks use none but the task's own; beyond some 250 at once, 16 KiB for each
 *            further 250, kept until the task ends.  When there is none, further calls
 *            are dropped and the scope has failed with -ENOMEM.
 *            A call that others run needs a stack, as a task does; while none can be had
 *            it stays with the task that forked it, and is run at its join.  Where calls
 *            wait for each other that may never be: when nothing of the executor has gone
 *            on for a second (ten where somebody waits for a time), one is dropped and its
 *            scope has failed with -ENOMEM; then another every 10 to 32 ms, until calls find
 *            stacks again.
 * Threads    On a plain thread, and in the child after fork(), the same code runs, but
 *            nobody else takes a call, and one that was forked outside a scope and is
 *            joined in it runs in it.  Where a call that others had taken calls fork(),
 *            the child has that call alone and ends, as by exit(0), when it returns. */
#ifndef TUTTI_FORK_H
#define TUTTI_FORK_H
#include <tutti.h>
#ifdef __cplusplus
extern "C" {
#endif

/* ---- the task's own forks --------------------------------------------------- */

enum { TUTTI_FORK_WORDS = 6, TUTTI_STRAND_SLOTS = 252, TUTTI_STRAND_SIZE = 16384 };

/* One forked call; a cache line. */
typedef struct tutti_slot {
    void (*run)(struct tutti_slot *at, struct tutti_slot *call); /* NULL: no call */
    uint64_t word[TUTTI_FORK_WORDS]; /* its arguments, then its result */
    uint64_t state;                  /* the library's */
} __attribute__((aligned(64), may_alias)) tutti_slot;
/* The forked calls of one task, aligned to its size, so that a place leads to it. */
typedef struct tutti_strand {
    uintptr_t trip;    /* a fork that comes here looks up: lowered to 0 to ask it to */
    uintptr_t split;   /* a join below has to look up whether the call was taken */
    uint64_t kept[30]; /* the library's */
    tutti_slot slot[TUTTI_STRAND_SLOTS];
} __attribute__((may_alias)) tutti_strand;
TUTTI_ASSERT_(sizeof(tutti_strand) == TUTTI_STRAND_SIZE);
/* The first free slot. */
typedef tutti_slot *tutti_at;

/* The place of the running task, above all that it has forked and not joined.  Look once
 * and hand it down: a few nanoseconds.  Never NULL in a task; on a plain thread NULL when
 * there is no memory.  [any] */
TUTTI_API tutti_at tutti_fork_here(void);
/* 0, or why calls that this task has forked in the current scope were dropped, or calls that
 * those have forked in it, so that results are not whole: -ECANCELED, -ETIMEDOUT, -ENOMEM,
 * -TUTTI_ELOST (fork() of the program while others ran them).  Speaks of what was forked
 * since the task last had none forked there.  [any] */
TUTTI_API int tutti_fork_check(void);

/* ---- what the macros below are made of ---------------------------------------- */

/* A fork has met `trip`: somebody asks, or the room is used up.  The place to go on at.
 * Called by tutti_fork_push.  [any] */
TUTTI_API tutti_at tutti_fork_slow(tutti_at at);
/* A join has met `split`: *at is the slot below.  1: run the call there, 0: its result is
 * there; *at may have moved.  Called by tutti_fork_pop.  [any] [wait, but not cut off] */
TUTTI_API int tutti_join_slow(tutti_at *at);
/* The call at `at` is not to `name`: say so and abort.  Called where NDEBUG is not
 * defined.  [any] */
TUTTI_API void tutti_join_wrong(tutti_at at, const char *name);

/* For the node beside its leaf test.  `inline` has gcc unroll the recursion a few levels, as it
 * does with plain calls; kept out of line each node pays its frame (fib 1.4 instead of
 * 1.3 ns, nqueens 7.5 instead of 6.3). */
#define TUTTI_NODE inline
#define TUTTI_FORK_INLINE_ static inline __attribute__((always_inline, unused))
#define TUTTI_RARE_(x) __builtin_expect(!!(x), 0)
#ifdef NDEBUG
enum { TUTTI_FORK_CHECKS = 0 };
#else
enum { TUTTI_FORK_CHECKS = 1 };
#endif

TUTTI_FORK_INLINE_ tutti_strand *tutti_strand_of(tutti_at at)
{
    return (tutti_strand *)((uintptr_t)at & ~(uintptr_t)(TUTTI_STRAND_SIZE - 1));
}
/* The arguments are in *at: one store, one load, one compare. */
TUTTI_FORK_INLINE_ void tutti_fork_push(tutti_at *at,
                                        void (*run)(tutti_slot *, tutti_slot *))
{
    tutti_at top = *at;
    top->run = run;
    /* relaxed: a request only has to be seen by some later fork */
    if (TUTTI_RARE_((uintptr_t)(top + 1)
                    >= __atomic_load_n(&tutti_strand_of(top)->trip, __ATOMIC_RELAXED)))
        *at = tutti_fork_slow(top + 1);
    else
        *at = top + 1;
}
/* 1: run the call in *at here; 0: it was run, its result is there: one load, one compare,
 * one store. */
TUTTI_FORK_INLINE_ int tutti_fork_pop(tutti_at *at,
                                      void (*run)(tutti_slot *, tutti_slot *),
                                      const char *name)
{
    tutti_at top = *at - 1;
    int mine = 1;
    /* relaxed: only this task's own thread writes it */
    if (TUTTI_RARE_((uintptr_t)top
                    < __atomic_load_n(&tutti_strand_of(top)->split, __ATOMIC_RELAXED))) {
        tutti_at place = top; /* whose address is taken; `top` stays in a register */
        mine = tutti_join_slow(&place);
        top = place;
    }
    if (TUTTI_FORK_CHECKS && TUTTI_RARE_(top->run != run))
        tutti_join_wrong(top, name);
    top->run = NULL; /* so the library can tell where the calls end: see strand.h */
    *at = top;
    return mine;
}

/* ---- declaring functions that can be forked --------------------------------------
 *
 * TUTTI_FORK_n(R, f, A...), n = 1 to 4, declares  static R f(tutti_at at, A...)  for you
 * to define and defines
 *     static void f_fork(tutti_at *at, A...)
 *     static R f_join(tutti_at *at)
 * Arguments and result take 48 bytes at most; pass a pointer to what is larger. */
#define TUTTI_FORK_1(R, f, A)                                                 \
    static R f(tutti_at, A);                                                  \
    struct f##_call_ { A a; } __attribute__((may_alias));                     \
    TUTTI_FORK_DEF_(R, f, (tutti_at *at, A a), TUTTI_PUT_(A, a), (at, c->a))
#define TUTTI_FORK_2(R, f, A, B)                                              \
    static R f(tutti_at, A, B);                                               \
    struct f##_call_ { A a; B b; } __attribute__((may_alias));                \
    TUTTI_FORK_DEF_(R, f, (tutti_at *at, A a, B b),                           \
                    TUTTI_PUT_(A, a) TUTTI_PUT_(B, b), (at, c->a, c->b))
#define TUTTI_FORK_3(R, f, A, B, C)                                           \
    static R f(tutti_at, A, B, C);                                            \
    struct f##_call_ { A a; B b; C c; } __attribute__((may_alias));           \
    TUTTI_FORK_DEF_(R, f, (tutti_at *at, A a, B b, C c),                      \
                    TUTTI_PUT_(A, a) TUTTI_PUT_(B, b) TUTTI_PUT_(C, c),       \
                    (at, c->a, c->b, c->c))
#define TUTTI_FORK_4(R, f, A, B, C, D)                                        \
    static R f(tutti_at, A, B, C, D);                                         \
    struct f##_call_ { A a; B b; C c; D d; } __attribute__((may_alias));      \
    TUTTI_FORK_DEF_(R, f, (tutti_at *at, A a, B b, C c, D d),                 \
                    TUTTI_PUT_(A, a) TUTTI_PUT_(B, b) TUTTI_PUT_(C, c)        \
                    TUTTI_PUT_(D, d), (at, c->a, c->b, c->c, c->d))

/* A store for each argument: gcc 12 would gather small ones into a vector first, which
 * the loads of the join then have to wait for. */
#define TUTTI_PUT_(T, x) *(T volatile *)&to->x = x;
#define TUTTI_FORK_DEF_(R, f, PARAMETERS, PUT, ARGUMENTS)                     \
    struct f##_result_ { R r; } __attribute__((may_alias));                   \
    TUTTI_ASSERT_(sizeof(struct f##_call_) <= 8 * TUTTI_FORK_WORDS            \
                  && sizeof(struct f##_result_) <= 8 * TUTTI_FORK_WORDS       \
                  && __alignof__(struct f##_call_) <= 8                       \
                  && __alignof__(struct f##_result_) <= 8);                   \
    TUTTI_UNUSED_ static void f##_run_(tutti_slot *at, tutti_slot *call)      \
    {                                                                         \
        struct f##_call_ *c = (struct f##_call_ *)(void *)call->word;         \
        R r = f ARGUMENTS;                                                    \
        ((struct f##_result_ *)(void *)call->word)->r = r;                    \
    }                                                                         \
    TUTTI_FORK_INLINE_ void f##_fork PARAMETERS                               \
    {                                                                         \
        struct f##_call_ *to = (struct f##_call_ *)(void *)(*at)->word;       \
        PUT                                                                   \
        tutti_fork_push(at, f##_run_);                                        \
    }                                                                         \
    TUTTI_FORK_INLINE_ R f##_join(tutti_at *place)                            \
    {                                                                         \
        int mine = tutti_fork_pop(place, f##_run_, #f);                       \
        tutti_at at = *place;                                                 \
        struct f##_call_ *c = (struct f##_call_ *)(void *)at->word;           \
        if (!mine)                                                            \
            return ((struct f##_result_ *)(void *)at->word)->r;               \
        return f ARGUMENTS;                                                   \
    }                                                                         \
    struct f##_end_

#ifdef __cplusplus
}
#endif
#endif
