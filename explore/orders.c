/* explore/orders.c - the memory orders of a program, listed (orders=1) and, for trying
 * whether its tests notice, made weaker at some sites (weaken=PC+PC:ORDER, addresses
 * within the executable, hexadecimal).  No mutant has to be compiled: the order is
 * changed where the model reads it.  scripts/test-orders.py makes the list of those
 * that nothing notices.
 * Tests: tests/explore_test.py (a fence weakened away is missed). */
#include "trace.h"
#include <link.h>
#include <string.h>

enum { WEAKENED = 64 };
static uintptr_t weakened[WEAKENED];
static int weakened_n, weakest;
static uintptr_t base;

static int scan(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size, (void)arg;
    base = info->dlpi_addr;
    return 1; /* the first is the executable */
}

/* What the option says: addresses, a colon, an order. */
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
    if (*end != ':' || end[1] < '0' || end[1] > '4' || end[2])
        return false;
    weakest = end[1] - '0';
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

static bool chosen(uintptr_t pc)
{
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

int orders_at(enum op op, int order, const void *pc)
{
    if (options.orders)
        note(op, order, (uintptr_t)pc);
    return weakened_n && chosen((uintptr_t)pc) ? weaker(op, order) : order;
}
