/* sync/rmutex.c - a mutex that counts how often its holder has locked it.
 * Tests: tests/lock_test.c. */
#include "sync/mutex.h"

/* Holds: depth >= 1 while held; only the holder touches it. */
struct rmutex {
    tutti_mutex mutex;
    uint32_t depth;
};
_Static_assert(sizeof(struct rmutex) <= sizeof(tutti_rmutex), "grow tutti_rmutex");

static struct rmutex *rmutex_of(tutti_rmutex *m)
{
    return (struct rmutex *)(void *)m;
}

/* True when it was the caller's already, and *rc says how that went. */
static bool rmutex_again(struct rmutex *m, int *rc)
{
    if (!mutex_mine(mutex_of(&m->mutex), context_self()))
        return false;
    if (m->depth == UINT32_MAX) {
        *rc = why_static(-EAGAIN, "a recursive mutex was locked 2^32 - 1 times");
        return true;
    }
    m->depth++;
    *rc = 0;
    return true;
}

static int rmutex_first(struct rmutex *m, int rc)
{
    if (rc == 0)
        m->depth = 1;
    return rc;
}

int tutti_rmutex_lock(tutti_rmutex *public)
{
    if (unlikely(!public))
        return why_null(__func__);
    struct rmutex *m = rmutex_of(public);
    int rc;
    return rmutex_again(m, &rc) ? rc : rmutex_first(m, tutti_mutex_lock(&m->mutex));
}

int tutti_rmutex_lock_cut(tutti_rmutex *public)
{
    if (unlikely(!public))
        return why_null(__func__);
    struct rmutex *m = rmutex_of(public);
    int rc = context_check(context_self());
    if (rc < 0 || rmutex_again(m, &rc))
        return rc;
    return rmutex_first(m, tutti_mutex_lock_cut(&m->mutex));
}

int tutti_rmutex_trylock(tutti_rmutex *public)
{
    if (unlikely(!public))
        return why_null(__func__);
    struct rmutex *m = rmutex_of(public);
    int rc;
    return rmutex_again(m, &rc) ? rc : rmutex_first(m, tutti_mutex_trylock(&m->mutex));
}

void tutti_rmutex_unlock(tutti_rmutex *public)
{
    if (unlikely(!public))
        misuse_null(__func__);
    struct rmutex *m = rmutex_of(public);
    if (mutex_mine(mutex_of(&m->mutex), context_self()) && --m->depth)
        return;
    tutti_mutex_unlock(&m->mutex); /* names who holds it if that is not the caller */
}
