/* refcount.c - an object with a count of references; who drops the last one frees it.
 *
 * bug 1  race|heap: dropping is relaxed, so no use comes before the free
 *        @use @free @clear
 * bug 2  heap|race: who dropped looks at the count once more
 *        @again @free @use @clear
 * bug 3  race|heap: no acquire before the free  @use @free @clear
 * bug 4  heap|race: taken through a pointer that holds no reference
 *        @take @free */
#include "bug.h"

struct object {
    atomic_int count;
    int uses[2];
};
static struct object *shared;

static void drop(struct object *o)
{
    int left = atomic_fetch_sub_explicit(&o->count, 1, ORDER(1, relaxed, release)) - 1;
    if (BUG == 2)
        left = atomic_load(&o->count); /* @again */
    if (left != 0)
        return;
    atomic_thread_fence(ORDER(3, relaxed, acquire));
    o->uses[0] = o->uses[1] = 0; /* @clear */
    free(o);                     /* @free */
}

static void *user(void *arg)
{
    struct object *o = shared;
    if (BUG == 4 && arg)
        atomic_fetch_add(&o->count, 1); /* @take */
    o->uses[arg != NULL]++;             /* @use */
    drop(o);
    return arg;
}

int main(void)
{
    shared = calloc(1, sizeof *shared);
    shared->count = BUG == 4 ? 1 : 2;
    TOGETHER(user, user);
}
