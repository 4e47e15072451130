/* tests/processes_plugin.c - a library with a task, loaded by processes_guard_test.c with
 * dlopen, and by an interpreter that knows nothing of tutti. */
#include <errno.h>
#include <stdlib.h>
#include <tutti.h>

TUTTI_TASK(plus, "plugin.plus", int, int);
static int plus(const int *in, int *out)
{
    *out = *in + 1000;
    return 0;
}

/* plugin.plus of n on that executor, or an error. */
TUTTI_API int plugin_plus(const char *url, int n);
TUTTI_API int plugin_plus(const char *url, int n)
{
    tutti_executor *ex;
    tutti_scope s;
    int out = 0, rc = tutti_executor_open(&ex, url);
    if (rc < 0)
        return rc;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    plus_call(&s, &n, &out);
    rc = tutti_scope_close(&s);
    tutti_executor_close(ex);
    return rc < 0 ? rc : out;
}
TUTTI_API const char *plugin_why(void);
TUTTI_API const char *plugin_why(void)
{
    return tutti_why();
}
