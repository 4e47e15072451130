/* explore/hooks_tsan.c - the rest of ThreadSanitizer's interface: what programs call by
 * hand to tell it of fibers and of orders it cannot see.  Fibers of one thread are
 * ordered as they run; told orders are taken as releases and acquires.
 * Tests: the runtime's own objects, which tell of fibers (tests/cells/tutti). */
#include "engine.h"
#include "objects.h"
#include "races.h"

exported void *__tsan_get_current_fiber(void);
void *__tsan_get_current_fiber(void)
{
    static char fiber;
    return &fiber;
}

exported void *__tsan_create_fiber(unsigned flags);
void *__tsan_create_fiber(unsigned flags)
{
    (void)flags;
    return __tsan_get_current_fiber();
}

exported void __tsan_destroy_fiber(void *fiber);
void __tsan_destroy_fiber(void *fiber)
{
    (void)fiber;
}

exported void __tsan_switch_to_fiber(void *fiber, unsigned flags);
void __tsan_switch_to_fiber(void *fiber, unsigned flags)
{
    (void)fiber, (void)flags;
}

exported void __tsan_set_fiber_name(void *fiber, const char *name);
void __tsan_set_fiber_name(void *fiber, const char *name)
{
    (void)fiber, (void)name;
}

exported void __tsan_acquire(void *a);
void __tsan_acquire(void *a)
{
    if (ex.on)
        acquire_clock(&object_of(a, OBJECT_TOLD)->clock);
}

exported void __tsan_release(void *a);
void __tsan_release(void *a)
{
    if (ex.on)
        release_clock(&object_of(a, OBJECT_TOLD)->clock);
}

exported void __tsan_flush_memory(void);
void __tsan_flush_memory(void)
{
}

exported void AnnotateHappensBefore(const char *file, int line, void *a);
void AnnotateHappensBefore(const char *file, int line, void *a)
{
    (void)file, (void)line;
    __tsan_release(a);
}

exported void AnnotateHappensAfter(const char *file, int line, void *a);
void AnnotateHappensAfter(const char *file, int line, void *a)
{
    (void)file, (void)line;
    __tsan_acquire(a);
}

exported void AnnotateIgnoreReadsBegin(const char *file, int line);
void AnnotateIgnoreReadsBegin(const char *file, int line)
{
    (void)file, (void)line;
    if (ex.on)
        ex.me->deaf_reads++;
}

exported void AnnotateIgnoreReadsEnd(const char *file, int line);
void AnnotateIgnoreReadsEnd(const char *file, int line)
{
    (void)file, (void)line;
    if (ex.on)
        ex.me->deaf_reads--;
}

exported void AnnotateIgnoreWritesBegin(const char *file, int line);
void AnnotateIgnoreWritesBegin(const char *file, int line)
{
    (void)file, (void)line;
    if (ex.on)
        ex.me->deaf_writes++;
}

exported void AnnotateIgnoreWritesEnd(const char *file, int line);
void AnnotateIgnoreWritesEnd(const char *file, int line)
{
    (void)file, (void)line;
    if (ex.on)
        ex.me->deaf_writes--;
}

/* Newer compilers name these instead of libc's. */
exported void *__tsan_memcpy(void *to, const void *from, size_t n);
void *__tsan_memcpy(void *to, const void *from, size_t n)
{
    if (ex.on) {
        race_range(from, n, false, CALLER);
        race_range(to, n, true, CALLER);
    }
    return __builtin_memcpy(to, from, n);
}

exported void *__tsan_memmove(void *to, const void *from, size_t n);
void *__tsan_memmove(void *to, const void *from, size_t n)
{
    if (ex.on) {
        race_range(from, n, false, CALLER);
        race_range(to, n, true, CALLER);
    }
    return __builtin_memmove(to, from, n);
}

exported void *__tsan_memset(void *to, int c, size_t n);
void *__tsan_memset(void *to, int c, size_t n)
{
    if (ex.on)
        race_range(to, n, true, CALLER);
    return __builtin_memset(to, c, n);
}
