/* explore/hooks_memory.c - memcpy and its kin, which compilers leave to the library
 * that stands behind the flag, and malloc and its kin.  libc's own use of malloc keeps
 * going to libc's heap: what it holds (buffers, lists of open files) outlives a
 * schedule. The engine's own calls go around the hooks, by the names explore_*
 * (engine.h).
 * Tests: tests/cells/heap.c; tests/explore/heap.c; tests/explore_seen_test.py. */
#define EXPLORE_DEFINES_LIBC
#include "engine.h"
#include "heap.h"
#include "memory_inside.h"
#include "races.h"
#include "real.h"
#include "schedule.h"
#include "trace.h"
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

extern void *__libc_malloc(size_t n);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t n);
extern void *__libc_memalign(size_t align, size_t n);
extern void __libc_free(void *p);

static void *(*libc_memcpy)(void *, const void *, size_t);
static void *(*libc_memmove)(void *, const void *, size_t);
static void *(*libc_memset)(void *, int, size_t);
static int (*libc_memcmp)(const void *, const void *, size_t);
static size_t (*libc_strlen)(const char *);

static uintptr_t libc_low, libc_high, own_low, own_high, loader_low, loader_high;
static bool heap_active;

hidden void *explore_memcpy(void *to, const void *from, size_t n);
void *explore_memcpy(void *to, const void *from, size_t n)
{
    if (usual(libc_memcpy != NULL))
        return libc_memcpy(to, from, n);
    for (size_t i = 0; i < n; i++)
        ((volatile char *)to)[i] = ((const char *)from)[i];
    return to;
}

hidden void *explore_memmove(void *to, const void *from, size_t n);
void *explore_memmove(void *to, const void *from, size_t n)
{
    return libc_memmove ? libc_memmove(to, from, n) : explore_memcpy(to, from, n);
}

hidden void *explore_memset(void *to, int c, size_t n);
void *explore_memset(void *to, int c, size_t n)
{
    if (usual(libc_memset != NULL))
        return libc_memset(to, c, n);
    for (size_t i = 0; i < n; i++)
        ((volatile char *)to)[i] = (char)c;
    return to;
}

hidden int explore_memcmp(const void *a, const void *b, size_t n);
int explore_memcmp(const void *a, const void *b, size_t n)
{
    return libc_memcmp(a, b, n);
}

hidden size_t explore_strlen(const char *s);
size_t explore_strlen(const char *s)
{
    return libc_strlen(s);
}

hidden void *explore_malloc(size_t n);
void *explore_malloc(size_t n)
{
    return __libc_malloc(n);
}

hidden void *explore_calloc(size_t n, size_t size);
void *explore_calloc(size_t n, size_t size)
{
    return __libc_calloc(n, size);
}

hidden void explore_free(void *p);
void explore_free(void *p)
{
    __libc_free(p);
}

static int scan(struct dl_phdr_info *info, size_t size, void *arg)
{
    uintptr_t here = (uintptr_t)&scan;
    (void)size, (void)arg;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type != PT_LOAD || !(p->p_flags & PF_X))
            continue;
        uintptr_t low = info->dlpi_addr + p->p_vaddr, high = low + p->p_memsz;
        const char *name = info->dlpi_name;
        size_t n = name ? libc_strlen(name) : 0;
        if (here >= low && here < high)
            own_low = low, own_high = high;
        else if (n >= 9 && !libc_memcmp(name + n - 9, "libc.so.6", 9))
            libc_low = low, libc_high = high;
        else if (n && strstr(name, "/ld-linux"))
            loader_low = low, loader_high = high;
    }
    return 0;
}

void memory_open(bool exploring)
{
    libc_memcpy = real_find("memcpy");
    libc_memmove = real_find("memmove");
    libc_memset = real_find("memset");
    libc_memcmp = real_find("memcmp");
    libc_strlen = real_find("strlen");
    dl_iterate_phdr(scan, NULL);
    heap_active = exploring;
}

bool memory_in_library(const void *pc)
{
    return (uintptr_t)pc - own_low < own_high - own_low;
}

bool memory_in_libc(const void *pc)
{
    return (uintptr_t)pc - libc_low < libc_high - libc_low ||
           (uintptr_t)pc - loader_low < loader_high - loader_low;
}

/* Whether this call is the program's, in a schedule. */
static inline bool watched(const void *pc)
{
    return ex.on && !memory_in_libc(pc) &&
           (uintptr_t)pc - own_low >= own_high - own_low;
}

static inline bool in_arena(const void *pc)
{
    return heap_active && !memory_in_libc(pc);
}

void memory_reads(const void *a, size_t n, const void *pc)
{
    if (watched(pc)) {
        plain_point(OP_READ, a, pc);
        trace_range(n);
        race_range(a, n, false, pc);
    }
}

void memory_writes(const void *a, size_t n, const void *pc)
{
    if (watched(pc)) {
        plain_point(OP_WRITE, a, pc);
        trace_range(n);
        race_range(a, n, true, pc);
    }
}

exported void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    if (rare(ex.on)) {
        memory_reads(from, n, CALLER);
        memory_writes(to, n, CALLER);
    }
    return explore_memcpy(to, from, n);
}

exported void *memmove(void *to, const void *from, size_t n)
{
    if (rare(ex.on)) {
        memory_reads(from, n, CALLER);
        memory_writes(to, n, CALLER);
    }
    return explore_memmove(to, from, n);
}

exported void *memset(void *to, int c, size_t n)
{
    if (rare(ex.on))
        memory_writes(to, n, CALLER);
    return explore_memset(to, c, n);
}

exported int memcmp(const void *a, const void *b, size_t n)
{
    if (rare(ex.on)) {
        memory_reads(a, n, CALLER);
        memory_reads(b, n, CALLER);
    }
    return explore_memcmp(a, b, n);
}

exported size_t strlen(const char *s)
{
    size_t n = explore_strlen(s);
    if (rare(ex.on))
        memory_reads(s, n + 1, CALLER);
    return n;
}

exported char *strcpy(char *restrict to, const char *restrict from)
{
    size_t n = explore_strlen(from) + 1;
    if (rare(ex.on)) {
        memory_reads(from, n, CALLER);
        memory_writes(to, n, CALLER);
    }
    return explore_memcpy(to, from, n);
}

exported char *strdup(const char *s)
{
    size_t n = explore_strlen(s) + 1;
    memory_reads(s, n, CALLER);
    char *p = in_arena(CALLER) ? heap_take(n, 1, CALLER) : __libc_malloc(n);
    return p ? explore_memcpy(p, s, n) : NULL;
}

exported char *strndup(const char *s, size_t most)
{
    size_t n = strnlen(s, most);
    memory_reads(s, n, CALLER);
    char *p = in_arena(CALLER) ? heap_take(n + 1, 1, CALLER) : __libc_malloc(n + 1);
    if (p) {
        explore_memcpy(p, s, n);
        p[n] = 0;
    }
    return p;
}

/* --- the heap --- */

exported void *malloc(size_t n)
{
    return in_arena(CALLER) ? heap_take(n, 16, CALLER) : __libc_malloc(n);
}

exported void free(void *p)
{
    if (heap_owns(p))
        heap_give(p, CALLER);
    else
        __libc_free(p);
}

exported void *calloc(size_t n, size_t size)
{
    size_t all;
    if (!in_arena(CALLER))
        return __libc_calloc(n, size);
    void *p = __builtin_mul_overflow(n, size, &all) ? NULL : heap_take(all, 16, CALLER);
    if (p)
        explore_memset(p, 0, all);
    else
        errno = ENOMEM;
    return p;
}

static void *resize(void *p, size_t n, const void *pc)
{
    if (!heap_owns(p))
        return p || !in_arena(pc) ? __libc_realloc(p, n) : heap_take(n, 16, pc);
    size_t old = heap_size(p);
    void *q = heap_take(n, 16, pc);
    if (q) {
        explore_memcpy(q, p, old < n ? old : n);
        heap_give(p, pc);
    }
    return q;
}

exported void *realloc(void *p, size_t n)
{
    return resize(p, n, CALLER);
}

exported void *reallocarray(void *p, size_t n, size_t size)
{
    size_t all;
    if (!__builtin_mul_overflow(n, size, &all))
        return resize(p, all, CALLER);
    errno = ENOMEM;
    return NULL;
}

static void *aligned(size_t align, size_t n, const void *pc)
{
    return in_arena(pc) ? heap_take(n, align, pc) : __libc_memalign(align, n);
}

exported void *memalign(size_t align, size_t n)
{
    return aligned(align, n, CALLER);
}

exported void *aligned_alloc(size_t align, size_t n)
{
    return aligned(align, n, CALLER);
}

exported int posix_memalign(void **p, size_t align, size_t n)
{
    if (align % sizeof *p || !align || (align & (align - 1)))
        return EINVAL;
    *p = aligned(align, n, CALLER);
    return *p ? 0 : ENOMEM;
}

exported size_t malloc_usable_size(void *p)
{
    return heap_owns(p) ? heap_size(p) : REAL(malloc_usable_size)(p);
}
