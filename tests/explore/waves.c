/* waves.c - more threads than there are at once: they come in waves, and what a wave has
 * ended the next may use again.
 *
 * bug 1  assert: two of the last wave count by loading and storing
 * bug 2  race: the last wave counts in what is not atomic  @count
 * bug 3  assert: the first wave and the last both lose a count */
#include "bug.h"

enum { WAVES = 36 };
static atomic_int counted;
static int wave, plain;

static void *counter(void *arg)
{
    bool last = wave == WAVES - 1, first = wave == 0;
    if (BUG == 2 && last)
        plain++; /* @count */
    if ((BUG == 1 && last) || (BUG == 3 && (first || last)))
        atomic_store(&counted, atomic_load(&counted) + 1);
    else
        atomic_fetch_add(&counted, 1);
    return arg;
}

int main(void)
{
    for (wave = 0; wave < WAVES; wave++)
        TOGETHER(counter, counter);
    assert(atomic_load(&counted) >= 2 * WAVES - (BUG == 3));
}
