/* lazy.c - double-checked locking: the first user makes the table.
 *
 * bug 1  race: the pointer is no atomic  @quick @set
 * bug 2  race: the pointer is published relaxed  @fill @use
 * bug 3  race: the quick look is relaxed  @fill @use
 * bug 4  race|assert: the pointer is published before the table is filled
 *        @late @use
 * bug 5  assert: nobody looks again under the lock: made twice */
#include "bug.h"

struct table {
    int size;
};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct table *) table;
static struct table *bare, room[2];
static atomic_int made;

static struct table *make(void)
{
    struct table *t = &room[made++ & 1];
    t->size = 8; /* @fill */
    return t;
}

static struct table *get_bare(void)
{
    if (!bare) { /* @quick */
        pthread_mutex_lock(&lock);
        if (!bare)
            bare = make(); /* @set */
        pthread_mutex_unlock(&lock);
    }
    return bare;
}

static struct table *get(void)
{
    struct table *t = atomic_load_explicit(&table, ORDER(3, relaxed, acquire));
    if (t)
        return t;
    pthread_mutex_lock(&lock);
    t = atomic_load_explicit(&table, memory_order_relaxed);
    if (!t || BUG == 5) {
        if (BUG == 4) {
            t = &room[made++ & 1];
            atomic_store(&table, t);
            t->size = 8; /* @late */
        } else {
            t = make();
            atomic_store_explicit(&table, t, ORDER(2, relaxed, release));
        }
    }
    pthread_mutex_unlock(&lock);
    return t;
}

static void *user(void *arg)
{
    struct table *t = BUG == 1 ? get_bare() : get();
    assert(t->size == 8); /* @use */
    return arg;
}

int main(void)
{
    TOGETHER(user, user);
    assert(made == 1);
}
