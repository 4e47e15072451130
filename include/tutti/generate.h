/* tutti/generate.h - generators: tasks that give many results, one after the other, while
 * they run, to a channel of whoever started them.
 *
 *     TUTTI_GENERATOR(primes, "math.primes", struct range, long);
 *     static int primes(const struct range *in, tutti_chan *to)
 *     {
 *         int rc = 0;
 *         for (long n = in->from; n < in->to && rc == 0; n++)
 *             if (is_prime(n))
 *                 rc = primes_give(to, &n);
 *         return rc;
 *     }
 *
 *     tutti_items got;
 *     primes_start(&s, &range, 64, &got);
 *     while ((rc = primes_next(&got, &n)) > 0)
 *         printf("%ld\n", n);
 *     if (rc < 0)
 *         puts(tutti_why());
 *
 * Room      It runs ahead of who receives by `capacity` items and then waits.
 * Failure   What a generator gave before it failed, was cut, or died with its worker
 *           process, is received; then comes its code, with its words.  One that has begun
 *           is never run again, so nothing comes twice.
 * The end   Receive until the end, or call tutti_items_stop: a scope that closes waits for
 *           its generators, and they for room. */
#ifndef TUTTI_GENERATE_H
#define TUTTI_GENERATE_H
#include <tutti.h>
#ifdef __cplusplus
extern "C" {
#endif

/* What comes of one generator.  For tutti_wait beside other things: chan has its items, and
 * ends when it returned 0 or more; end has its outcome. */
typedef struct tutti_items {
    tutti_chan *chan; /* NULL: none could be had */
    tutti_future end;
    int code;         /* why not; else 0 */
} tutti_items;

/* Start t in *s.  *in, t->in_size bytes, begins with a tutti_chan *, which is set to a new
 * channel of *s with room for `capacity` items of `item` bytes each, both above 0.  On
 * error tutti_items_next gives the same code.  0; -EINVAL; else as tutti_chan_share and
 * tutti_submit.  [any] [wait: as tutti_go] */
TUTTI_API int tutti_generate(tutti_scope *s, const tutti_task *t, void *in, size_t item,
                             size_t capacity, tutti_items *out);
/* 1 and the next item; 0: that was all, also after tutti_items_stop; negative: the
 * generator's failure, behind all that it gave, or how the caller's wait ended.  Several
 * callers may share the items.  [any] [wait] */
TUTTI_API int tutti_items_next(tutti_items *g, void *item);
/* No more is wanted: the generator is cancelled, what it gives from now on is -EPIPE to it,
 * and how it ends is nobody's failure.  Nothing for one that has ended.  [any] */
TUTTI_API void tutti_items_stop(tutti_items *g);

/* TUTTI_GENERATOR(primes, "math.primes", struct range, long); declares, for you to define,
 *     static int primes(const struct range *in, tutti_chan *to);
 * and defines checked calls around the three above, primes_give, which is
 * tutti_chan_send, and primes_task, to be run by primes_start alone. */
#define TUTTI_GENERATOR(name_, label_, In, Item)                              \
    struct name_##_begin_ {                                                   \
        tutti_chan *to;                                                       \
        In in;                                                                \
    };                                                                        \
    static int name_(const In *in, tutti_chan *to);                           \
    static int name_##_run(tutti_bytes in, tutti_out *out)                    \
    {                                                                         \
        const struct name_##_begin_ *b =                                      \
            (const struct name_##_begin_ *)in.data;                           \
        int rc = name_(&b->in, b->to);                                        \
        (void)out;                                                            \
        if (rc >= 0)                                                          \
            tutti_chan_close(b->to);                                          \
        return rc;                                                            \
    }                                                                         \
    TUTTI_TASK_DEF_(name_, label_, name_##_run, 0,                            \
                    sizeof(struct name_##_begin_), 0)                         \
    TUTTI_UNUSED_ static int name_##_start(tutti_scope *s, const In *in,      \
                                           size_t capacity, tutti_items *out) \
    {                                                                         \
        struct name_##_begin_ b = { NULL, *in };                              \
        return tutti_generate(s, &name_##_task, &b, sizeof(Item), capacity,   \
                              out);                                           \
    }                                                                         \
    TUTTI_UNUSED_ static int name_##_next(tutti_items *g, Item *item)         \
    {                                                                         \
        return tutti_items_next(g, item);                                     \
    }                                                                         \
    TUTTI_UNUSED_ static int name_##_give(tutti_chan *to, const Item *item)   \
    {                                                                         \
        return tutti_chan_send(to, item);                                     \
    }                                                                         \
    struct tutti_task_##name_##_end_

#ifdef __cplusplus
}
#endif
#endif
