/* tests/patterns_common.h - run a body over every executor: called from a plain thread, and
 * from a task; and let others run in it as the seed says. */
#ifndef TESTS_PATTERNS_COMMON_H
#define TESTS_PATTERNS_COMMON_H
#include <tutti/patterns.h>
#include <tutti/sync.h>

static const char *const urls[] = { "loop://", "threads://1", "threads://2", "threads://4",
                                    "threads://2?lock=interpreter", NULL };

static int in_a_task(void *arg)
{
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    (*(void (**)(tutti_scope *))arg)(&s);
    CHECK_INT(tutti_scope_close(&s), 0);
    return 0;
}

static void everywhere(void (*body)(tutti_scope *s))
{
    for (int u = 0; urls[u]; u++) {
        tutti_executor *ex;
        printf("# %s\n", urls[u]);
        CHECK_INT(tutti_executor_open(&ex, urls[u]), 0);
        TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
        body(&s);
        CHECK_INT(tutti_scope_close(&s), 0);
        TUTTI_SCOPE(t, ex, TUTTI_NEVER, 0);
        CHECK_INT(tutti_go(&t, in_a_task, &body), 0);
        CHECK_INT(tutti_scope_close(&t), 0);
        CHECK_INT(tutti_executor_close(ex), 0);
    }
}

static unsigned seed_of(uint64_t i)
{
    return ((unsigned)i * 2654435761u ^ check_seed()) | 1u;
}

/* Let others run a few times, as the seed says. */
__attribute__((unused)) static void shuffle(uint64_t i)
{
    unsigned state = seed_of(i);
    for (unsigned n = check_random(&state) % 4; n; n--)
        (void)tutti_yield();
}
#endif
