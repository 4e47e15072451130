/* sync/far/any.c - which cases of a tutti_wait are for objects that processes share.
 * Tests: tests/processes_chan_test.c. */
#include "core/waitable.h"
#include "sync/far/far.h"

static bool chan_is_far(const tutti_chan *c)
{
    return c && far_chan_is(c);
}

const struct waitable *far_waitable(const tutti_case *c, const struct waitable *near)
{
    if (c->kind == TUTTI_ON_EVENT && far_is(c->on.event, FAR_EVENT))
        return &far_event_waitable;
    if (c->kind == TUTTI_ON_RECV && chan_is_far(c->on.chan))
        return &far_chan_recv_waitable;
    if (c->kind == TUTTI_ON_SEND && chan_is_far(c->on.chan))
        return &far_chan_send_waitable;
    return near;
}
