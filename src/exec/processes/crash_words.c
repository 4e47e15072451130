/* exec/processes/crash_words.c - the sentence about a worker that died: the task, the input,
 * the signal, the place.  The record is a worker's word, so it is copied before it is looked
 * at.  Tests: tests/processes_crash_test.c. */
#include "base/calls.h"
#include "base/clock.h"
#include "base/memory.h"
#include "exec/processes/events.h"
#include "exec/processes/procs.h"
#include <dlfcn.h>
#include <link.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TEXT = 1900, EVENTS_TEXT = 400, FRAMES_TOLD = 12 };

struct text {
    char at[TEXT];
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void say(struct text *t, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    int n = vsnprintf(t->at + t->used, TEXT - t->used, format, list);
    va_end(list);
    t->used += (size_t)n < TEXT - t->used ? (size_t)n : TEXT - t->used - 1;
}

/* --- addresses ------------------------------------------------------------------------- */

/* What our own objects are called in full: asking the system each time took longer than all
 * else about a death.  Under known_latch. */
static struct known {
    uintptr_t base;
    char name[MODULE_PATH], real[MODULE_PATH];
} known[OBJECTS];
static unsigned knowns;
static struct latch known_latch;

/* "": that cannot be had. */
static const char *known_path(uintptr_t base, const char *name)
{
    for (unsigned i = 0; i < knowns; i++)
        if (known[i].base == base && !strcmp(known[i].name, name))
            return known[i].real;
    char real[4096];
    /* What the kernel maps of its own has no path. */
    if (strlen(name) >= MODULE_PATH || !strchr(name, '/') || !realpath(name, real)
        || strlen(real) >= MODULE_PATH)
        return "";
    struct known *k = &known[knowns < OBJECTS ? knowns++ : OBJECTS - 1];
    k->base = base;
    strcpy(k->name, name);
    strcpy(k->real, real);
    return k->real;
}

/* Where home has that file mapped; 0: nowhere. */
struct search {
    char path[MODULE_PATH];
    uintptr_t base;
};

static int search_object(struct dl_phdr_info *info, size_t size, void *ctx)
{
    struct search *s = ctx;
    (void)size;
    const char *name = info->dlpi_name[0] ? info->dlpi_name : "/proc/self/exe";
    if (strcmp(known_path(info->dlpi_addr, name), s->path))
        return 0;
    s->base = info->dlpi_addr;
    return 1;
}

static uintptr_t search(struct search *s)
{
    latch_lock(&known_latch);
    dl_iterate_phdr(search_object, s);
    latch_unlock(&known_latch);
    return s->base;
}

/* A frame's place as "function+0x12 (file+0x3456)". */
static void say_address(struct text *t, const struct own *own, uint64_t address)
{
    uint32_t n = *(const volatile uint32_t *)&own->objects;
    for (uint32_t i = 0; i < n && i < OBJECTS; i++) {
        struct object o = own->object[i]; /* a copy: it may change under us */
        if (address < o.from || address >= o.to)
            continue;
        o.path[MODULE_PATH - 1] = 0;
        struct search s = { .base = 0 };
        Dl_info info = { 0 };
        strcpy(s.path, o.path);
        const char *slash = strrchr(o.path, '/');
        if (search(&s))
            dladdr((void *)(s.base + (address - o.base)), &info);
        if (info.dli_sname)
            say(t, "%s+%#lx ", info.dli_sname,
                (unsigned long)(s.base + (address - o.base)
                                - (uintptr_t)info.dli_saddr));
        say(t, "(%.60s+%#llx)", slash ? slash + 1 : o.path,
            (unsigned long long)(address - o.base));
        return;
    }
    say(t, "%#llx", (unsigned long long)address);
}

/* --- what happened ------------------------------------------------------------------------ */

/* Does the input of j have a word by which that address was reached?  Then it was a pointer,
 * which means nothing in another process.  Where: *at. */
static bool input_points_to(const struct job *j, uint64_t address, size_t *at)
{
    enum { NEAR = 4096 };
    const struct typed_task *t = typed_of(j->task);
    const unsigned char *in = t->in.data;
    size_t size = t->in.size;
    if (t->batch) {
        size = j->task->type->in_size;
        in = (const unsigned char *)t->batch->in + size * j->from;
    }
    for (*at = 0; in && *at + sizeof(uint64_t) <= size && *at < NEAR; *at += sizeof address) {
        uint64_t word;
        memcpy(&word, in + *at, sizeof word);
        if (word > NEAR && address - word < NEAR)
            return true;
    }
    return false;
}

static void say_fault(struct procs *p, struct text *t, const struct job *j,
                      const struct crash *c)
{
    size_t place;
    const struct head *h = p->arena.head;
    uint64_t at = c->address - h->base;
    const char *call = c->signal == SIGSYS && c->call >= 0 ? call_name(c->call) : NULL;
    bool fault = c->signal == SIGSEGV || c->signal == SIGBUS;
    if (c->code <= 0 && fault) {
        say(t, ", sent by itself or another process"); /* and the address is none */
    } else if (c->signal == SIGSYS && c->call >= 0) {
        say(t, ": it called %s", call ? call : "the system");
        say(t, call ? "(), which its sandbox refuses" : " by a number its sandbox refuses");
    } else if (c->overflow) {
        say(t, ": its stack ran over (%s)", *p->url->inner ? "?stack=" : "ulimit -s");
    } else if (fault && c->address >= h->base
               && (at < h->total || head_is_spill(h, at))) {
        const char *maker = arena_maker(&p->arena, c->address);
        if (maker)
            say(t, ": it wrote to items that %s has shared with TUTTI_READ", maker);
        else
            say(t, ": it wrote to memory that only home may write");
    } else if (fault) {
        say(t, " at address %#llx", (unsigned long long)c->address);
        if (input_points_to(j, c->address, &place))
            say(t, ", which byte %zu of its input points to: a pointer means nothing in another "
                   "process; share what it points to (tutti_share) and send the ref", place);
    }
}

static void say_frames(struct text *t, const struct own *own, const struct crash *c)
{
    uint32_t n = c->frames < FRAMES ? c->frames : FRAMES, first = 0;
    for (uint32_t i = 0; i < n; i++) /* above the handler */
        if (c->frame[i] == c->pc)
            first = i;
    if (c->pc && (!n || c->frame[first] != c->pc)) {
        say(t, "; in ");
        say_address(t, own, c->pc);
    }
    for (uint32_t i = first; i < n && i < first + FRAMES_TOLD; i++) {
        say(t, i == first ? "; in " : " < ");
        say_address(t, own, c->frame[i]);
    }
}

/* The task's last wait and its locks, and what its worker did before. */
static void say_before(const struct procs *p, struct text *t, const struct own *own,
                       struct crash *c)
{
    char words[EVENTS_TEXT];
    if (c) {
        c->waited[sizeof c->waited - 1] = 0;
        if (*c->waited)
            say(t, "; it had waited for: %s", c->waited);
        if (c->locks)
            say(t, "; it held %u lock%s", c->locks, c->locks == 1 ? "" : "s");
    }
    events_say(p->arena.head, own, c ? c->when : clock_now(), words, sizeof words);
    if (*words)
        say(t, "; last in that process: %s", words);
}

/* The request that was at fault; NOTHING_KNOWN. */
#define NOTHING_KNOWN UINT64_MAX
static uint64_t culprit(struct procs *p, const struct lane *l)
{
    const struct own *own = head_own(p->arena.head, (unsigned)(l - p->lane));
    bool recorded = load_acquire(&((struct own *)(uintptr_t)own)->crash.state); /* crash.c */
    uint64_t number = recorded ? *(const volatile uint64_t *)&own->crash.number : NOTHING_KNOWN;
    return l->number[number % RING] == number ? number : NOTHING_KNOWN;
}

bool job_is_bystander(struct procs *p, const struct lane *l, const struct job *j,
                      uint64_t number)
{
    if (!*p->url->inner) /* nobody stands by */
        return false;
    uint64_t of = culprit(p, l);
    return (of != NOTHING_KNOWN && of != number) || (l->killed && j->asked == 0);
}

static void say_beside(struct procs *p, struct text *t, const struct lane *l)
{
    uint64_t of = culprit(p, l);
    if (of == NOTHING_KNOWN)
        return;
    const struct request *r = /* home's own */
        &head_lane(p->arena.head, (unsigned)(l - p->lane))->request[of % RING];
    say(t, ", of another task that it ran beside this: %s, start %llu",
        p->arena.head->name[r->name].text, (unsigned long long)r->index);
}

static void say_killer(struct procs *p, struct text *t, const struct lane *l)
{
    if (l->granted > 0)
        say(t, " (its hard limit of CPU time: it had used %.1f of %.0f s, ulimit -t; or "
               "somebody's kill -9)", l->spent, l->granted);
    else
        say(t, oom_has_struck(p) ? " (memory ran out: the kernel's OOM killer chose it)"
                                 : " (somebody's kill -9)");
}

static void say_end(struct procs *p, struct text *t, const struct lane *l,
                    const struct job *j, const siginfo_t *how, uint64_t number, int *signal)
{
    const struct own *own = head_own(p->arena.head, (unsigned)(l - p->lane));
    struct crash c = own->crash;
    bool recorded = load_acquire(&((struct own *)(uintptr_t)own)->crash.state) /* crash.c */
                    && c.number == number;
    bool beside = job_is_bystander(p, l, j, number);
    if (how->si_code == CLD_EXITED) {
        say(t, "called exit(%d), or _exit", how->si_status);
        say_before(p, t, own, NULL);
        return;
    }
    if (!how->si_code) {
        *signal = recorded ? c.signal : 0;
        say(t, "has ended; how is not known, as the program waits for all children, or has "
               "SIGCHLD ignored");
        if (recorded)
            say_frames(t, own, &c);
        return;
    }
    *signal = how->si_status;
    const char *name = sigabbrev_np(how->si_status);
    say(t, "died of SIG%s", name ? name : "?");
    if (beside)
        say_beside(p, t, l);
    if (beside && l->killed)
        say(t, ", as another task that it ran beside this did not end when asked to");
    else if (how->si_status == SIGKILL && !j->asked && !l->mad)
        say_killer(p, t, l);
    if (c.overwritten && how->si_status == SIGABRT) {
        say(t, ", as answers that it had given were overwritten, by this task or another that "
               "it has run");
        say_before(p, t, own, NULL);
        return;
    }
    recorded &= c.signal == how->si_status;
    if (recorded)
        say_fault(p, t, j, &c);
    else if (how->si_status == SIGSYS && p->url->sandbox)
        say(t, ", by a call that its sandbox refuses, made with signals held back, as "
               "posix_spawn(), system() and popen() do");
    say_before(p, t, own, recorded ? &c : NULL);
    if (recorded)
        say_frames(t, own, &c);
}

char *crash_words(struct procs *p, const struct lane *l, const struct job *j,
                  uint64_t number, const siginfo_t *how, int *signal)
{
    struct text t = { .used = 0 };
    *signal = 0;
    say(&t, "task %s, %s %llu: ", j->task->type->name, j->split ? "input" : "start",
        (unsigned long long)(j->split ? j->from : j->task->index));
    if (j->asked)
        say(&t, "did not end when asked to, and was killed; ");
    if (l->mad)
        say(&t, "its worker process wrote rubbish where its answers go, and was killed; ");
    if (j->kills >= p->url->quarantine && j->task->type->flags & TUTTI_IDEMPOTENT)
        say(&t, "quarantined: it has killed %u workers; ", j->kills); /* before the long part */
    say(&t, "its worker process ");
    say_end(p, &t, l, j, how, number, signal);
    return memory_strdup(t.at);
}
