/* explore/shadow.c - see shadow.h; also the arena from which one schedule's objects
 * come.
 * Holds: at most half of the table is used by this generation.
 * Tests: tests/explore/tearing.c, tests/cells/mapped.c, state.c. */
#include "engine.h"
#include "fail.h"
#include "real.h"
#include "scarce.h"
#include "shadow.h"
#include <assert.h>
#include <string.h>
#include <sys/syscall.h>

#define ARENA_AT ((char *)0x150000000000)
#define ARENA_SIZE (16ul << 30)
enum { FIRST_BITS = 13 };

static struct cell *table;
static unsigned bits;
static size_t used;
static char *arena = ARENA_AT;

void shadow_open(void)
{
    bits = FIRST_BITS;
    table = scarce_map(NULL, sizeof *table << bits);
    if (!table || !scarce_map(ARENA_AT, ARENA_SIZE))
        cannot("no address space for the tables of the explorer");
}

void shadow_reset(void)
{
    used = 0;
    arena = ARENA_AT;
    if (++ex.generation == 0) {
        memset(table, 0, sizeof *table << bits);
        ex.generation = 1;
    }
}

void *arena_take(size_t size)
{
    char *p = arena;
    arena += (size + 63) & ~63ul;
    if (rare(arena > ARENA_AT + ARENA_SIZE))
        fail(FAIL_CANNOT, NULL, "the schedule needs more than %lu GiB of tables: "
             "make the test smaller", ARENA_SIZE >> 30);
    return p;
}

static inline size_t slot_of(uintptr_t granule)
{
    return (size_t)(granule * 0x9E3779B97F4A7C15u >> (64 - bits));
}

static void grow(void)
{
    struct cell *old = table;
    size_t n = (size_t)1 << bits;
    table = scarce_map(NULL, sizeof *table * n * 2);
    if (!table)
        cannot("no memory for the table of accesses");
    bits++;
    for (size_t i = 0; i < n; i++) {
        if (old[i].generation != ex.generation)
            continue;
        size_t at = slot_of(old[i].granule), mask = 2 * n - 1;
        while (table[at].generation == ex.generation)
            at = (at + 1) & mask;
        table[at] = old[i];
    }
    real_syscall(SYS_munmap, (long)old, (long)(sizeof *old * n), 0, 0, 0, 0);
}

struct cell *cell_find(uintptr_t granule)
{
    size_t mask = ((size_t)1 << bits) - 1;
    for (size_t i = slot_of(granule);; i = (i + 1) & mask) {
        if (table[i].generation != ex.generation)
            return NULL;
        if (table[i].granule == granule)
            return &table[i];
    }
}

void cells_each(uintptr_t low, uintptr_t high, void (*look)(struct cell *c, const void *),
                const void *arg)
{
    size_t n = (size_t)1 << bits;
    struct cell *c;
    if (high - low < n) {
        for (; low < high; low++)
            if ((c = cell_find(low)) != NULL)
                look(c, arg);
        return;
    }
    for (c = table; c < table + n; c++)
        if (c->generation == ex.generation && c->granule - low < high - low)
            look(c, arg);
}

struct cell *cell_of(uintptr_t granule)
{
    size_t mask = ((size_t)1 << bits) - 1, i = slot_of(granule);
    while (table[i].generation == ex.generation) {
        if (usual(table[i].granule == granule))
            return &table[i];
        i = (i + 1) & mask;
    }
    if (rare(++used > (mask >> 1))) {
        grow();
        return cell_of(granule);
    }
    struct cell *c = &table[i];
    assert(2 * used <= mask + 1 && !cell_find(granule));
    c->granule = granule;
    c->generation = ex.generation;
    c->n = 0;
    c->upper = false;
    c->locations = NULL;
    c->more = NULL;
    return c;
}
