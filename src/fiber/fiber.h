/* fiber/fiber.h - one stack, one switch.  Knows neither tasks nor workers: it makes,
 * pools, guards and switches stacks, tells the sanitizers and valgrind, and names the
 * fiber whose stack ran over.  One file per architecture holds the switch
 * (jump_x86_64.h, fiber_aarch64.S); fiber_ucontext.c is the reference that tests run
 * against, chosen at build time with -Dfiber=ucontext.
 *
 * One mapping holds a fiber, from low to high addresses:
 *   | room for a strand, FIBER_STRAND bytes, untouched | guard | <- stack | user block |
 * The mapping starts at a multiple of FIBER_STRAND, so a pointer into the strand rounds
 * down to it.  The user block (the caller's control block, which begins with its struct
 * fiber) sits at the stack's high end, on the page that any run touches anyway; the
 * tops of fibers are staggered over cache sets.
 * Pools keep ended fibers, last in first out.  Guards are MADV_GUARD_INSTALL where the
 * kernel has it (6.13), else mprotect(PROT_NONE); when guards run out
 * (vm.max_map_count) fiber_get gives NULL and fiber_why() says so in one sentence.  A
 * guard is a page at least; a frame larger than it may jump over, so code that runs on
 * fibers is best built with -fstack-clash-protection.  Memory goes back to the system
 * when the pool is closed, not before. */
#ifndef FIBER_FIBER_H
#define FIBER_FIBER_H
#include "base/atomic.h"
#include <stddef.h>
#include <stdint.h>

#if defined(__SANITIZE_ADDRESS__)
#define FIBER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FIBER_ASAN 1
#endif
#endif
#ifndef FIBER_ASAN
#define FIBER_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__)
#define FIBER_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FIBER_TSAN 1
#endif
#endif
#ifndef FIBER_TSAN
#define FIBER_TSAN 0
#endif

/* Does this build switch by fiber_jump? */
#if defined(__x86_64__) && !defined(FIBER_UCONTEXT)
#define FIBER_JUMPS 1
#else
#define FIBER_JUMPS 0
#endif

/* A function that comes back on another stack than it was called on, seen from the
 * processor, and so returns by a jump where that is possible: see jump_x86_64.h. */
#if FIBER_JUMPS && !FIBER_ASAN && !FIBER_TSAN && !defined(__clang__)
#define returns_by_jump __attribute__((noinline, function_return("thunk-extern")))
#else
#define returns_by_jump __attribute__((noinline))
#endif

enum { FIBER_STRAND = 1 << 14 };      /* room for the forked calls: sched/strand.h */
enum { FIBER_STACK_MIN = 16 << 10 };

struct fiber;
typedef void fiber_main(struct fiber *self); /* must never return */

struct fiber {
    void *sp;          /* saved stack pointer while switched out */
    void *pc, *bp;     /* where it goes on, and rbp: of fiber_jump alone */
    struct fiber *next; /* free for the owner's lists; used by the pool in it */
    char *low, *high;  /* the stack's usable bytes; low is just above the guard */
    unsigned valgrind; /* its name for the stack */
#if FIBER_ASAN || FIBER_TSAN
    void *tsan, *asan; /* the sanitizers' handles */
#endif
};

struct fiber_pool; /* stacks of one size; safe for threads */

/* A pool of stacks with at least `stack` usable bytes (16 KiB to 1 GiB, rounded up to
 * pages), whose user blocks have `block` bytes (zeroed when the fiber is made, and left
 * alone when it is reused).  NULL: no memory. */
struct fiber_pool *fiber_pool_open(size_t stack, size_t block, fiber_main *main);
/* All its fibers must be back.  Unmaps them.  NULL is fine. */
void fiber_pool_close(struct fiber_pool *p);
/* A fiber ready to be switched to: a reused one, or a new one that will run main.
 * A reused one goes on where it left its last fiber_switch: main is a loop.  NULL: no
 * memory or no guards.  Any thread. */
struct fiber *fiber_get(struct fiber_pool *p);
/* Back to the pool; it may be the one that runs now, as long as this thread switches
 * away before any other may take it: see fiber_put's use in sched.  Any thread. */
void fiber_put(struct fiber_pool *p, struct fiber *f);
/* The FIBER_STRAND bytes at the low end of f's mapping, f being p's; zeroed when the fiber
 * is made, and left alone when it is reused. */
void *fiber_room(const struct fiber_pool *p, const struct fiber *f);
/* Mapped now, in the pool or out. */
size_t fiber_pool_count(const struct fiber_pool *p);
/* Each fiber that was ever made, in the pool or out; nobody may make one meanwhile. */
void fiber_pool_each(const struct fiber_pool *p, void (*look)(struct fiber *f, void *arg),
                     void *arg);
/* Why the last fiber_get or fiber_pool_open on this thread failed; static words. */
const char *fiber_why(void);

/* Make *f stand for the stack this thread runs on (no mapping of ours).  The caller's
 * block; call fiber_adopt_end on the same thread before the thread ends. */
void fiber_adopt(struct fiber *f);
void fiber_adopt_end(struct fiber *f);

/* Leave `from`, which must be running, for `to`; returns when something switches back
 * to `from`, on the same thread.  The callee-saved registers are kept, the
 * floating-point control words are not (they belong to the thread: see tutti.h).
 * Built so that errno's address is not assumed to survive: callers keep errno.
 * ThreadSanitizer is told that what `from` did is seen by `to`. */
void fiber_switch(struct fiber *from, struct fiber *to);
/* The same, inlined where that is quicker: for functions that come back on the thread they
 * left and so may keep the address of a thread-local over it. */
static inline void fiber_switch_here(struct fiber *from, struct fiber *to);

#if FIBER_JUMPS
#include "fiber/jump_x86_64.h"
#endif
static inline void fiber_switch_here(struct fiber *from, struct fiber *to)
{
#if FIBER_JUMPS && !FIBER_ASAN && !FIBER_TSAN
    fiber_jump(from, to);
#else
    fiber_switch(from, to);
#endif
}

/* Overflow: when a thread touches a guard, print one sentence with the fiber's name and
 * the size of its stack to stderr and die of SIGSEGV as it would have.  `name` is
 * called in the signal handler and must only read memory.  Installs the handler once
 * for the process, chaining to what was there for other faults. */
void fiber_overflow_watch(const char *(*name)(const struct fiber *f));
/* Give this thread an alternate signal stack for it, or take it away.  0 or -ENOMEM. */
int fiber_thread_begin(void);
void fiber_thread_end(void);
/* The fiber whose guard holds the address, or NULL.  For the handler and tests. */
struct fiber *fiber_of_guard(const void *address);
/* Does an emulator (valgrind) look at each access?  What the kernel writes behind its back
 * would look unwritten to it. */
bool fiber_emulated(void);
/* This thread has slept, and others have run: valgrind keeps for all of them together which
 * stack was moved on last, and takes the next large frame here for a switch, whose memory it
 * then does not know to be in use.  So let it see this stack, now. */
void fiber_stack_here(void);
/* In the child after fork(): forget locks that other threads held. */
void fiber_after_fork(void);
#endif
