/* Channels, from plain threads and from tasks on every executor. */
#include "base/memory.h"
#include "core/context.h"
#include "crew.h"

static tutti_chan *chan;
static void open_ints(struct crew *w, size_t capacity)
{
    CHECK_INT(tutti_chan_open(&chan, &w->s, sizeof(int), capacity, NULL), 0);
}

/* --- order and hand-over ------------------------------------------------------ */

EVERYWHERE(items_come_in_order)
{
    open_ints(w, 5);
    for (int round = 0; round < 4; round++) { /* round the ring */
        for (int i = 0; i < 4; i++)
            CHECK_INT(tutti_chan_send(chan, &i), 0);
        CHECK_INT((long long)tutti_chan_length(chan), 4);
        for (int i = 0, got = -1; i < 4; i++) {
            CHECK_INT(tutti_chan_recv(chan, &got), 1);
            CHECK_INT(got, i);
        }
    }
    return 0;
}

static int send_int(struct crew *w, void *value)
{
    int i = (int)(long)value;
    (void)w;
    return tutti_chan_send(chan, &i);
}
static int got_by[CREW_MAX];
static int recv_int(struct crew *w, void *slot)
{
    (void)w;
    return tutti_chan_recv(chan, &got_by[(long)slot]);
}
static void senders_by_arrival(struct crew *w, size_t capacity)
{
    open_ints(w, capacity);
    struct hand *h[6];
    for (long i = 0; i < 6; i++) {
        h[i] = crew_go(w, send_int, (void *)i);
        if ((size_t)i < capacity)
            CHECK_INT(crew_join(h[i]), 0);
        else
            crew_until_waits(h[i]);
    }
    for (int i = 0, got; i < 6; i++) {
        CHECK_INT((long long)tutti_chan_length(chan),
                  capacity < 6u - (unsigned)i ? (int)capacity : 6 - i);
        CHECK_INT(tutti_chan_recv(chan, &got), 1);
        CHECK_INT(got, i);
    }
    for (int i = 0; i < 6; i++)
        CHECK_INT(crew_join(h[i]), 0);
}
EVERYWHERE(waiting_senders_go_by_arrival)
{
    senders_by_arrival(w, 2);
    return 0;
}
EVERYWHERE(waiting_senders_go_by_arrival_hand_to_hand)
{
    senders_by_arrival(w, 0);
    return 0;
}
static void receivers_by_arrival(struct crew *w, size_t capacity)
{
    open_ints(w, capacity);
    for (long i = 0; i < 5; i++)
        crew_until_waits(crew_go(w, recv_int, (void *)i));
    for (int i = 0; i < 5; i++) {
        int item = 100 + i;
        CHECK_INT(tutti_chan_send(chan, &item), 0);
        CHECK_INT((long long)tutti_chan_length(chan), 0); /* handed over at once */
    }
    crew_join_all(w);
    for (int i = 0; i < 5; i++)
        CHECK_INT(got_by[i], 100 + i);
}
EVERYWHERE(waiting_receivers_go_by_arrival)
{
    receivers_by_arrival(w, 3);
    return 0;
}
EVERYWHERE(waiting_receivers_go_by_arrival_hand_to_hand)
{
    receivers_by_arrival(w, 0);
    return 0;
}

/* --- ends --------------------------------------------------------------------- */

EVERYWHERE(what_is_in_an_ended_channel_can_be_received)
{
    int item = 7, got = 0;
    open_ints(w, 2);
    tutti_chan_writers(chan, 2);
    CHECK_INT(tutti_chan_send(chan, &item), 0);
    CHECK_INT(tutti_chan_close(chan), 0);
    CHECK_INT(tutti_chan_close(chan), 0);
    CHECK_INT(tutti_chan_send(chan, &item), 0); /* one writer is left */
    CHECK_INT(tutti_chan_close(chan), 0);
    CHECK_INT(tutti_chan_close(chan), -EPIPE);
    CHECK_HAS(tutti_why(), "once too often");
    CHECK_INT(tutti_chan_send(chan, &item), -EPIPE);
    CHECK_HAS(tutti_why(), "ended");
    CHECK_INT(tutti_chan_recv(chan, &got), 1);
    CHECK_INT(got, 7);
    CHECK_INT(tutti_chan_recv(chan, &got), 1);
    CHECK_INT(tutti_chan_recv(chan, &got), 0);
    CHECK_INT(tutti_chan_recv(chan, &got), 0);
    tutti_chan_writers(chan, 1); /* too late */
    CHECK_INT(tutti_chan_close(chan), -EPIPE);
    return 0;
}
EVERYWHERE(the_end_wakes_all_that_wait)
{
    struct hand *h[3], *s[3];
    open_ints(w, 0);
    for (long i = 0; i < 3; i++)
        crew_until_waits(h[i] = crew_go(w, recv_int, (void *)i));
    CHECK_INT(tutti_chan_close(chan), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(crew_join(h[i]), 0);
    open_ints(w, 0);
    for (long i = 0; i < 3; i++)
        crew_until_waits(s[i] = crew_go(w, send_int, (void *)i));
    CHECK_INT(tutti_chan_close(chan), 0);
    for (int i = 0; i < 3; i++)
        CHECK_INT(crew_join(s[i]), -EPIPE);
    return 0;
}

static _Atomic int dropped, dropped_sum;
static void drop_int(void *item)
{
    add_relaxed(&dropped, 1);
    add_relaxed(&dropped_sum, *(int *)item);
}
static void drop_bytes(void *item)
{
    const tutti_bytes *b = item;
    add_relaxed(&dropped, 1);
    add_relaxed(&dropped_sum, (int)b->size);
}
EVERYWHERE(what_nobody_received_is_dropped)
{
    tutti_chan *c, *any;
    tutti_scope s;
    int got;
    tutti_bytes hello = { "hello", 5 }, view;
    tutti_scope_open(&s, w->ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_chan_open(&c, &s, sizeof(int), 4, drop_int), 0);
    CHECK_INT(tutti_chan_open(&any, &s, TUTTI_ANY_SIZE, 4, drop_bytes), 0);
    for (int i = 1; i <= 4; i++) {
        CHECK_INT(tutti_chan_send(c, &i), 0);
        CHECK_INT(tutti_chan_send(any, &hello), 0);
    }
    CHECK_INT(tutti_chan_recv(c, &got), 1);
    CHECK_INT(tutti_chan_recv(any, &view), 1);
    CHECK_INT(dropped, 0);
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(dropped, 6);
    CHECK_INT(dropped_sum, 2 + 3 + 4 + 15);
    CHECK(context_self()->recv_view == NULL); /* it went with its channel */
    return 0;
}

/* --- any size ------------------------------------------------------------------- */

EVERYWHERE(items_of_any_size_are_copied_and_viewed)
{
    tutti_chan *a, *b;
    char text[] = "one", large[5000];
    tutti_bytes item = { text, 4 }, x, y, big = { large, sizeof large }, none = { NULL, 0 };
    memset(large, 'x', sizeof large);
    CHECK_INT(tutti_chan_open(&a, &w->s, TUTTI_ANY_SIZE, 3, NULL), 0);
    CHECK_INT(tutti_chan_open(&b, &w->s, TUTTI_ANY_SIZE, 3, NULL), 0);
    CHECK_INT(tutti_chan_send(a, &item), 0);
    memcpy(text, "two", 4); /* copied: the first is not changed */
    CHECK_INT(tutti_chan_send(b, &item), 0);
    CHECK_INT(tutti_chan_send(a, &big), 0);
    CHECK_INT(tutti_chan_send(a, &none), 0);
    CHECK_INT(tutti_chan_recv(a, &x), 1);
    CHECK_INT(tutti_chan_recv(b, &y), 1);
    CHECK_STR(x.data, "one"); /* still there: nothing was received from a since */
    CHECK_STR(y.data, "two");
    CHECK_INT(tutti_chan_recv(a, &x), 1);
    CHECK_INT((long long)x.size, 5000);
    CHECK(!memcmp(x.data, large, x.size));
    CHECK_STR(y.data, "two");
    CHECK_INT(tutti_chan_recv(a, &x), 1);
    CHECK_INT((long long)x.size, 0);
    return 0;
}

static int views(void) /* that the caller's context keeps */
{
    int n = 0;
    for (void **v = context_self()->recv_view; v; v = *v)
        n++;
    return n;
}
static int keep_views(struct crew *w, void *unused)
{
    tutti_chan *any[2];
    tutti_bytes item = { "item", 5 }, got;
    (void)unused;
    CHECK_INT(views(), 0);
    for (int i = 0; i < 2; i++)
        CHECK_INT(tutti_chan_open(&any[i], &w->s, TUTTI_ANY_SIZE, 3, NULL), 0);
    for (int i = 0; i < 10; i++) {
        CHECK_INT(tutti_chan_send(any[i % 2], &item), 0);
        CHECK_INT(tutti_chan_recv(any[i % 2], &got), 1);
        CHECK_INT(views(), i ? 2 : 1); /* one from each channel, however many came */
    }
    return 0;
}
EVERYWHERE(the_last_view_of_each_channel_is_kept)
{
    for (int i = 0; i < 2; i++) /* the second on the stack of the first, perhaps */
        crew_join(crew_go(w, keep_views, NULL));
    return 0;
}

static int recv_view(struct crew *w, void *unused)
{
    tutti_bytes b;
    (void)w;
    (void)unused;
    CHECK_INT(tutti_chan_recv(chan, &b), 1);
    CHECK_STR(b.data, "waited for");
    return 0;
}
static int send_view(struct crew *w, void *unused)
{
    char text[] = "waited for";
    (void)w;
    (void)unused;
    return tutti_chan_send(chan, &(tutti_bytes){ text, sizeof text });
}
EVERYWHERE(items_of_any_size_are_handed_over)
{
    CHECK_INT(tutti_chan_open(&chan, &w->s, TUTTI_ANY_SIZE, 0, NULL), 0);
    crew_until_waits(crew_go(w, recv_view, NULL));
    CHECK_INT(send_view(w, NULL), 0);
    crew_until_waits(crew_go(w, send_view, NULL));
    CHECK_INT(recv_view(w, NULL), 0);
    struct hand *h = crew_go(w, send_view, NULL);
    crew_until_waits(h);
    CHECK_INT(tutti_chan_close(chan), 0);
    CHECK_INT(crew_join(h), -EPIPE); /* and its copy is freed: see the leak checkers */
    crew_join_all(w);
    return 0;
}

/* --- cut off --------------------------------------------------------------------- */

static tutti_scope inner;
static tutti_time deadline;
static int send_cut(struct crew *w, void *value)
{
    tutti_scope_open(&inner, w->ex, deadline, 0);
    int rc = send_int(w, value);
    tutti_scope_close(&inner);
    return rc;
}
static int recv_cut(struct crew *w, void *slot)
{
    tutti_scope_open(&inner, w->ex, deadline, 0);
    int rc = recv_int(w, slot);
    tutti_scope_close(&inner);
    return rc;
}
EVERYWHERE(a_wait_that_is_cut_sends_and_takes_nothing)
{
    struct hand *h;
    int got = 0, item = 5;
    open_ints(w, 0);
    for (int sending = 0; sending < 2; sending++) {
        deadline = 1;
        CHECK_INT(crew_join(crew_go(w, sending ? send_cut : recv_cut, (void *)9)), -ETIMEDOUT);
        deadline = tutti_after(2 * TUTTI_MS);
        CHECK_INT(crew_join(crew_go(w, sending ? send_cut : recv_cut, (void *)9)), -ETIMEDOUT);
        deadline = TUTTI_NEVER;
        h = crew_go(w, sending ? send_cut : recv_cut, (void *)9);
        crew_until_waits(h);
        tutti_scope_cancel(&inner);
        CHECK_INT(crew_join(h), -ECANCELED);
    }
    crew_until_waits(crew_go(w, send_int, (void *)3));
    CHECK_INT(tutti_chan_recv(chan, &got), 1);
    CHECK_INT(got, 3);
    crew_until_waits(crew_go(w, recv_int, (void *)0));
    CHECK_INT(tutti_chan_send(chan, &item), 0);
    crew_join_all(w);
    CHECK_INT(got_by[0], 5);
    CHECK_INT(got_by[9], 0);
    return 0;
}

/* --- stress ----------------------------------------------------------------------- */

static _Atomic long sent_sum, got_sum, sent_count, got_count;
static int produce(struct crew *w, void *arg)
{
    unsigned random = check_seed() + (unsigned)(uintptr_t)arg * 2 + 1;
    for (int i = 0; i < 1000; i++) {
        int item = (int)(check_random(&random) % 1000);
        TUTTI_SCOPE(s, w->ex, check_random(&random) % 4 ? TUTTI_NEVER
                              : tutti_after(check_random(&random) % 50000), 0);
        int rc = tutti_chan_send(chan, &item);
        tutti_scope_close(&s);
        CHECK(rc == 0 || rc == -ETIMEDOUT);
        add_relaxed(&sent_sum, rc ? 0 : item);
        add_relaxed(&sent_count, rc ? 0 : 1);
    }
    return tutti_chan_close(chan);
}
static int consume(struct crew *w, void *arg)
{
    unsigned random = check_seed() + (unsigned)(uintptr_t)arg * 2 + 101;
    for (;;) {
        int item;
        TUTTI_SCOPE(s, w->ex, check_random(&random) % 4 ? TUTTI_NEVER
                              : tutti_after(check_random(&random) % 50000), 0);
        int rc = tutti_chan_recv(chan, &item);
        tutti_scope_close(&s);
        if (rc == 0)
            return 0;
        CHECK(rc == 1 || rc == -ETIMEDOUT);
        add_relaxed(&got_sum, rc == 1 ? item : 0);
        add_relaxed(&got_count, rc == 1);
        if (check_random(&random) % 8 == 0)
            crew_yield();
    }
}
static void through(struct crew *w, size_t capacity)
{
    open_ints(w, capacity);
    tutti_chan_writers(chan, 2);
    for (long i = 0; i < 3; i++)
        crew_go(w, produce, (void *)i);
    for (long i = 0; i < 3; i++)
        crew_go(w, consume, (void *)i);
    crew_join_all(w);
    CHECK_INT(sent_count, got_count);
    CHECK_INT(sent_sum, got_sum);
}
EVERYWHERE(nothing_is_lost_or_doubled)
{
    through(w, 3);
    return 0;
}
EVERYWHERE(nothing_is_lost_or_doubled_hand_to_hand)
{
    through(w, 0);
    return 0;
}

/* --- bad input --------------------------------------------------------------------- */

TEST(bad_input_is_an_error)
{
    tutti_chan *c = (tutti_chan *)1;
    tutti_executor *ex;
    tutti_scope s, closed;
    int item = 0;
    CHECK_INT(tutti_executor_open(&ex, "loop://"), 0);
    tutti_scope_open(&closed, ex, TUTTI_NEVER, 0);
    tutti_scope_close(&closed);
    CHECK_INT(tutti_chan_open(&c, &closed, 4, 1, NULL), -EINVAL);
    CHECK(!c);
    CHECK_INT(tutti_chan_open(&c, NULL, 4, 1, NULL), -EINVAL);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK_INT(tutti_chan_open(NULL, &s, 4, 1, NULL), -EINVAL);
    CHECK_INT(tutti_chan_open(&c, &s, SIZE_MAX / 2, 3, NULL), -ENOMEM);
    CHECK(!c);
    CHECK_INT(tutti_chan_send(NULL, &item), -EINVAL);
    CHECK_INT(tutti_chan_recv(NULL, &item), -EINVAL);
    CHECK_INT(tutti_chan_close(NULL), -EINVAL);
    CHECK_INT((long long)tutti_chan_length(NULL), 0);
    CHECK_INT(tutti_chan_open(&c, &s, TUTTI_ANY_SIZE, 1, NULL), 0);
    CHECK_INT(tutti_chan_send(c, NULL), -EINVAL);
    CHECK_INT(tutti_chan_recv(c, NULL), -EINVAL);
    CHECK_INT(tutti_chan_send(c, &(tutti_bytes){ NULL, 3 }), -EINVAL);
    CHECK_INT(tutti_chan_send(c, &(tutti_bytes){ "", SIZE_MAX }), -ENOMEM);
    fault_arm(1, false);
    CHECK_INT(tutti_chan_send(c, &(tutti_bytes){ "abc", 3 }), -ENOMEM);
    fault_arm(1, false);
    CHECK_INT(tutti_chan_open(&c, &s, 4, 1, NULL), -ENOMEM);
    fault_arm(0, false);
    CHECK(!c);
    tutti_scope_close(&s);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
