/* table.c - a hash table, open addressing, keys claimed by compare and exchange.
 *
 * bug 1  assert|race: looked up and inserted in two steps: a key twice
 * bug 2  race: the value is written after the key is shown  @value @read
 * bug 3  race: the value is read by a relaxed look at the key's state  @value @read
 * bug 4  assert: deleting leaves a hole at which a search gives up */
#include "bug.h"

enum { PLACES = 4, EMPTY = 0, FILLING = -1, DELETED = -2 };
static struct {
    atomic_int key;
    int value;
} places[PLACES];

static int find(int key)
{
    for (int i = 0; i < PLACES; i++) {
        int at = (key + i) % PLACES;
        int seen;
        while ((seen = atomic_load_explicit(&places[at].key,
                                            ORDER(3, relaxed, acquire))) == FILLING)
            sched_yield();
        if (seen == key)
            return at;
        if (seen == EMPTY)
            return -1;
    }
    return -1;
}

static void insert(int key, int value)
{
    for (int i = 0; i < PLACES; i++) {
        int at = (key + i) % PLACES, seen = EMPTY;
        if (BUG == 1) {
            if (atomic_load(&places[at].key) != EMPTY)
                continue;
            atomic_store(&places[at].key, key);
        } else {
            if (!atomic_compare_exchange_strong(&places[at].key, &seen,
                                                BUG == 2 ? key : FILLING))
                continue;
        }
        places[at].value = value; /* @value */
        atomic_store(&places[at].key, key);
        return;
    }
}

static void *inserter(void *arg)
{
    int key = arg ? 5 : 1;
    insert(key, key * 10);
    int at = find(key);
    assert(at >= 0 || key == 1); /* somebody may have deleted 1 */
    return arg;
}

static void *reader(void *arg)
{
    int at = find(1);
    if (at >= 0)
        assert(places[at].value == 10); /* @read */
    return arg;
}

static void *deleter(void *arg)
{
    int at = find(1);
    if (at >= 0)
        atomic_store(&places[at].key, BUG == 4 ? EMPTY : DELETED);
    return arg;
}

int main(void)
{
    if (BUG == 4 || BUG == 0)
        TOGETHER(inserter, inserter, deleter);
    else
        TOGETHER(inserter, inserter, reader);
}
