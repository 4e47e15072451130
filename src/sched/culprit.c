/* sched/culprit.c - see culprit.h.
 *
 * The monitor looks at the stuck thread from outside: it copies what that thread works on
 * with peek(), which reads what may be gone without a fault, and believes it only if the
 * worker's tick has not moved meanwhile.  A computing one is asked by SIGURG for its stack.
 * Names are looked up by the monitor's thread, never in the handler. */
#include "sched/culprit.h"
#include "base/memory.h"
#include "base/walk.h"
#include "sched/urgent.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <tutti/monitor.h>
#include <unistd.h>

enum { KEPT = 128, NAME = 96, FUNCTIONS = 256, FORGIVE = 8 };
#define QUICK INT64_C(1000000)     /* ns; so short a run is no reason for a thread */
#define ASK_MOST INT64_C(200000000) /* ns to wait for a stack: it may have to get a CPU */

/* --- what is remembered by function ---------------------------------------------- */

/* Open addressing; keys stay.  Holds: kind is 1 + ALONE_*, or 0: forgiven. */
static struct {
    _Atomic(const void *) key;
    _Atomic uint32_t kind;
    _Atomic uint32_t quick; /* runs in a row that were no reason; a hint */
} functions[FUNCTIONS];
_Atomic uint32_t culprit_any;

/* The place of key, or where it would be; negative: no room. */
static int function_place(const void *key)
{
    uint32_t from = (uint32_t)((uintptr_t)key >> 4) * 2654435761u;
    for (uint32_t i = 0; i < FUNCTIONS / 4; i++) {
        uint32_t at = (from + i) % FUNCTIONS;
        const void *there = load_relaxed(&functions[at].key); /* never taken back */
        if (!there || there == key)
            return (int)at;
    }
    return -1;
}

void culprit_expect(const void *key, int kind)
{
    int at = function_place(key);
    if (at < 0)
        return;
    if (!load_relaxed(&functions[at].kind)) /* this thread and forgiving ones change it */
        add_relaxed(&culprit_any, 1); /* a hint */
    store_relaxed(&functions[at].quick, 0); /* a hint */
    store_relaxed(&functions[at].kind, (uint32_t)kind + 1); /* a hint: who sees the key */
    store_relaxed(&functions[at].key, key); /* before it finds one that is forgiven */
}

int culprit_kind(const struct task *t)
{
    int at = function_place(culprit_key(t));
    return at < 0 ? -1 : (int)load_relaxed(&functions[at].kind) - 1; /* a hint */
}

void culprit_ran(const void *key, int64_t took)
{
    int at = function_place(key);
    if (at < 0 || !load_relaxed(&functions[at].kind)) /* hints, all */
        return;
    if (took >= QUICK) {
        store_relaxed(&functions[at].quick, 0);
        return;
    }
    if (add_relaxed(&functions[at].quick, 1) + 1 < FORGIVE)
        return;
    if (swap_acqrel(&functions[at].kind, 0)) /* one of those that forgive counts */
        sub_relaxed(&culprit_any, 1);
}

/* --- where it was ------------------------------------------------------------------ */

/* Holds: all but times and longest stays as it is once count has passed the entry. */
struct entry {
    char task[NAME], function[NAME], site[NAME];
    const void *function_at;
    const char *loop;     /* of a busy one: the function that site is in */
    size_t loop_size;
    _Atomic(const void *) site_at;
    bool busy;
    int depth;
    void *frame[WALK_DEPTH];
    _Atomic uint64_t times;
    _Atomic int64_t longest;
};
static struct entry entries[KEPT];
static _Atomic uint32_t count; /* of entries that are whole */
static _Atomic uint64_t places; /* also those that were not kept */

size_t tutti_culprits(void (*each)(void *ctx, const tutti_culprit *c), void *ctx)
{
    uint32_t n = load_acquire(&count); /* pairs with entry_new: they are whole */
    for (uint32_t i = 0; each && i < n; i++) {
        struct entry *e = &entries[i];
        tutti_culprit c = {
            .size = sizeof c, .task = e->task, .function = e->function, .site = e->site,
            .function_at = e->function_at,
            .site_at = load_relaxed(&e->site_at), /* whole; see above */
            .busy = e->busy, .depth = (size_t)e->depth,
            .stack = (const void *const *)e->frame,
            .times = load_relaxed(&e->times), /* figures, both */
            .longest = load_relaxed(&e->longest),
        };
        each(ctx, &c);
    }
    return load_relaxed(&places); /* a figure */
}

/* Of one that was blocked what lies above may be of calls that had returned; of one that
 * computed all that returns there had not. */
static bool is_under(const struct entry *e, const void *site)
{
    if (!e->busy)
        return load_relaxed(&e->site_at) == site; /* whole, as in tutti_culprits */
    for (int i = 1; i < e->depth; i++)
        if (e->frame[i] == site)
            return true;
    return false;
}

int tutti_site_blamed(const void *site)
{
    uint32_t n = load_acquire(&count); /* pairs with entry_new */
    for (uint32_t i = 0; i < n; i++)
        if (is_under(&entries[i], site))
            return 1;
    return 0;
}

/* --- what a stuck worker is at --------------------------------------------------------- */

/* Holds, where worker_see gave true: function is not NULL, task ends with a 0. */
struct seen {
    char task[NAME];
    const void *key, *function;
    uintptr_t high; /* its stack ends there */
    bool loop;
};

static void copy_name(char *to, const char *from)
{
    size_t n = peek_some(to, from, NAME - 1);
    to[n] = 0;
}

/* False: no task, or the system does not let us look. */
static bool worker_see(const struct worker *w, struct seen *s)
{
    struct context *at, c;
    struct task t;
    tutti_task type;
    const struct watch *v = &w->watch;
    if (!peek(&at, w->current, sizeof at) || !at || !peek(&c, at, sizeof c)
        || !c.task || !peek(&t, c.task, sizeof t))
        return false;
    s->high = (uintptr_t)c.fiber.high;
    s->key = culprit_key(&t);
    s->function = (const void *)(uintptr_t)t.fn;
    s->loop = c.stacks != w->pool->stacks || w->pool->room == w->pool->count;
    strcpy(s->task, "closure");
    if (t.type && peek(&type, t.type, sizeof type)) {
        s->function = (const void *)(uintptr_t)type.run;
        copy_name(s->task, type.name);
    }
    if (c.name)
        copy_name(s->task, c.name);
    /* acquire: what was read comes before; whoever changes it has moved the tick first */
    return s->function && load_acquire(&w->tick) == v->tick
           && load_relaxed(&w->sleeping) == AWAKE;
}

/* --- the stack of one that computes ------------------------------------------------------ */

enum { CAPTURE_NONE, CAPTURE_ASKED, CAPTURE_BUSY, CAPTURE_DONE };
/* Holds: the monitor alone leaves NONE, ASKED by CAS, and DONE; the handler leaves BUSY. */
static struct {
    _Atomic uint32_t state;
    _Atomic(struct worker *) who;
    int depth;
    void *frame[WALK_DEPTH];
    /* --- the monitor's --- */
    int64_t until;
    bool urgent; /* it has entered */
} capture;

bool culprit_urgent(const void *context)
{
    uint32_t asked = CAPTURE_ASKED;
    /* relaxed: our own thread's or another's; the CAS decides */
    if (!worker_current || load_relaxed(&capture.who) != worker_current
        || !cas_acquire(&capture.state, &asked, CAPTURE_BUSY)) /* pairs with capture_ask */
        return false;
    capture.depth = walk_interrupted(context, capture.frame, WALK_DEPTH);
    store_release(&capture.state, CAPTURE_DONE); /* pairs with capture_take */
    return true;
}

void culprit_signal(struct worker *w)
{
    if (!capture.urgent) {
        walk_begin();
        urgent_enter();
        capture.urgent = true;
    }
    urgent_send(w->tid);
}

static void capture_ask(struct worker *w, int64_t now)
{
    capture.until = now + ASK_MOST;
    store_relaxed(&capture.who, w); /* published by the next */
    store_release(&capture.state, CAPTURE_ASKED); /* pairs with culprit_urgent */
    culprit_signal(w);
}

/* The stack of w, at this look or at a later one, which is where the waiting is done: how
 * deep; negative: not yet.  0: it cannot be had. */
static int capture_take(struct worker *w, void **frame, int64_t now)
{
    /* acquire, here and below: pairs with culprit_urgent; it has written all */
    uint32_t state = load_acquire(&capture.state);
    if (state == CAPTURE_NONE) {
        capture_ask(w, now);
        return -1;
    }
    if (state == CAPTURE_BUSY || (state == CAPTURE_ASKED && now < capture.until))
        return -1; /* another's, or on its way */
    if (state == CAPTURE_ASKED && !cas_acquire(&capture.state, &state, CAPTURE_NONE))
        return -1;
    bool mine = load_relaxed(&capture.who) == w; /* this thread wrote it */
    int n = 0;
    if (state == CAPTURE_DONE && mine) {
        n = capture.depth;
        memcpy(frame, capture.frame, (size_t)n * sizeof *frame);
    }
    store_relaxed(&capture.state, CAPTURE_NONE); /* nobody else leaves these states */
    return mine ? n : -1;
}

void culprit_end(void)
{
    if (capture.urgent)
        urgent_leave();
    capture.urgent = false;
}

/* --- telling ---------------------------------------------------------------------------- */

static _Atomic bool reports, loops; /* set for good */

bool culprit_wants_loops(void)
{
    const char *text = getenv("TUTTI_REPORT");
    if (text && *text && strcmp(text, "0")) {
        store_relaxed(&reports, true); /* hints, all */
        store_relaxed(&loops, true);
    }
    return load_relaxed(&loops);
}

void tutti_watch_loops(void)
{
    store_relaxed(&loops, true); /* a hint */
}

/* Holds: used < sizeof at, and a 0 is there. */
struct text {
    char at[6000];
    size_t used;
};

__attribute__((format(printf, 2, 3))) static void text_add(struct text *t, const char *format,
                                                           ...)
{
    va_list list;
    va_start(list, format);
    assert(t->used < sizeof t->at);
    int n = vsnprintf(t->at + t->used, sizeof t->at - t->used, format, list);
    va_end(list);
    if (n > 0)
        t->used += (size_t)n < sizeof t->at - t->used ? (size_t)n : sizeof t->at - t->used - 1;
}

static void entry_tell(const struct entry *e, int64_t span, bool loop)
{
    struct text t = { .used = 0 };
    text_add(&t, "tutti: task \"%s\", function %s, %s its worker's thread for %.1f ms so far "
             "while others waited\n", e->task, e->function,
             e->busy ? "computes on" : "blocks", (double)span / 1e6);
    for (int i = 0; i < e->depth; i++) {
        char name[NAME * 2];
        symbol_say(name, sizeof name, e->frame[i], i > 0);
        text_add(&t, "tutti:   %s %s\n", i ? "from" : "at  ", name);
    }
    text_add(&t, loop ? "tutti:   tutti_blocking() would let the others go on\n"
                      : "tutti:   from now on it begins on a spare worker of its own; "
                        "TUTTI_ALONE says so beforehand\n");
    ssize_t done = write(STDERR_FILENO, t.at, t.used);
    (void)done; /* there is nobody else to tell */
}

/* --- naming ------------------------------------------------------------------------------- */

/* Where to point a user: not into the C library. */
static int site_of(void *const *frame, int depth)
{
    int at = 0;
    while (at < depth && symbol_is_system(frame[at]))
        at++;
    return at < depth ? at : 0;
}

/* One that computes is met somewhere else in its loop each time: the same function, of the
 * same task, is the same culprit. */
static bool is_of(const struct entry *e, const struct seen *s, const void *site, bool busy)
{
    if (load_relaxed(&e->site_at) == site) /* this thread writes it */
        return true;
    size_t into = (size_t)((const char *)site - e->loop);
    return busy && e->busy && e->function_at == s->function && into < e->loop_size;
}

static int entry_find(const struct seen *s, const void *site, bool busy)
{
    for (uint32_t i = 0; i < load_relaxed(&count); i++) /* this thread adds them */
        if (is_of(&entries[i], s, site, busy))
            return (int)i;
    return -1;
}

static int entry_new(const struct seen *s, const void *site, bool returns, bool busy,
                     void *const *frame, int depth)
{
    uint32_t n = load_relaxed(&count); /* this thread alone adds */
    if (n == KEPT) {
        add_relaxed(&places, 1); /* a figure */
        return -1;
    }
    struct entry *e = &entries[n];
    strcpy(e->task, s->task);
    symbol_say(e->function, NAME, s->function, false);
    symbol_say(e->site, NAME, site, returns);
    e->function_at = s->function;
    store_relaxed(&e->site_at, site); /* published by count */
    e->busy = busy;
    e->loop = busy ? symbol_start(site, &e->loop_size) : site;
    e->depth = depth;
    if (depth)
        memcpy(e->frame, frame, (size_t)depth * sizeof *frame);
    store_release(&count, n + 1); /* pairs with tutti_culprits */
    add_relaxed(&places, 1); /* a figure, never ahead of what there is to see */
    return (int)n;
}

void culprit_name(struct worker *w, int64_t now)
{
    struct watch *v = &w->watch;
    struct seen s;
    void *frame[WALK_DEPTH];
    if (v->named || !worker_see(w, &s))
        return;
    bool busy = v->verdict == BUSY;
    int depth = busy ? capture_take(w, frame, now)
                     : walk_blocked(w->tid, s.high, frame, WALK_DEPTH);
    if (depth < 0 || load_acquire(&w->tick) != v->tick) /* as in worker_see */
        return;
    v->named = true;
    int at = depth ? site_of(frame, depth) : 0;
    const void *site = depth ? frame[at] : s.function;
    v->entry = entry_find(&s, site, busy);
    bool is_new = v->entry < 0;
    if (is_new)
        v->entry = entry_new(&s, site, at > 0, busy, frame, depth);
    if (!s.loop && !symbol_is_ours(s.function))
        culprit_expect(s.key, busy ? ALONE_COMPUTES : ALONE_BLOCKS);
    if (v->entry < 0)
        return;
    add_relaxed(&entries[v->entry].times, 1); /* a figure */
    if (is_new && load_relaxed(&reports)) /* a hint */
        entry_tell(&entries[v->entry], now - v->since, s.loop);
}

void culprit_learn(struct worker *w)
{
    struct seen s;
    if (!worker_see(w, &s) || s.loop)
        return;
    w->watch.learnt = true;
    if (!symbol_is_ours(s.function))
        culprit_expect(s.key, w->watch.verdict == BUSY ? ALONE_COMPUTES : ALONE_BLOCKS);
}

void culprit_back(struct worker *w, int64_t now)
{
    struct watch *v = &w->watch;
    if (v->named && v->entry >= 0) {
        struct entry *e = &entries[v->entry];
        if (now - v->since > load_relaxed(&e->longest)) /* this thread alone writes it */
            store_relaxed(&e->longest, now - v->since);
    }
    v->named = v->learnt = false;
}
