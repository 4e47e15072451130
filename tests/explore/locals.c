/* locals.c - threads that format a number into a buffer of their own.
 *
 * bug 1  race: the buffer is static, not a thread's own  @format
 * bug 2  race: one buffer is set as the value of both threads' key  @format
 * bug 3  race: a pointer to a thread's own is used by another  @format @peek */
#include "bug.h"

static _Thread_local int own;
int common;
static pthread_key_t key;
static _Atomic(int *) shown;

static int *buffer(void)
{
    int *b = pthread_getspecific(key);
    if (b)
        return b;
    b = BUG == 2 ? &common : malloc(sizeof *b);
    pthread_setspecific(key, b);
    return b;
}

static void clean(void *b)
{
    if (BUG != 2)
        free(b);
}

static void *format(void *arg)
{
    int *b = BUG == 1 ? &common : BUG == 3 ? &own : buffer();
    *b = 1; /* @format */
    own++;
    if (BUG == 3)
        shown = b;
    *b = *b + 1; /* @format */
    assert(own == (BUG == 3 ? 3 : 1));
    return arg;
}

static void *peek(void *arg)
{
    int *b = shown;
    if (b)
        (*b)++; /* @peek */
    return arg;
}

int main(void)
{
    pthread_key_create(&key, clean);
    TOGETHER(format, BUG == 3 ? peek : format);
    pthread_key_delete(key);
}
