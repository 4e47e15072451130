/* procbox.c - results too large for a slot lie in the worker's outbox, which two of them fill,
 * until those who got them give them back: two threads, each of which takes one after the
 * other, always find room, and their own bytes. */
#define PROCS_BOX 4 /* pages: of four results of two pages each, two at once */
#include "procs.h"

enum { BYTES = 5000 };

TUTTI_TASK_BYTES(large, "cell.large");
static int large(tutti_bytes in, tutti_out *out)
{
    unsigned char *at = tutti_reserve(out, BYTES);
    if (!at)
        return -ENOMEM;
    at[0] = at[BYTES - 1] = *(const unsigned char *)in.data;
    return 0;
}

static tutti_executor *ex;

static void *takes(void *arg)
{
    unsigned char mine = (unsigned char)((uintptr_t)arg + 7);
    for (int i = 0; i < 2; i++) {
        tutti_scope s;
        tutti_future f;
        tutti_bytes out;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        assert(tutti_submit(&s, &large_task, (tutti_bytes){ &mine, 1 }, &f) == 0);
        assert(tutti_future_await(f, &out) == 0);
        const unsigned char *at = out.data;
        assert(out.size == BYTES && at[0] == mine && at[BYTES - 1] == mine);
        tutti_future_release(f);
        assert(tutti_scope_close(&s) == 0);
    }
    return NULL;
}

int main(void)
{
    ex = procs_open(true, true);
    CELL_RUN(takes, takes);
    procs_close();
    return 0;
}
