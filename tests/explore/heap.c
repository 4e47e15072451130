/* heap.c - a session that several threads use and one of them closes.
 *
 * bug 1  heap|race: freed while another still uses it  @use @free
 * bug 2  heap|race: both find that it is to be closed  @free
 * bug 3  heap|race: a detached thread outlives what it uses  @late @free
 * bug 4  heap|race: a replaced configuration is freed at once
 *        @config @old */
#include "bug.h"

struct session {
    int requests;
};
static struct session *session;
static atomic_int users = 2;
static atomic_bool closed;
static _Atomic(struct session *) config;

static void close_session(void)
{
    free(session); /* @free */
}

static void *user(void *arg)
{
    if (BUG == 2) {
        if (!closed) {
            closed = true;
            close_session();
        }
        return arg;
    }
    if (BUG == 1 && arg) {
        close_session();
        return arg;
    }
    if (BUG != 1 || !arg)
        assert(session->requests == 0); /* @use */
    if (BUG != 1 && atomic_fetch_sub(&users, 1) == 1)
        close_session();
    return arg;
}

static void *late(void *arg)
{
    session->requests++; /* @late */
    return arg;
}

static void *reconfigure(void *arg)
{
    struct session *old = config, *new = calloc(1, sizeof *new);
    config = new;
    free(old); /* @old */
    return arg;
}

static void *configured(void *arg)
{
    assert(config->requests == 0); /* @config */
    return arg;
}

int main(void)
{
    pthread_t thread;
    session = calloc(1, sizeof *session);
    if (BUG == 3) {
        pthread_create(&thread, NULL, late, NULL);
        pthread_detach(thread);
        close_session();
    } else if (BUG == 4) {
        config = calloc(1, sizeof *session);
        TOGETHER(reconfigure, configured);
    } else {
        TOGETHER(user, user);
    }
}
