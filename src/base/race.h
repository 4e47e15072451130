/* base/race.h - what ThreadSanitizer cannot see by itself; nothing in other builds.
 *
 * Fibers of one thread are never running at once, but ThreadSanitizer is told of no
 * order between them (fiber/fiber.c says why).  So a hand-over from one fiber to
 * another must show as an edge: either through an atomic that the receiver reads with
 * acquire, or through race_release before it and race_acquire of the same address after
 * it. State that belongs to a thread, not to a fiber (a worker's queue), is used by
 * fibers that run there one after the other: bracket it with race_own and race_disown.
 */
#ifndef BASE_RACE_H
#define BASE_RACE_H

#include "base/clock.h"

#if defined(__SANITIZE_THREAD__)
#define RACE_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define RACE_TSAN 1
#endif
#endif

#ifdef RACE_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);

/* ThreadSanitizer holds a signal back until who was running when it came makes one of the
 * calls that it replaces.  This is one.  Without it a task that yields in a loop would never
 * hear that it should hand over the interpreter lock, and one that has parked would keep
 * the signal from everybody. */
static inline void race_let_signals_in(void)
{
    clock_now();
}
/* How long to sleep on a futex at most before the signals are let in: the sleep itself is no
 * such call, and the kernel goes on with it by itself after a signal. */
static inline int64_t race_nap(int64_t until)
{
    int64_t soon = clock_now() + 10000000;
    return until < soon ? until : soon;
}
static inline void race_release(const void *address)
{
    __tsan_release((void *)address);
}
static inline void race_acquire(const void *address)
{
    __tsan_acquire((void *)address);
}
/* What follows, up to race_disown, touches what belongs to this thread alone; plain
 * reads and writes there are not looked at (atomics still make edges).  Counted, per
 * fiber. */
static inline void race_own(void)
{
    AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    AnnotateIgnoreWritesBegin(__FILE__, __LINE__);
}
static inline void race_disown(void)
{
    AnnotateIgnoreWritesEnd(__FILE__, __LINE__);
    AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}
#else
static inline void race_let_signals_in(void)
{
}
static inline int64_t race_nap(int64_t until)
{
    return until;
}
static inline void race_release(const void *address)
{
    (void)address;
}
static inline void race_acquire(const void *address)
{
    (void)address;
}
static inline void race_own(void)
{
}
static inline void race_disown(void)
{
}
#endif
#endif
