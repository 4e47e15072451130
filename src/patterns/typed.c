/* patterns/typed.c - see typed.h.  Tests: tests/map_test.c, tests/race_test.c. */
#include "patterns/typed.h"

static int nothing(void *unused)
{
    (void)unused;
    return 0;
}

int typed_executor(const char *call, tutti_scope *s, tutti_executor **ex)
{
    *ex = s ? tutti_scope_executor(s) : NULL;
    if (!*ex) {
        /* Not open, or open and failed: a start knows which, and the words. */
        int rc = s ? tutti_go(s, nothing, NULL) : -EINVAL;
        return rc < 0 && s ? rc : tutti_fail(-EINVAL, "%s: there is no scope", call);
    }
    return tutti_check();
}

/* Are the workers of ex threads of this process?  Those of a scheme not named here
 * may be elsewhere, and tasks sent to them are right in any case. */
static int executor_is_here(const tutti_executor *ex)
{
    const char *url = tutti_executor_url(ex);
    return !strncmp(url, "loop:", 5) || !strncmp(url, "threads:", 8) ||
           !strncmp(url, "sim:", 4);
}

int typed_open(const char *call, tutti_scope *s, const tutti_task *t,
               tutti_executor **ex, struct typed *y)
{
    int rc = typed_executor(call, s, ex);
    if (rc < 0)
        return rc;
    if (!t)
        return tutti_fail(-EINVAL, "%s: the task is NULL", call);
    if (!t->in_size)
        return tutti_fail(-EINVAL, "%s: task %s takes bytes of any size", call,
                          t->name);
    y->task = t;
    y->inner = NULL;
    y->here = t->run && !(t->flags & TUTTI_BLOCKS) && executor_is_here(*ex);
    return 0;
}

static int typed_send(const struct typed *y, tutti_bytes in, void *out)
{
    tutti_future f;
    int rc = tutti_submit(y->inner, y->task, in, &f);
    if (rc >= 0 && out)
        return tutti_future_take(f, out, y->task->out_size);
    if (rc >= 0)
        rc = tutti_future_await(f, NULL);
    tutti_future_release(f);
    return rc;
}

int typed_call(const struct typed *y, const void *in, void *out)
{
    tutti_bytes bytes = { in, y->task->in_size };
    return y->here ? tutti_task_call(y->task, bytes, out) : typed_send(y, bytes, out);
}

static int batch_here(const struct typed *y, const char *in, char *out, int *codes,
                      size_t n)
{
    const tutti_task *t = y->task;
    for (size_t i = 0; i < n; i++) {
        int rc = tutti_check();
        if (rc < 0)
            return rc;
        rc = tutti_task_call(t, (tutti_bytes){ in + i * t->in_size, t->in_size },
                             out ? out + i * t->out_size : NULL);
        if (codes)
            codes[i] = rc;
        else if (rc < 0)
            return rc;
    }
    return 0;
}

int typed_batch(const struct typed *y, const void *in, void *out, int *codes, size_t n)
{
    if (y->here)
        return batch_here(y, in, out, codes, n);
    tutti_batch b = { in, out, codes, n };
    tutti_future f;
    int rc = tutti_submit_batch(y->inner, y->task, &b, &f);
    if (rc >= 0)
        rc = tutti_future_await(f, NULL);
    tutti_future_release(f);
    int over = rc < 0 ? tutti_check() : 0;
    return over < 0 ? over : codes && rc > 0 ? 0 : rc;
}

int typed_close(tutti_scope *inner, int rc)
{
    if (rc < 0)
        tutti_scope_cancel(inner);
    int closed = tutti_scope_close(inner);
    return closed < 0 ? closed : rc;
}
