/* tests/patterns_common.h - run a body over every executor: called from a plain thread, and
 * from a task. */
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
#endif
