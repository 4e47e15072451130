/* explore/threads.c - threads of the program as fibers of one kernel thread.  Each has
 * a stack and a block of thread-locals of its own at the same address in every
 * schedule; the thread pointer moves with the fiber, so errno, thread-locals and what
 * libc keeps about a thread are right without copying at a switch.
 * Holds: slot i has its stack and its block mapped for good; a schedule that needs more
 * lanes than ex.lanes is begun again by run.c.
 * Tests: tests/cells/locals.c, tests/explore/locals.c, waves.c. */
#include "clock.h"
#include "engine.h"
#include "fail.h"
#include "fiber/inside.h"
#include "fibers.h"
#include "keys.h"
#include "life.h"
#include "real.h"
#include "scarce.h"
#include "schedule.h"
#include "strategy.h"
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define BLOCKS_AT ((char *)0x140000000000)
/* glibc's struct pthread, rounded up generously: what follows the thread pointer. */
enum { DESCRIPTOR = 4096, BLOCK_MAX = 1 << 18 };

/* The image of a thread's block: [low, tp) are the thread-locals, then the descriptor.
 */
static char *image, *own_low;
static size_t below, above, block_size;
static bool quick; /* the processor's own instruction may set the thread pointer */

static char *thread_pointer(void)
{
    char *tp;
    __asm__("mov %%fs:0x10, %0" : "=r"(tp));
    return tp;
}

static inline void set_thread_pointer(void *tp)
{
    if (usual(quick))
        __asm__ volatile("wrfsbase %0" : : "r"(tp) : "memory");
    else
        real_syscall(SYS_arch_prctl, 0x1002 /* ARCH_SET_FS */, (long)tp, 0, 0, 0, 0);
}

struct block_scan { char *low; };

static int scan_block(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct block_scan *scan = arg;
    char *at = info->dlpi_tls_data, *tp = thread_pointer();
    (void)size;
    if (at && at < tp && at > tp - BLOCK_MAX && at < scan->low)
        scan->low = at;
    return 0;
}

/* Put a module's thread-locals into the image as a new thread finds them; libc's own
 * stay as they are in the first thread, where they have been set up. */
static int scan_image(struct dl_phdr_info *info, size_t size, void *arg)
{
    char *at = info->dlpi_tls_data, *tp = thread_pointer();
    (void)size, (void)arg;
    if (!at || at >= tp || at < own_low)
        return 0;
    if (info->dlpi_name && strstr(info->dlpi_name, "/libc.so"))
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *p = &info->dlpi_phdr[i];
        if (p->p_type != PT_TLS)
            continue;
        memset(image + (at - own_low), 0, p->p_memsz);
        memcpy(image + (at - own_low), (char *)info->dlpi_addr + p->p_vaddr,
               p->p_filesz);
    }
    return 0;
}

/* Whether memory up to there is mapped, asked without touching it. */
static bool mapped(char *at)
{
    unsigned char one;
    return real_syscall(SYS_mincore, (long)((uintptr_t)at & ~4095ul), 4096, (long)&one,
                        0, 0, 0) == 0;
}

static char *first_image; /* of the first thread, which keeps what constructors set */

void thread_image(void)
{
    char *tp = thread_pointer();
    struct block_scan scan = { tp - 64 };
    dl_iterate_phdr(scan_block, &scan);
    own_low = (char *)((uintptr_t)scan.low & ~63ul);
    below = (size_t)(tp - own_low);
    above = DESCRIPTOR;
    while (above > 2304 && !mapped(tp + above - 1))
        above -= 64;
    block_size = (below + above + 16383) & ~4095ul;
    image = scarce_bytes(below + above);
    first_image = scarce_bytes(below + above);
    if (!image || !first_image)
        cannot("no memory for thread-locals");
    memcpy(first_image, own_low, below + above);
    memcpy(image, own_low, below + above);
    dl_iterate_phdr(scan_image, NULL);
    if (!scarce_map(BLOCKS_AT, block_size * THREADS))
        cannot("no address space for thread-locals");
    for (int i = 0; i < THREADS; i++)
        ex.thread[i].tp =
            BLOCKS_AT + (size_t)i * block_size + ((below + 4095) & ~4095ul);
    ex.driver_tp = tp;
}

/* The vector through which code for shared objects finds thread-locals: a copy whose
 * entries point into this thread's block. */
static void vector_copy(char *tp)
{
    enum { SHIFT = 2 };
    union entry { size_t n; struct { char *at; void *owner; } pointer; };
    union entry *from = *(union entry **)((char *)ex.driver_tp + 8);
    size_t n = from[-1].n;
    union entry *to = (union entry *)(tp + above + 64);
    size_t room = (block_size - ((below + 4095) & ~4095ul) - above - 64) / sizeof *to;
    if (n + SHIFT > room)
        n = room - SHIFT;
    memcpy(to, from - 1, (n + SHIFT) * sizeof *to);
    to[0].n = n;
    for (size_t i = 2; i < n + SHIFT; i++)
        if (to[i].pointer.at >= own_low && to[i].pointer.at < own_low + below)
            to[i].pointer.at += tp - (own_low + below);
    *(void **)(tp + 8) = to + 1;
}

/* Thread-locals as a new thread has them; the descriptor behind them, which libc alone
 * uses, is made once for each slot. */
static void block_fill(struct thread *t)
{
    char *tp = t->tp;
    if (usual(*(void **)tp == tp)) {
        memcpy(tp - below, t->id == 0 ? first_image : image, below);
        return;
    }
    memcpy(tp - below, t->id == 0 ? first_image : image, below + above);
    *(void **)tp = tp;
    *(void **)(tp + 0x10) = tp;
    vector_copy(tp);
}

bool threads_open(void)
{
    quick = getauxval(AT_HWCAP2) & 2;
    char *at = scarce_map(STACKS_AT, (size_t)(STACK + GUARD) * THREADS);
    if (!at)
        return false;
    for (int i = 0; i < THREADS; i++) {
        struct thread *t = &ex.thread[i];
        char *low = at + (size_t)i * (STACK + GUARD) + GUARD;
        if (mprotect(low - GUARD, GUARD, PROT_NONE))
            return false;
        t->id = i;
        t->low = t->fiber.low = low;
        t->high = low + STACK;
        /* Tops apart, or all would share the same sets of the cache. */
        t->fiber.high = t->high - (i % 16) * 192;
    }
    return true;
}

void threads_reset(void)
{
    for (int i = 0; i < ex.threads; i++) {
        ex.thread[i].state = THREAD_FREE;
        ex.thread[i].at = 0;
    }
    ex.threads = 0;
    ex.me = NULL;
}

static void fiber_entry(struct fiber *self)
{
    thread_begin((struct thread *)self);
    abort();
}

/* A slot never used in this schedule, or one whose thread is over, joined, and known to
 * be over by this one: then a new clock in it cannot be mistaken for the old. */
static struct thread *free_slot(void)
{
    for (int i = 1; i < ex.threads; i++) {
        struct thread *t = &ex.thread[i];
        if (t->state == THREAD_ENDED && (t->joined || t->detached) &&
            ex.threads == THREADS && clock_hb(&ex.me->now, i) >= t->at)
            return t;
    }
    return ex.threads < THREADS ? &ex.thread[ex.threads] : NULL;
}

struct thread *thread_new(void)
{
    struct thread *t = ex.me ? free_slot() : &ex.thread[0];
    if (!t)
        return NULL;
    bool again = t->id < ex.threads;
    int32_t at = again ? t->at + 1 : 1;
    uint32_t points = again ? t->points : 0; /* scripts name decisions by them */
    if (t->id >= ex.threads)
        ex.threads = t->id + 1;
    memset(&t->state, 0,
           offsetof(struct thread, calls) - offsetof(struct thread, state));
    t->points = points;
    t->depth = t->guests = t->cleanups = 0;
    t->sp = NULL;
    if (t->id == 0)
        keys_begin(t);
    clock_zero(&t->now, ex.lanes);
    clock_zero(&t->released, ex.lanes);
    clock_zero(&t->pending, ex.lanes);
    if (ex.me)
        clock_copy(&t->now, &ex.me->now, ex.lanes);
    t->at = at;
    clock_set(&t->now, t->id, at);
    t->joiner = -1;
    t->priority = 100 + (int)random_below(1000);
    block_fill(t);
    fiber_frame(&t->fiber, fiber_entry);
    thread_ready(t);
    return t;
}

void thread_switch(struct thread *to)
{
    struct thread *from = ex.me;
    if (to == from)
        return;
    from->sp = ex.sp;
    ex.me = to;
    set_thread_pointer(to->tp);
    fiber_switch_here(&from->fiber, &to->fiber);
    ex.sp = from->sp;
}

void threads_run(void)
{
    ex.me = &ex.thread[0];
    set_thread_pointer(ex.me->tp);
    fiber_switch_here(&ex.driver, &ex.me->fiber);
}

void thread_leave(void)
{
    ex.on = false;
    set_thread_pointer(ex.driver_tp);
    struct fiber *from = &ex.me->fiber;
    fiber_switch_here(from, &ex.driver);
    abort();
}

struct thread *thread_of(const void *tp)
{
    size_t at = (size_t)((const char *)tp - BLOCKS_AT);
    if ((const char *)tp < BLOCKS_AT || at >= block_size * THREADS)
        return NULL;
    struct thread *t = &ex.thread[at / block_size];
    return t->tp == tp && t->id < ex.threads ? t : NULL;
}

struct thread *thread_of_stack(const void *address)
{
    size_t at = (size_t)((const char *)address - STACKS_AT);
    return stacks_own(address) ? &ex.thread[at / (STACK + GUARD)] : NULL;
}
