/* core/failures.c - what went wrong in a scope: the first failure, which closing returns,
 * and a list of them.  Tests: tests/failures_test.c, tests/scope_test.c. */
#include "base/memory.h"
#include "core/owned.h"
#include "core/record.h"
#include <assert.h>

enum { FAILURES_KEPT = 1000 };

/* Holds: code is negative; task outlives the scope. */
struct failure {
    struct failure *next;
    const char *task;
    char *words; /* owned; NULL: the code's own */
    uint64_t index;
    int code, signal;
};

/* Under the latch.  Takes words. */
static void failure_keep(struct scope *s, int code, int signal, const char *task,
                         uint64_t index, char *words)
{
    struct scope_more *m = scope_more(s);
    struct failure *f = m && m->kept < FAILURES_KEPT ? memory_zalloc(sizeof *f) : NULL;
    if (!f) { /* counted, not kept */
        memory_free(words);
        return;
    }
    assert(code < 0);
    *f = (struct failure){ NULL, task, words, index, code, signal };
    *m->failures_end = f;
    m->failures_end = &f->next;
    m->kept++;
}

void scope_note_failure(struct scope *s, int code, int signal, const char *task,
                        uint64_t index, char *words)
{
    int none = 0;
    scope_lock(s);
    /* relaxed: the latch orders it; loads elsewhere come after all has ended */
    bool first = cas_relaxed(&s->failure, &none, code);
    s->failures++;
    if (first && scope_more(s) && words)
        s->more->words = memory_strdup(words);
    failure_keep(s, code, signal, task, index, words);
    scope_unlock(s);
    if (!(s->flags & TUTTI_KEEP_GOING))
        scope_stop(s, OVER_FAILED);
}

void scope_fail(tutti_scope *public, int code)
{
    struct scope *s = scope_of(public);
    uint64_t index = load_relaxed(&s->started); /* for views */
    scope_note_failure(s, code, 0, "start", index, memory_strdup(tutti_why()));
}

int scope_failure_again(struct scope *s)
{
    int failure = load_relaxed(&s->failure); /* the caller has learnt of it before */
    scope_lock(s);
    const char *words = s->more ? s->more->words : NULL;
    scope_unlock(s); /* words live as s and change no more */
    return words ? why_set(failure, "%s", words)
                 : why_static(failure, tutti_strerror(failure));
}

void failures_free(struct scope_more *m)
{
    while (m->failures) {
        struct failure *f = m->failures;
        m->failures = f->next;
        memory_free(f->words);
        memory_free(f);
    }
    memory_free(m->words);
}

int tutti_scope_failures(tutti_scope *public,
                         void (*each)(void *ctx, const tutti_outcome *o), void *ctx)
{
    struct scope *s = scope_of(public);
    if (scope_is_open(s) && scope_lost(s))
        return why_lost();
    if (!scope_is_open(s) || s->opener != context_self())
        return why_set(-EINVAL, "tutti_scope_failures: the scope is not open, or not the "
                       "caller's");
    /* Entries are only ever added at the end and live as long as the scope, so the list
     * can be walked without the latch up to an end taken under it. */
    scope_lock(s);
    struct failure *f = s->more ? s->more->failures : NULL;
    size_t n = s->more ? s->more->kept : 0;
    uint64_t all = s->failures;
    scope_unlock(s);
    for (size_t i = 0; f && i < n && each; i++) {
        tutti_end end = f->code == -TUTTI_ECRASH  ? TUTTI_CRASHED
                        : f->code == -TUTTI_ELOST ? TUTTI_LOST
                                                  : TUTTI_FAILED;
        tutti_outcome o = { sizeof o, end, f->code, f->signal, 1, f->task,
                            f->words ? f->words : tutti_strerror(f->code), f->index };
        each(ctx, &o);
        if (i + 1 < n) /* the last one's `next` may be set meanwhile */
            f = f->next;
    }
    return all > INT32_MAX ? INT32_MAX : (int)all;
}
