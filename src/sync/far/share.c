/* sync/far/share.c - the calls of tutti/shared.h that make an object one of all
 * processes.
 * Tests: tests/processes_sync_test.c. */
#include "sync/far/far.h"

/* Low bits of the first word, which send the fast paths of sync/ the long way: for a
 * mutex "held", for a semaphore "waited for", for an event "waited for and not set". */
enum { TAG_MUTEX = 6, TAG_SEM = 7, TAG_EVENT = 6, TAG_OTHER = 6 };

int tutti_mutex_share(tutti_scope *s, tutti_mutex *m)
{
    int rc = far_share(s, m, sizeof *m, TAG_MUTEX, &(struct far_entry){ .kind = FAR_MUTEX });
    if (rc == 0)
        *m = (tutti_mutex){ { 0 } };
    return rc < 0 ? rc : 0;
}

int tutti_sem_share(tutti_scope *s, tutti_sem *m, unsigned n)
{
    int rc = far_share(s, m, sizeof *m, TAG_SEM,
                       &(struct far_entry){ .kind = FAR_SEM, .limit = n });
    if (rc == 0)
        tutti_sem_init(m, n);
    return rc < 0 ? rc : 0;
}

int tutti_event_share(tutti_scope *s, tutti_event *e)
{
    int rc = far_share(s, e, sizeof *e, TAG_EVENT, &(struct far_entry){ .kind = FAR_EVENT });
    if (rc == 0)
        *e = (tutti_event){ { 0 } };
    return rc < 0 ? rc : 0;
}

int tutti_cond_share(tutti_scope *s, tutti_cond *c)
{
    int rc = far_share(s, c, sizeof *c, TAG_OTHER, &(struct far_entry){ .kind = FAR_COND });
    if (rc == 0)
        *c = (tutti_cond){ { 0 } };
    return rc < 0 ? rc : 0;
}

int tutti_barrier_share(tutti_scope *s, tutti_barrier *b, unsigned n)
{
    if (n == 0 || n > FAR_MEET_MOST)
        return why_set(-EINVAL, "a barrier for %u: 1 to %d may meet", n, FAR_MEET_MOST);
    int rc = far_share(s, b, sizeof *b, TAG_OTHER,
                       &(struct far_entry){ .kind = FAR_BARRIER, .limit = n });
    if (rc == 0)
        tutti_barrier_init(b, n);
    return rc < 0 ? rc : 0;
}
