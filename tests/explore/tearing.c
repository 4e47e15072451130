/* tearing.c - values that are wider than what is written at once.
 *
 * bug 1  assert: a 64-bit time in two halves
 * bug 2  race: a structure assigned while it is read  @assign @read
 * bug 3  assert: length and pointer replaced one after the other
 * bug 4  race: memcpy of a message into a slot in use  @copy @read */
#include "bug.h"
#include <stdint.h>
#include <string.h>

struct pair {
    long a, b;
};
static atomic_uint low = 0xffffffffu, high;
static struct pair pair;
static atomic_int length = 1;
static _Atomic(const char *) text = "x";
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *writer(void *arg)
{
    static const struct pair next = { 1, 1 };
    if (BUG == 1) {
        atomic_store(&low, 0);
        atomic_store(&high, 1);
    } else if (BUG == 3) {
        atomic_store(&length, 4);
        atomic_store(&text, "long");
    } else {
        if (BUG == 0)
            pthread_mutex_lock(&lock);
        if (BUG == 4)
            memcpy(&pair, &next, sizeof pair); /* @copy */
        else
            pair = next; /* @assign */
        if (BUG == 0)
            pthread_mutex_unlock(&lock);
    }
    return arg;
}

static void *reader(void *arg)
{
    if (BUG == 1) {
        uint64_t h = atomic_load(&high), time = h << 32 | atomic_load(&low);
        assert(time == 0xffffffffu || time == (uint64_t)1 << 32);
    } else if (BUG == 3) {
        int n = atomic_load(&length);
        assert(strlen(atomic_load(&text)) >= (size_t)n);
    } else {
        if (BUG == 0)
            pthread_mutex_lock(&lock);
        long a = pair.a, b = pair.b; /* @read */
        if (BUG == 0)
            pthread_mutex_unlock(&lock);
        assert(BUG == 4 ? a >= 0 && b >= 0 : a == b);
    }
    return arg;
}

int main(void)
{
    TOGETHER(writer, reader);
}
