/* log.c - writers reserve places in a log by counting, a reader takes what is
 * complete.
 *
 * bug 1  race: the reader trusts the count of reservations  @write @read
 * bug 2  race: a place is marked complete relaxed  @write @read
 * bug 3  race|assert: two writers may reserve one place  @write
 * bug 4  assert: two flushes at once count as one */
#include "bug.h"

enum { PLACES = 4 };
static struct {
    atomic_bool complete;
    int text;
} places[PLACES];
static atomic_int reserved, flushed, written;

static void *writer(void *arg)
{
    int at;
    if (BUG == 3) {
        at = atomic_load(&reserved);
        atomic_store(&reserved, at + 1);
    } else {
        at = atomic_fetch_add(&reserved, 1);
    }
    places[at].text = at + 1; /* @write */
    atomic_store_explicit(&places[at].complete, true, ORDER(2, relaxed, release));
    atomic_fetch_add(&written, 1);
    return arg;
}

static void *reader(void *arg)
{
    if (BUG == 4) {
        int done = atomic_load(&flushed);
        atomic_store(&flushed, done + 1);
        return arg;
    }
    int count = atomic_load(&reserved);
    for (int i = 0; i < count; i++)
        if (BUG == 1 || atomic_load_explicit(&places[i].complete, memory_order_acquire))
            assert(places[i].text == i + 1); /* @read */
    return arg;
}

int main(void)
{
    if (BUG == 4) {
        TOGETHER(reader, reader);
        assert(flushed == 2);
    } else {
        TOGETHER(writer, writer, reader);
        assert(reserved == 2 && written == 2);
    }
}
