/* base/race.h - living with ThreadSanitizer; nothing in other builds.
 *
 * It is told of every switch (fiber/fiber.c), so fibers of one thread are ordered as they
 * ran, and needs to be told of nothing else that they hand to each other.  What is left:
 * signals, which it holds back, and a handler that reads what its thread may. */
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
void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line);

/* Plain reads and writes from here to race_disown are not looked at: of a handler that was
 * called in the middle of anything.  Counted. */
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
static inline void race_own(void)
{
}
static inline void race_disown(void)
{
}
#endif

/* The explorer's build (base/small.h) has no signals, and a sleep in pieces would hide from it
 * that nobody will come. */
#if defined(RACE_TSAN) && !defined(TUTTI_SMALL)
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
#else
static inline void race_let_signals_in(void)
{
}
static inline int64_t race_nap(int64_t until)
{
    return until;
}
#endif
#endif
