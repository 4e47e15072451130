/* exec/processes/names.c - see names.h.  A task's identity is its name: the programs on both
 * sides are the same file, but lie at other addresses.
 * Tests: tests/processes_test.c, tests/processes_guard_test.c. */
#include "exec/processes/names.h"
#include "exec/processes/serve.h"
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>

static struct latch numbers_latch; /* guards numbers_given */
static uint64_t numbers_given;

/* --- at home ------------------------------------------------------------------ */

/* The file whose mapping holds that address, in full, as the kernel has it: what the loader
 * remembers may be relative to a folder that the program has left since.  False: the
 * program itself, or none. */
static bool module_path(const void *address, char *path)
{
    char line[MODULE_PATH + 100];
    Dl_info info;
    void *map = NULL;
    unsigned long from, to;
    int at;
    bool found = false;
    if (!dladdr1(address, &info, &map, RTLD_DL_LINKMAP) || !map
        || !((struct link_map *)map)->l_name[0])
        return false;
    FILE *maps = fopen("/proc/self/maps", "re");
    while (maps && !found && fgets(line, sizeof line, maps)) {
        line[strcspn(line, "\n")] = 0;
        found = sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &from, &to, &at) == 2
                && (uintptr_t)address >= from && (uintptr_t)address < to && line[at] == '/'
                && strlen(line + at) < MODULE_PATH;
        if (found)
            strcpy(path, line + at);
    }
    if (maps)
        fclose(maps);
    return found;
}

static int module_number(struct head *h, const void *address)
{
    char path[MODULE_PATH];
    if (!module_path(address, path))
        return -1;
    uint32_t n = load_relaxed(&h->modules); /* home alone writes it */
    for (uint32_t i = 0; i < n; i++)
        if (!strcmp(h->module[i], path))
            return (int)i;
    if (n == MODULES)
        return -1;
    strcpy(h->module[n], path);
    store_release(&h->modules, n + 1); /* pairs with names_load */
    return (int)n;
}

static uint64_t number_give(tutti_task *t)
{
    latch_lock(&numbers_latch);
    if (!t->kept[NAME_KEPT] && numbers_given + 1 < NAMES)
        t->kept[NAME_KEPT] = ++numbers_given;
    latch_unlock(&numbers_latch);
    return t->kept[NAME_KEPT];
}

/* First use of t on p. */
static int name_enter(struct procs *p, const tutti_task *t)
{
    const tutti_task *known = tutti_task_find(t->name);
    struct head *h = p->arena.head;
    if (!known || (known != t && known->run != t->run))
        return why_set(-TUTTI_ENOTASK, "task %s is not enrolled, so worker processes do not "
                       "know it; declare it with TUTTI_TASK", t->name);
    if (strlen(t->name) >= NAME_SIZE)
        return why_set(-TUTTI_ENOTASK, "task %.60s...: names for worker processes have at most "
                       "%d bytes", t->name, NAME_SIZE - 1);
    uint64_t number = number_give((tutti_task *)(uintptr_t)t); /* enrolled, so not constant */
    if (!number)
        return why_set(-ENOMEM, "more than %d different tasks for worker processes", NAMES);
    struct name *n = &h->name[number];
    n->in_size = t->in_size;
    n->out_size = t->out_size;
    n->flags = t->flags;
    n->module = module_number(h, t->run ? (const void *)(uintptr_t)t->run : t);
    strcpy(n->text, t->name); /* the request's tag releases it */
    return 0;
}

int name_of(struct procs *p, const tutti_task *t)
{
    uint64_t number = t->kept[NAME_KEPT];
    if (likely(number && number < NAMES && p->arena.head->name[number].text[0]))
        return 0;
    return name_enter(p, t);
}

/* --- in a worker ---------------------------------------------------------------- */

static bool loaded[MODULES];

void names_load(const struct head *h)
{
    uint32_t n = load_acquire(&h->modules); /* pairs with module_number */
    for (uint32_t i = 0; i < n && i < MODULES; i++)
        if (!loaded[i])
            loaded[i] = dlopen(h->module[i], RTLD_NOW | RTLD_LOCAL) != NULL;
}

const tutti_task *name_task(const struct head *h, uint32_t number, char *why, size_t size)
{
    static const tutti_task *kept[NAMES];
    const struct name *n = &h->name[number < NAMES ? number : 0];
    if (likely(number < NAMES && kept[number]))
        return kept[number];
    const tutti_task *t = tutti_task_find(n->text);
    if (!t) {
        names_load(h);
        if (hooks_init() < 0) { /* those that came along */
            snprintf(why, size, "%s", tutti_why());
            return NULL;
        }
        t = tutti_task_find(n->text);
    }
    if (!t || !t->run) {
        snprintf(why, size, "the worker process has no task %s%s%s", n->text,
                 n->module >= 0 ? "; it is in " : "",
                 n->module >= 0 ? h->module[n->module] : "");
        return NULL;
    }
    if (t->in_size != n->in_size || t->out_size != n->out_size) {
        snprintf(why, size, "task %s takes %u bytes and gives %u in the worker process, but "
                 "%u and %u at home", n->text, t->in_size, t->out_size, n->in_size,
                 n->out_size);
        return NULL;
    }
    return kept[number] = t;
}
