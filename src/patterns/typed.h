/* patterns/typed.h - a typed task run from inside a pattern: as a plain call where the
 * executor's workers are threads of this process, else as a task that travels; and the
 * checks that all patterns begin with. */
#ifndef PATTERNS_TYPED_H
#define PATTERNS_TYPED_H
#include <tutti.h>

struct typed {
    const tutti_task *task;
    tutti_scope *inner; /* where it is started when it is not run here; set later */
    int here;
};

/* The executor of s in *ex; negative when nothing can be started there (words set). */
int typed_executor(const char *call, tutti_scope *s, tutti_executor **ex);
/* The same, and *y made for t, whose sizes must be fixed. */
int typed_open(const char *call, tutti_scope *s, const tutti_task *t,
               tutti_executor **ex, struct typed *y);
/* One run: its code.  out: out_size bytes, or NULL: unwanted. */
int typed_call(const struct typed *y, const void *in, void *out);
/* n runs over inputs and outputs that lie side by side.  codes NULL: up to the first
 * failure, which is returned; else 0, or why no more could be done. */
int typed_batch(const struct typed *y, const void *in, void *out, int *codes, size_t n);
/* Close a scope whose work is done, or has to end because of rc. */
int typed_close(tutti_scope *inner, int rc);
#endif
