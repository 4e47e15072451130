/* hazard.c - a shared object is replaced and the old one freed, unless a reader's
 * hazard pointer names it.
 *
 * bug 1  heap|race: no second look after the hazard is published
 *        @use @free
 * bug 2  heap|race: the second look may come before the hazard is visible
 *        @use @free
 * bug 3  heap|race: the hazard is cleared before the object is read
 *        @use @free
 * bug 4  heap|race: the writer looks at the hazard before it replaces
 *        @use @free */
#include "bug.h"

struct object {
    int value;
};
static _Atomic(struct object *) current, hazard;

static struct object *object(int value)
{
    struct object *o = malloc(sizeof *o);
    o->value = value;
    return o;
}

static void *reader(void *arg)
{
    for (int i = 0; i < 2; i++) {
        struct object *seen = atomic_load(&current), *again;
        for (;; seen = again) {
            atomic_store_explicit(&hazard, seen, ORDER(2, release, seq_cst));
            if (BUG == 1)
                break;
            again = atomic_load_explicit(&current, ORDER(2, acquire, seq_cst));
            if (again == seen)
                break;
        }
        if (BUG == 3)
            atomic_store(&hazard, NULL);
        assert(seen->value > 0); /* @use */
        atomic_store(&hazard, NULL);
    }
    return arg;
}

static void *writer(void *arg)
{
    struct object *next = object(2);
    struct object *named = BUG == 4 ? atomic_load(&hazard) : NULL;
    struct object *old = atomic_exchange(&current, next);
    if (BUG != 4)
        while (atomic_load(&hazard) == old)
            sched_yield();
    if (BUG != 4 || named != old)
        free(old); /* @free */
    return arg;
}

int main(void)
{
    current = object(1);
    TOGETHER(reader, writer);
    free(current);
}
