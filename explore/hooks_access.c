/* explore/hooks_access.c - the calls that the compiler puts before each plain access
 * and around each function.  With exploration off each is one compare.
 * Tests: all cells; for the cost with exploration off see explore/near.c. */
#include "engine.h"
#include "near.h"
#include "races.h"
#include "restore.h"
#include "schedule.h"
#include "stack.h"
#include "trace.h"

static void slow(const void *a, size_t n, bool write, const void *pc)
{
    if (rare(write ? ex.me->deaf_writes : ex.me->deaf_reads)) {
        if (write && restore_tracks)
            restore_touched(a, n);
        return;
    }
    plain_point(write ? OP_WRITE : OP_READ, a, pc);
    trace_range(n);
    race_access(a, n, write, pc);
}

static void slow_range(const void *a, size_t n, bool write, const void *pc)
{
    plain_point(write ? OP_WRITE : OP_READ, a, pc);
    trace_range(n);
    race_range(a, n, write, pc);
}

/* The other name is for those that near.c links into programs. */
#define TWICE(name) exported __typeof__(__tsan_##name) tutti_explore_##name           \
    __attribute__((alias("__tsan_" #name)))

#define ACCESS(name, size, writes)                                            \
    exported void __tsan_##name##size(void *a);                               \
    void __tsan_##name##size(void *a)                                         \
    {                                                                         \
        if (rare(ex.on))                                                      \
            slow(a, size, writes, CALLER);                                    \
    }                                                                         \
    TWICE(name##size);
ACCESSES(ACCESS)

exported void __tsan_read_range(void *a, unsigned long n);
void __tsan_read_range(void *a, unsigned long n)
{
    if (rare(ex.on))
        slow_range(a, n, false, CALLER);
}

exported void __tsan_write_range(void *a, unsigned long n);
void __tsan_write_range(void *a, unsigned long n)
{
    if (rare(ex.on))
        slow_range(a, n, true, CALLER);
}

/* C++: a table of functions is set while an object is made or taken apart. */
exported void __tsan_vptr_update(void **a, void *value);
void __tsan_vptr_update(void **a, void *value)
{
    if (rare(ex.on) && *a != value)
        slow(a, sizeof *a, true, CALLER);
}

exported void __tsan_vptr_read(void **a);
void __tsan_vptr_read(void **a)
{
    if (rare(ex.on))
        slow(a, sizeof *a, false, CALLER);
}

exported void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller)
{
    if (rare(ex.on)) {
        if (ex.me->depth < CALLS)
            ex.me->calls[ex.me->depth] = (struct call){ caller, __builtin_dwarf_cfa() };
        ex.me->depth++;
    }
}
TWICE(func_entry);

exported void __tsan_func_exit(void);
void __tsan_func_exit(void)
{
    if (rare(ex.on) && ex.me->depth > 0) {
        if (rare(ex.me->guests))
            stack_return(CALLER);
        ex.me->depth--;
    }
}
TWICE(func_exit);

exported void __tsan_init(void);
void __tsan_init(void)
{
    ex.instrumented = true;
}

/* Code whose races the program's writer does not want to hear of. */
exported void __tsan_ignore_thread_begin(void);
void __tsan_ignore_thread_begin(void)
{
    if (ex.on) {
        ex.me->deaf_reads++;
        ex.me->deaf_writes++;
    }
}
exported void __tsan_ignore_thread_end(void);
void __tsan_ignore_thread_end(void)
{
    if (ex.on) {
        ex.me->deaf_reads--;
        ex.me->deaf_writes--;
    }
}
