/* guards.c - fiber/pool: one thread asks whose guard an address lies in, as the handler
 * of an overflow does, while another opens a pool of stacks, grows it, and closes
 * it. */
#include "fiber/inside.h"
#include "cell.h"

static _Atomic(char *) low; /* tells nothing of what was written before */

static void never(struct fiber *self)
{
    (void)self;
    for (;;)
        sched_yield();
}

static void *user(void *arg)
{
    struct fiber_pool *p;
    p = fiber_pool_open(FIBER_STACK_MIN, sizeof(struct fiber), never);
    for (int i = 0; i < 2; i++) {
        struct fiber *f = fiber_get(p);
        assert(f);
        store_relaxed(&low, f->low);
    }
    fiber_pool_close(p);
    return arg;
}

static void *asker(void *arg)
{
    for (int i = 0; i < 2; i++) {
        char *at = load_relaxed(&low);
        const struct fiber_pool *p;
        pools_read_begin();
        struct fiber *f = at ? pools_guard(at - 1, &p) : NULL;
        assert(!f || (f->low == at && p->stack >= FIBER_STACK_MIN));
        pools_read_end();
    }
    return arg;
}

int main(void)
{
    struct fiber_pool *p;
    p = fiber_pool_open(FIBER_STACK_MIN, sizeof(struct fiber), never);
    CELL_RUN(user, asker);
    fiber_pool_close(p);
    return 0;
}
