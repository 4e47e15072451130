/* channel.c - a channel of two places that can be closed.
 *
 * bug 1  lost-wakeup: close wakes nobody  @empty
 * bug 2  lost-wakeup: close wakes one of two receivers  @empty
 * bug 3  assert: the sender looks for a close before it locks
 * bug 4  assert: after a close the receiver drops what is still inside */
#include "bug.h"

enum { PLACES = 2 };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER, room = PTHREAD_COND_INITIALIZER;
static int items[PLACES], first, count, sent, received;
static bool closed;

static bool is_closed(void)
{
    pthread_mutex_lock(&lock);
    bool is = closed;
    pthread_mutex_unlock(&lock);
    return is;
}

static bool send(int item)
{
    if (BUG == 3 && is_closed())
        return false;
    pthread_mutex_lock(&lock);
    while (count == PLACES && !closed)
        pthread_cond_wait(&room, &lock);
    bool open = !closed || BUG == 3;
    if (open) {
        assert(!(closed && BUG == 3));
        items[(first + count++) % PLACES] = item;
        sent += item;
        pthread_cond_signal(&more);
    }
    pthread_mutex_unlock(&lock);
    return open;
}

static bool receive(int *item)
{
    pthread_mutex_lock(&lock);
    while (!count && !closed)
        pthread_cond_wait(&more, &lock); /* @empty */
    bool some = count > 0 && !(BUG == 4 && closed);
    if (some) {
        *item = items[first];
        first = (first + 1) % PLACES;
        count--;
        received += *item;
        pthread_cond_signal(&room);
    }
    pthread_mutex_unlock(&lock);
    return some;
}

static void close_channel(void)
{
    pthread_mutex_lock(&lock);
    closed = true;
    if (BUG == 2)
        pthread_cond_signal(&more);
    else if (BUG != 1)
        pthread_cond_broadcast(&more);
    pthread_cond_broadcast(&room);
    pthread_mutex_unlock(&lock);
}

static void *sender(void *arg)
{
    send(1);
    send(2);
    if (BUG != 3)
        close_channel();
    return arg;
}

static void *closer(void *arg)
{
    close_channel();
    return arg;
}

static void *receiver(void *arg)
{
    int item;
    while (receive(&item))
        ;
    return arg;
}

int main(void)
{
    if (BUG == 3)
        TOGETHER(sender, closer, receiver);
    else
        TOGETHER(sender, receiver, receiver);
    assert(sent == received);
}
