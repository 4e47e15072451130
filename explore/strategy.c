/* explore/strategy.c - how a schedule is chosen: each seed draws one strategy of the
 * portfolio and how often loads are stale, timers early and wake-ups spurious in that
 * schedule.  No single one finds everything; together they find most things soon.
 * After half of the step limit all are fair, so that only what never ends is called a
 * livelock.  Most are so by chance, which gets threads out of step; some take strict
 * turns, so that those who retreat before each other do so for ever.
 * Tests: tests/explore_test.py (each strategy alone finds some of the cells). */
#include "engine.h"
#include "options.h"
#include "schedule.h"
#include "strategy.h"
#include <string.h>

enum kind { RANDOM, STICKY, PCT, FOCUS, ROUND, KINDS };
static const char *const names[] = { "random", "sticky", "pct", "focus", "round" };

const char *strategy_name(int kind)
{
    return kind >= 0 && kind < KINDS ? names[kind] : "portfolio";
}

int strategy_find(const char *name)
{
    for (int i = 0; i < KINDS; i++)
        if (!strcmp(name, names[i]))
            return i;
    return !strcmp(name, "portfolio") ? -1 : -2;
}

uint64_t random_next(void)
{
    uint64_t x = ex.random += 0x9E3779B97F4A7C15u;
    x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
    x = (x ^ x >> 27) * 0x94D049BB133111EBu;
    return x ^ x >> 31;
}

static int draw_kind(uint32_t roll)
{
    static const uint8_t portfolio[16] = { RANDOM, RANDOM, RANDOM, RANDOM, RANDOM,
                                           STICKY, STICKY, STICKY, PCT, PCT, PCT, PCT,
                                           FOCUS, FOCUS, ROUND, STICKY };
    return options.strategy >= 0 ? options.strategy : portfolio[roll % 16];
}

void strategy_draw(uint64_t seed)
{
    static const uint8_t stale[] = { 128, 128, 64, 208, 160, 0, 128, 32 };
    static const uint8_t early[] = { 64, 16, 0, 128 };
    static const uint8_t odd[] = { 0, 0, 16, 4 };
    static const uint8_t stick[] = { 192, 224, 128, 240 };
    struct strategy *s = &ex.how;
    ex.random = seed * 0xD1342543DE82EF95u + 0x632BE59BD9B4E019u;
    uint64_t roll = random_next();
    s->kind = draw_kind((uint32_t)roll);
    s->stale = options.sc ? 0 : stale[roll >> 8 & 7];
    s->early = early[roll >> 16 & 3];
    s->spurious = odd[roll >> 24 & 3];
    s->stick = stick[roll >> 32 & 3];
    s->depth = 2 + (int)(roll >> 40 & 0xff) % 3;
    s->changes = s->kind == PCT ? s->depth - 1 : 0;
    uint32_t length = ex.length < 8 ? 8 : (uint32_t)ex.length;
    for (int i = 0; i < s->changes; i++)
        s->change[i] = 1 + random_below(length);
    s->focus = s->kind == FOCUS ? 1 + random_below(length) : 0;
    s->lockstep = s->kind == ROUND && (roll >> 48 & 1) ? 1 + random_below(length) : 0;
    if (s->lockstep && !s->early) /* who sleeps between its tries gets out of step */
        s->early = early[0];
}

static int pick(uint64_t set)
{
    uint32_t n = 0;
    for (uint64_t rest = set; rest; rest &= rest - 1)
        n++;
    if (n > 1)
        for (uint32_t k = random_below(n); k; k--)
            set &= set - 1;
    return __builtin_ctzll(set);
}

static bool chance(unsigned of256)
{
    return of256 && (random_next() & 255) < of256;
}

static bool fair(void)
{
    return ex.steps > ex.step_limit / 2;
}

static int best(uint64_t set)
{
    struct thread *top = NULL;
    for (; set; set &= set - 1) {
        struct thread *t = &ex.thread[__builtin_ctzll(set)];
        if (!top || t->priority > top->priority)
            top = t;
    }
    return top->id;
}

/* Thread priorities fall below all others, in the order in which they are demoted. */
void strategy_demote(struct thread *t)
{
    t->priority = -(int)ex.steps;
}

static int run_pct(struct thread *me)
{
    for (int i = 0; i < ex.how.changes; i++)
        if (ex.how.change[i] == ex.steps)
            me->priority = -i - 1;
    if (me->op == OP_YIELD || me->same >= 16)
        strategy_demote(me);
    return best(ex.ready);
}

/* One thread is held back from a drawn step on, until nobody else can run or, by a
 * small chance, again: what it was about to do meets what the others have done
 * meanwhile. */
static int run_focus(struct thread *me)
{
    if (ex.steps == ex.how.focus)
        strategy_demote(me);
    uint64_t forward = 0;
    for (uint64_t set = ex.ready; set; set &= set - 1) {
        struct thread *t = &ex.thread[__builtin_ctzll(set)];
        if (t->priority >= 0)
            forward |= 1ull << t->id;
    }
    if (!forward || !(random_next() & 63)) {
        for (int i = 0; i < ex.threads; i++)
            if (ex.thread[i].priority < 0)
                ex.thread[i].priority = 0;
        forward = ex.ready;
    }
    if ((forward >> me->id & 1) && chance(ex.how.stick))
        return me->id;
    return pick(forward);
}

/* Who comes behind this thread, round and round. */
static int run_turns(const struct thread *me)
{
    uint64_t after = ex.ready & ~((2ull << me->id) - 1);
    return __builtin_ctzll(after ? after : ex.ready);
}

int strategy_run(void)
{
    struct thread *me = ex.me;
    uint64_t set = ex.ready, mine = 1ull << me->id;
    if (rare(ex.how.lockstep && ex.steps >= ex.how.lockstep))
        return run_turns(me);
    if (rare(fair()))
        return pick(set);
    switch (ex.how.kind) {
    case PCT:
        return run_pct(me);
    case FOCUS:
        return run_focus(me);
    case STICKY:
        if (me->op == OP_YIELD || me->same >= 16)
            return pick(set & ~mine);
        return chance(ex.how.stick) ? me->id : pick(set);
    case ROUND: {
        if (me->op != OP_YIELD && me->same < 16 && (random_next() & 15))
            return me->id;
        return run_turns(me);
    }
    default:
        if (rare(me->same >= 16))
            return pick(set & ~mine);
        return pick(set);
    }
}

int strategy_next(void)
{
    if (ex.how.kind == PCT && !fair())
        return best(ex.ready);
    return pick(ex.ready);
}

int strategy_timer(void)
{
    if (!chance(ex.how.early))
        return -1;
    struct thread *first = NULL;
    for (uint64_t set = ex.timed; set; set &= set - 1) {
        struct thread *t = &ex.thread[__builtin_ctzll(set)];
        if (!first || t->until < first->until)
            first = t;
    }
    return first->id;
}

unsigned strategy_stale(unsigned n)
{
    if (fair() || !chance(ex.how.stale))
        return 0;
    return random_below(n);
}

unsigned strategy_wake(unsigned n)
{
    return random_below(n);
}

bool strategy_spurious(void)
{
    return !fair() && chance(ex.how.spurious);
}
