/* base/memory.c - see memory.h.  Tests: tests/fault_test.c. */
#include "base/memory.h"
#include "base/atomic.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Requests left until one fails; 0: never.  Relaxed throughout: a test arms it before
 * it starts threads, and which thread draws the failing one does not matter. */
static _Atomic long fault_left, fault_seen;
static _Atomic bool fault_armed, fault_stays;

bool fault_now(void)
{
    if (likely(!load_relaxed(&fault_armed)))
        return false;
    add_relaxed(&fault_seen, 1);
    long left = sub_relaxed(&fault_left, 1);
    return left == 1 || (left < 1 && load_relaxed(&fault_stays));
}

long fault_arm(long n, bool on)
{
    long seen = load_relaxed(&fault_seen);
    store_relaxed(&fault_seen, 0);
    store_relaxed(&fault_left, n);
    store_relaxed(&fault_stays, on);
    store_relaxed(&fault_armed, n != 0);
    return seen;
}

/* No object is larger than PTRDIFF_MAX.  Refused here, since checkers of memory take such
 * a request for a mistake instead of letting the allocator say no. */
static bool refused(size_t size)
{
    return fault_now() || size > PTRDIFF_MAX;
}

void *memory_alloc(size_t size)
{
    return refused(size) ? NULL : malloc(size ? size : 1);
}

void *memory_zalloc(size_t size)
{
    return refused(size) ? NULL : calloc(1, size ? size : 1);
}

void *memory_realloc(void *p, size_t size)
{
    return refused(size) ? NULL : realloc(p, size ? size : 1);
}

void *memory_aligned(size_t align, size_t size)
{
    size_t rounded = (size + align - 1) / align * align;
    if (refused(rounded) || rounded < size)
        return NULL;
    void *p = aligned_alloc(align, rounded ? rounded : align);
    if (p)
        memset(p, 0, rounded ? rounded : align);
    return p;
}

char *memory_strdup(const char *s)
{
    size_t n = strlen(s) + 1;
    char *copy = memory_alloc(n);
    if (copy)
        memcpy(copy, s, n);
    return copy;
}

void memory_free(void *p)
{
    free(p);
}
