/* tutti/task.h - the macros that make a task.  Each declares one function for you to
 * write and defines checked calls around tutti_submit and its like, so that a wrong
 * type is the compiler's to find.  Nothing here is more than a wrapper. */
#ifndef TUTTI_TASK_H
#define TUTTI_TASK_H
#include <tutti.h>

/* TUTTI_TASK(area, "geo.area", struct box, double); declares, for you to define,
 *     static int area(const struct box *in, double *out);
 * The semicolon is yours, as behind the other macros here.  *out is zero at each run;
 * return 0 or more, or a negative failure.  It defines area_task (for tutti_map,
 * tutti_race and the others) and the checked calls area_submit, area_take, area_call.
 * tutti_none stands for no input or output.  In a second file, or for a task that only a
 * worker elsewhere has: TUTTI_TASK_ELSEWHERE. */
typedef struct tutti_none {
    char _;
} tutti_none;
#define TUTTI_TASK(name_, label_, In, Out)                                    \
    TUTTI_TASK_FLAGS(name_, label_, In, Out, 0)
#define TUTTI_TASK_FLAGS(name_, label_, In, Out, flags_)                      \
    static int name_(const In *in, Out *out);                                 \
    static int name_##_run(tutti_bytes in, tutti_out *o)                      \
    {                                                                         \
        Out *out = (Out *)tutti_reserve(o, sizeof(Out));                      \
        return out ? name_((const In *)in.data, out) : -ENOMEM;               \
    }                                                                         \
    TUTTI_TASK_DEF_(name_, label_, name_##_run, flags_, sizeof(In),           \
                    sizeof(Out))                                              \
    TUTTI_TASK_CALLS_(name_, In, Out)
#define TUTTI_TASK_ELSEWHERE(name_, label_, In, Out)                          \
    TUTTI_TASK_DEF_(name_, label_, NULL, 0, sizeof(In), sizeof(Out))          \
    TUTTI_TASK_CALLS_(name_, In, Out)
/* The same over bytes of any length: static int words(tutti_bytes, tutti_out *) */
#define TUTTI_TASK_BYTES(name_, label_)                                       \
    static int name_(tutti_bytes in, tutti_out *out);                         \
    TUTTI_TASK_DEF_(name_, label_, name_, 0, 0, 0)                            \
    struct tutti_task_##name_##_end_
/* A task over a slice: In begins with `tutti_ref part`, which tutti_for and
 * tutti_reduce cut; the rest of In goes along unchanged (other refs, numbers). */
#define TUTTI_TASK_RANGE(name_, label_, In, Out)                              \
    TUTTI_ASSERT_(offsetof(In, part) == 0);                                   \
    TUTTI_TASK_FLAGS(name_, label_, In, Out, 0)

/* TUTTI_WORKER(model, load_model, drop_model); has each worker process call these two:
 * see tutti_worker. */
#define TUTTI_WORKER(name_, init_, fini_)                                     \
    static tutti_worker name_##_worker = { #name_, init_, fini_, NULL, 0 };   \
    __attribute__((constructor, used)) static void name_##_hook_(void)        \
    {                                                                         \
        tutti_worker_enrol(&name_##_worker);                                  \
    }                                                                         \
    struct tutti_worker_##name_##_end_

#define TUTTI_TASK_DEF_(name_, label_, run_, flags_, in_, out_)               \
    TUTTI_UNUSED_ static tutti_task name_##_task = {                          \
        (uint32_t)sizeof(tutti_task), flags_, label_, run_, in_, out_,        \
        NULL, NULL, NULL, { 0, 0, 0, 0 } };                                   \
    __attribute__((constructor, used)) static void name_##_enrol_(void)       \
    {                                                                         \
        tutti_enrol(&name_##_task);                                           \
    }
#define TUTTI_TASK_CALLS_(name_, In, Out)                                     \
    TUTTI_UNUSED_ static int name_##_submit(tutti_scope *s, const In *in,     \
                                            tutti_future *f)                  \
    {                                                                         \
        tutti_bytes b = { in, sizeof(In) };                                   \
        return tutti_submit(s, &name_##_task, b, f);                          \
    }                                                                         \
    TUTTI_UNUSED_ static int name_##_take(tutti_future f, Out *out)           \
    {                                                                         \
        return tutti_future_take(f, out, sizeof(Out));                        \
    }                                                                         \
    TUTTI_UNUSED_ static int name_##_call(tutti_scope *s, const In *in,       \
                                          Out *out)                           \
    {                                                                         \
        tutti_future f;                                                       \
        int rc = name_##_submit(s, in, &f);                                   \
        return rc < 0 ? (tutti_future_release(f), rc) : name_##_take(f, out); \
    }                                                                         \
    struct tutti_task_##name_##_end_
#endif
