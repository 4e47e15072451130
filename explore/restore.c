/* explore/restore.c - the program's variables as they were when main began, put back
 * before each schedule: the writable parts of the executable and of every shared
 * library that is not the system's.  Small parts are copied whole; of large ones only
 * the pages that some schedule has been seen to write, and now and then all are
 * compared, because not every write is seen (libc's, for instance).
 * Tests: tests/cells/state.c, locals.c. */
#include "fail.h"
#include "restore.h"
#include "scarce.h"
#include "shadow.h"
#include "trace.h"
#include <link.h>
#include <string.h>

enum { PARTS = 64, WHOLE = 128 << 10, PAGE = 4096, COMPARE_EVERY = 4096 };

struct part {
    char *at, *saved;
    size_t size;
    uint8_t *dirty; /* of each page; NULL: copied whole */
    uint32_t *pages, n;
};
static struct part part[PARTS];
static int parts;
static uint64_t rounds;
bool restore_tracks;

/* Of this schedule, the first of them: what was written by libc and is no secret. */
enum { OWN = 256 };
static struct own { uintptr_t low, high; } own[OWN];
static int owned;

/* Objects of the system, whose variables keep what they have: libc's own buffers and
 * lists refer to the world outside. */
bool restore_system(const char *name)
{
    static const char *const known[] = {
        "/libc.so",  "/libm.so",    "/ld-linux", "/libgcc_s",  "/libtutti-explore",
        "/libdl.so", "/libpthread", "/librt.so", "linux-vdso", "/libstdc++.so"
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strstr(name, known[i]))
            return true;
    return false;
}

static void add(char *low, char *high)
{
    if (low >= high)
        return;
    if (parts == PARTS)
        cannot("more than %d libraries' variables to put back", PARTS);
    struct part *p = &part[parts++];
    p->at = low;
    p->size = (size_t)(high - low);
    p->saved = scarce_map(NULL, p->size);
    if (!p->saved)
        cannot("no memory to keep the program's %zu bytes of variables", p->size);
    memcpy(p->saved, low, p->size);
    if (p->size > WHOLE) {
        p->n = 0;
        p->dirty = scarce_bytes(p->size / PAGE + 1);
        p->pages = scarce_bytes((p->size / PAGE + 1) * sizeof *p->pages);
        if (!p->dirty || !p->pages)
            cannot("no memory to keep the program's variables");
        restore_tracks = true;
    }
}

static int scan(struct dl_phdr_info *info, size_t size, void *arg)
{
    uintptr_t relro_low = 0, relro_high = 0;
    (void)size, (void)arg;
    if (restore_system(info->dlpi_name))
        return 0;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        if (h->p_type == PT_GNU_RELRO) {
            relro_low = info->dlpi_addr + h->p_vaddr;
            relro_high = (relro_low + h->p_memsz) & ~(uintptr_t)(PAGE - 1);
        }
    }
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *h = &info->dlpi_phdr[i];
        if (h->p_type != PT_LOAD || !(h->p_flags & PF_W))
            continue;
        uintptr_t low = info->dlpi_addr + h->p_vaddr, high = low + h->p_memsz;
        if (relro_low <= low && relro_high > low)
            low = relro_high;
        add((char *)low, (char *)high);
    }
    return 0;
}

void restore_take(void)
{
    dl_iterate_phdr(scan, NULL);
}

bool restore_owns(const void *a)
{
    for (int i = 0; i < parts; i++)
        if ((size_t)((const char *)a - part[i].at) < part[i].size)
            return true;
    return false;
}

static void mark(struct part *p, size_t page)
{
    if (!p->dirty[page]) {
        p->dirty[page] = 1;
        p->pages[p->n++] = (uint32_t)page;
    }
}

void restore_touched(const void *a, size_t n)
{
    for (int i = 0; i < parts; i++) {
        struct part *p = &part[i];
        size_t offset = (size_t)((const char *)a - p->at);
        if (!p->dirty || offset >= p->size)
            continue;
        size_t last = offset + n - 1 < p->size ? offset + n - 1 : p->size - 1;
        for (size_t page = offset / PAGE; page <= last / PAGE; page++)
            mark(p, page);
    }
}

void restore_own(const void *a, size_t n)
{
    if (restore_tracks)
        restore_touched(a, n);
    if (owned < OWN)
        own[owned++] = (struct own){ (uintptr_t)a & ~7ul, (uintptr_t)a + n };
}

static size_t page_size(const struct part *p, size_t page)
{
    size_t left = p->size - page * PAGE;
    return left < PAGE ? left : PAGE;
}

/* Pages that differ although nobody was seen to write them. */
static void compare(struct part *p)
{
    for (size_t page = 0; page * PAGE < p->size; page++)
        if (!p->dirty[page] && memcmp(p->at + page * PAGE, p->saved + page * PAGE,
                                      page_size(p, page)))
            mark(p, page);
}

void restore_back(void)
{
    bool all = rounds < 4 || rounds % COMPARE_EVERY == 0;
    rounds++;
    owned = 0;
    for (int i = 0; i < parts; i++) {
        struct part *p = &part[i];
        if (!p->dirty) {
            memcpy(p->at, p->saved, p->size);
            continue;
        }
        if (all)
            compare(p);
        for (uint32_t k = 0; k < p->n; k++) {
            size_t page = p->pages[k];
            memcpy(p->at + page * PAGE, p->saved + page * PAGE, page_size(p, page));
        }
    }
}

static bool seen_written(uintptr_t at)
{
    for (int i = 0; i < owned; i++)
        if (at >= own[i].low && at < own[i].high)
            return true;
    const struct cell *c = cell_find(at >> 3);
    bool wrote = c && (c->locations || c->upper);
    for (int i = 0; c && i < c->n; i++)
        wrote |= c->record[i].write;
    for (const struct more *m = c ? c->more : NULL; m; m = m->next)
        for (int i = 0; i < m->n; i++)
            wrote |= m->record[i].write;
    return wrote;
}

void restore_changes(uint64_t *changed, uint64_t *unseen)
{
    *changed = *unseen = 0;
    for (int i = 0; i < parts; i++)
        for (size_t at = 0; at + 8 <= part[i].size; at += 8)
            if (memcmp(part[i].at + at, part[i].saved + at, 8)) {
                ++*changed;
                if (seen_written((uintptr_t)part[i].at + at))
                    continue;
                ++*unseen;
                size_t byte = at;
                while (part[i].at[byte] == part[i].saved[byte])
                    byte++;
                if (!shared->unseen_at)
                    shared->unseen_at = (uintptr_t)part[i].at + byte;
            }
}
