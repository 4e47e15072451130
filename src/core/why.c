/* core/why.c - the words of the last failure, one text for each context.  Owns nothing else.
 * Tests: tests/scope_test.c, tests/fault_test.c. */
#include "base/memory.h"
#include "core/context.h"
#include <stdarg.h>
#include <stdlib.h>
#include <stdio.h>
#include <unistd.h>

enum { WHY_SIZE = 640 };

static int why_set_list(int code, const char *format, va_list list)
{
    struct context *c = context_self();
    if (!c->why)
        c->why = memory_alloc(WHY_SIZE);
    c->why_static = c->why ? NULL : tutti_strerror(code);
    c->why_code = code;
    if (c->why) {
        /* Formatted apart: an argument may be the old text. */
        char text[WHY_SIZE];
        vsnprintf(text, sizeof text, format, list);
        memcpy(c->why, text, sizeof text);
    }
    return code;
}

int why_set(int code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    why_set_list(code, format, list);
    va_end(list);
    return code;
}

int why_static(int code, const char *words)
{
    struct context *c = context_self();
    c->why_static = words;
    c->why_code = code;
    return code;
}

int tutti_fail(int code, const char *format, ...)
{
    va_list list;
    va_start(list, format);
    why_set_list(code, format, list);
    va_end(list);
    return code;
}

const char *tutti_why(void)
{
    struct context *c = context_self();
    return c->why_static ? c->why_static : c->why ? c->why : "";
}

void misuse(const char *format, ...)
{
    char text[400];
    int n = snprintf(text, sizeof text, "tutti: ");
    va_list list;
    va_start(list, format);
    n += vsnprintf(text + n, sizeof text - (size_t)n - 1, format, list);
    va_end(list);
    if (n > (int)sizeof text - 2)
        n = (int)sizeof text - 2;
    text[n++] = '\n';
    ssize_t done = write(STDERR_FILENO, text, (size_t)n);
    (void)done;
    abort();
}

int why_null(const char *call)
{
    return why_set(-EINVAL, "%s in %s: it was given NULL", call, tutti_task_name());
}

void misuse_null(const char *call)
{
    misuse("%s in %s: it was given NULL", call, tutti_task_name());
}

unsigned tutti_version(void)
{
    return TUTTI_VERSION;
}

const char *tutti_strerror(int code)
{
    if (code >= 0)
        return "success";
    switch (-code) {
    case TUTTI_ECRASH: return "the worker died under the task";
    case TUTTI_ELOST: return "executor lost: the task may or may not have run";
    case TUTTI_ENOTASK: return "no such task there";
    case TUTTI_EOWNERDEAD: return "locked, but who held the lock before died";
    case ESTALE: return "the future was released or its scope has closed";
    case ECANCELED: return "cancelled";
    case ETIMEDOUT: return "the deadline has passed";
    }
    const char *words = code == INT32_MIN ? NULL : strerrordesc_np(-code);
    return words ? words : "unknown error";
}
