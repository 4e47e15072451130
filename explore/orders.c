/* explore/orders.c - the memory orders of a program, listed (orders=1) and, for trying
 * whether its tests notice, made weaker at some sites (weaken=PC+PC:ORDER, addresses
 * within the executable, hexadecimal).  No mutant has to be compiled: the order is
 * changed where the model reads it.  A letter behind the order (l, s, r, c, f) means loads,
 * stores, read-modify-writes, compare-and-swaps that succeed or fences alone: one that
 * fails is a load with an order of its own.  scripts/test-orders.py makes the list of those
 * that nothing notices.
 * Tests: tests/explore_test.py (a release that is made weaker is missed). */
#include "engine.h"
#include "options.h"
#include "orders.h"
#include "trace.h"
#include <link.h>
#include <stdlib.h>
#include <string.h>

enum { WEAKENED = 512 };
static uintptr_t weakened[WEAKENED];
static int weakened_n, weakest;
static enum op weakened_op; /* OP_NONE: any */
static uintptr_t base;

static int scan(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size, (void)arg;
    base = info->dlpi_addr;
    return 1; /* the first is the executable */
}

/* What the option says: addresses, a colon, an order, perhaps a letter. */
static const char letters[] = "lsrcf"; /* OP_LOAD to OP_FENCE */

bool orders_weaken(const char *text)
{
    char *end;
    dl_iterate_phdr(scan, NULL);
    for (;;) {
        uintptr_t pc = strtoul(text, &end, 16);
        if (end == text || weakened_n == WEAKENED)
            return false;
        weakened[weakened_n++] = base + pc;
        if (*end != '+')
            break;
        text = end + 1;
    }
    if (*end != ':' || end[1] < '0' || end[1] > '4')
        return false;
    weakest = end[1] - '0';
    const char *letter = end[2] ? strchr(letters, end[2]) : NULL;
    if (end[2] && (!letter || end[3]))
        return false;
    weakened_op = letter ? (enum op)(OP_LOAD + (letter - letters)) : OP_NONE;
    ex.orders = true;
    return true;
}

static void note(enum op op, int order, uintptr_t pc)
{
    if (!base)
        dl_iterate_phdr(scan, NULL);
    for (int i = 0; i < shared->sites; i++)
        if (shared->site[i].pc == pc - base && shared->site[i].op == op)
            return;
    if (shared->sites < SITES)
        shared->site[shared->sites++] =
            (struct order_site){ pc - base, (uint8_t)op, (uint8_t)order };
}

static bool chosen(enum op op, uintptr_t pc)
{
    if (weakened_op && op != weakened_op)
        return false;
    for (int i = 0; i < weakened_n; i++)
        if (weakened[i] == pc)
            return true;
    return false;
}

/* The weaker order as an operation of that sort may have it. */
static int weaker(enum op op, int order)
{
    bool takes = order != __ATOMIC_RELEASE && order != __ATOMIC_RELAXED &&
                 op != OP_STORE && weakest != __ATOMIC_RELEASE;
    bool gives = order >= __ATOMIC_RELEASE && op != OP_LOAD &&
                 weakest != __ATOMIC_ACQUIRE && weakest != __ATOMIC_CONSUME;
    if (weakest == __ATOMIC_RELAXED)
        takes = gives = false;
    return takes && gives ? __ATOMIC_ACQ_REL
           : takes        ? __ATOMIC_ACQUIRE
           : gives        ? __ATOMIC_RELEASE
                          : __ATOMIC_RELAXED;
}

int orders_made(enum op op, int order, const void *pc)
{
    return weakened_n && chosen(op, (uintptr_t)pc) ? weaker(op, order) : order;
}

int orders_at(enum op op, int order, const void *pc)
{
    if (options.orders)
        note(op, order, (uintptr_t)pc);
    return orders_made(op, order, pc);
}
