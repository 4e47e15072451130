/* procgiven.c - a worker looks at any moment, on another thread, whether the answers it has
 * given are still there, while home takes them and posts others in their slots: it never
 * misses one that nobody has wiped out. */
#include "procs.h"

enum { TASKS = 3, LOOKS = 2 };

TUTTI_TASK(thrice, "cell.thrice", long, long);
static int thrice(const long *in, long *out)
{
    *out = 3 * *in;
    return 0;
}

static void *look(void *unused)
{
    for (int i = 0; i < LOOKS; i++)
        answers_check(&at_work[0].serving, 0, RING); /* else it ends the process */
    return unused;
}

int main(void)
{
    tutti_scope s;
    tutti_future f[TASKS];
    pthread_t looker;
    tutti_executor *ex = procs_open(true, false);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    assert(pthread_create(&looker, NULL, look, NULL) == 0);
    for (long i = 0; i < TASKS; i++)
        assert(thrice_submit(&s, &i, &f[i]) == 0);
    for (long i = 0; i < TASKS; i++) {
        long out = -1;
        assert(thrice_take(f[i], &out) == 0 && out == 3 * i);
    }
    assert(tutti_scope_close(&s) == 0);
    pthread_join(looker, NULL);
    procs_close();
    return 0;
}
