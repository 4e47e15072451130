/* message.c - a message is written, then announced by a flag.
 *
 * bug 1  race: the announcement is relaxed  @write @read
 * bug 2  race: the flag is read relaxed  @write @read
 * bug 3  race: the flag is no atomic but volatile  @write @read @flag
 * bug 4  assert|race: the announcement comes first  @write @read */
#include "bug.h"

static struct {
    int length;
    char text[12];
} message;
static atomic_int ready;
static volatile int ready_too;

static void *writer(void *arg)
{
    if (BUG == 4)
        atomic_store(&ready, 1);
    message.length = 5; /* @write */
    message.text[0] = 'h';
    if (BUG == 3)
        ready_too = 1; /* @flag */
    else
        atomic_store_explicit(&ready, 1, ORDER(1, relaxed, release));
    return arg;
}

static void *reader(void *arg)
{
    int seen = BUG == 3 ? ready_too /* @flag */
                        : atomic_load_explicit(&ready, ORDER(2, relaxed, acquire));
    if (seen) {
        int length = message.length; /* @read */
        assert(length == 5 && message.text[0] == 'h');
    }
    return arg;
}

int main(void)
{
    TOGETHER(writer, reader);
}
