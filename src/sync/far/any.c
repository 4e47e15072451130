/* sync/far/any.c - which cases of a tutti_wait are for objects that processes share.
 * Tests: tests/processes_sync_test.c. */
#include "core/waitable.h"
#include "sync/far/far.h"

const struct waitable *far_waitable(const tutti_case *c, const struct waitable *near)
{
    if (c->kind == TUTTI_ON_EVENT && far_is(c->on.event, FAR_EVENT))
        return &far_event_waitable;
    return near;
}
