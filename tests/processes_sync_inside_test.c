/* tests/processes_sync_inside_test.c - what processes share, when one of them dies between any
 * two stores, for every n-th step there is. */
#include "processes_step.h"

/* --- at home ------------------------------------------------------------------------------- */

/* Let `op` die at each of its steps, with `beside` done at home meanwhile; how many. */
static int at_each_step(struct home *h, int op, void (*beside)(struct home *h, bool died))
{
    for (long n = 1; n < 400; n++) {
        long left;
        tutti_future f = start(&h->s, h->b, op, n);
        if (beside)
            beside(h, false);
        int rc = end(f, &left);
        if (beside)
            beside(h, true);
        if (rc != -TUTTI_ECRASH) {
            CHECK_INT(rc, 0);
            CHECK(left > 0);
            return (int)n - 1;
        }
        check_all_well(h);
    }
    check_fail(__FILE__, __LINE__, "there is no end of steps");
}

TEST(lock_and_unlock_alone)
{
    struct home h;
    home_open(&h, "processes://2");
    CHECK(at_each_step(&h, LOCK_UNLOCK, NULL) > 3);
    home_close(&h);
}

TEST(down_and_up_alone)
{
    struct home h;
    home_open(&h, "processes://2");
    CHECK(at_each_step(&h, SEM_ONCE, NULL) > 5);
    home_close(&h);
}

/* While the worker holds it, home and a third process wait for it. */
static tutti_future third;
static void wait_for_lock(struct home *h, bool after)
{
    long left;
    if (after) {
        CHECK_INT(end(third, &left), 0);
        return;
    }
    while (!tutti_counter_get(&h->b->began))
        tutti_yield();
    tutti_counter_add(&h->b->began, -1);
    third = start(&h->s, h->b, LOCK_UNLOCK, 0);
    SOON(h, tutti_mutex_lock_cut(&h->b->lock));
    tutti_mutex_unlock(&h->b->lock);
}

TEST(unlock_while_a_thread_and_another_worker_wait)
{
    struct home h;
    home_open(&h, "processes://2");
    CHECK(at_each_step(&h, UNLOCK_WAITED, wait_for_lock) > 1);
    home_close(&h);
}

/* Home holds it while the worker waits, and another behind it. */
static void hold_lock(struct home *h, bool after)
{
    long left;
    if (after) {
        CHECK_INT(end(third, &left), 0);
        return;
    }
    third = start(&h->s, h->b, LOCK_UNLOCK, 0);
    let_others_wait();
    tutti_mutex_unlock(&h->b->lock);
}

TEST(a_waiter_dies_at_each_step_of_its_wait)
{
    struct home h;
    home_open(&h, "processes://2");
    for (long n = 1; n < 400; n++) {
        long left;
        SOON(&h, tutti_mutex_lock_cut(&h.b->lock));
        tutti_future f = start(&h.s, h.b, WAIT_LOCK, n);
        hold_lock(&h, false);
        int rc = end(f, &left);
        hold_lock(&h, true);
        check_all_well(&h);
        if (rc != -TUTTI_ECRASH) {
            CHECK(n > 3);
            break;
        }
    }
    home_close(&h);
}

TEST(up_while_somebody_waits)
{
    struct home h;
    home_open(&h, "processes://2");
    for (long n = 1; n < 100; n++) {
        long left;
        tutti_future f = start(&h.s, h.b, UP_WAITED, n);
        tutti_scope soon;
        /* At the first it has not been up yet: nothing is to come. */
        tutti_scope_open(&soon, h.ex, tutti_after(n == 1 ? 100 * TUTTI_MS : PATIENCE), 0);
        int got = tutti_sem_down(&h.b->done);
        tutti_scope_close(&soon);
        int rc = end(f, &left);
        if (n == 1)
            CHECK_INT(got, -ETIMEDOUT);
        else
            CHECK(got == 0);
        if (rc == 0)
            break;
    }
    CHECK_INT(tutti_sem_trydown(&h.b->done), -EBUSY);
    home_close(&h);
}

TEST(set_while_two_wait)
{
    struct home h;
    home_open(&h, "processes://2");
    for (long n = 2; n < 100; n++) { /* at the first it is not set yet */
        long left;
        tutti_event_clear(&h.b->go);
        tutti_future f = start(&h.s, h.b, SET_WAITED, n);
        SOON(&h, tutti_event_wait(&h.b->go));
        int rc = end(f, &left);
        if (rc == 0)
            break;
        CHECK(n < 50);
    }
    home_close(&h);
}

/* Nothing but whole items, and never more than one too few or many. */
TEST(send_and_receive_alone)
{
    struct home h;
    home_open(&h, "processes://2");
    for (long n = 1; n < 400; n++) {
        long left, x;
        int rc = end(start(&h.s, h.b, SEND_RECV, n), &left), items = 0, got;
        tutti_scope soon;
        tutti_scope_open(&soon, h.ex, tutti_after(PATIENCE), 0);
        /* Not a wait: it has died, which is told when there is nothing. */
        while (rc && (got = tutti_chan_recv(h.b->chan, &x)) == 1) {
            CHECK_INT(x, 77);
            items++;
        }
        tutti_scope_close(&soon);
        if (rc == 0) {
            CHECK(n > 8);
            break;
        }
        CHECK_INT(rc, -TUTTI_ECRASH);
        CHECK(items <= 1);
        /* Before its first step it had not begun to send. */
        CHECK(got == -TUTTI_EOWNERDEAD || (got == -ETIMEDOUT && n == 1));
        check_all_well(&h);
    }
    CHECK_INT(tutti_chan_length(h.b->chan), 0);
    home_close(&h);
}

TEST(send_while_a_thread_waits)
{
    struct home h;
    home_open(&h, "processes://2");
    for (long n = 1; n < 400; n++) {
        long left, x = 0;
        tutti_future f = start(&h.s, h.b, SEND_WAITED, n);
        int got = tutti_chan_recv(h.b->empty, &x);
        int rc = end(f, &left);
        if (got == 1) {
            CHECK_INT(x, 77);
        } else {
            CHECK_INT(got, -TUTTI_EOWNERDEAD);
            CHECK_INT(rc, -TUTTI_ECRASH);
        }
        if (got == 1 && rc) { /* its death has not been told yet */
            CHECK_INT(tutti_chan_recv(h.b->empty, &x), -TUTTI_EOWNERDEAD);
        }
        CHECK_INT(tutti_chan_length(h.b->empty), 0);
        if (rc == 0) {
            CHECK(n > 5);
            break;
        }
    }
    home_close(&h);
}

TEST(receive_while_a_thread_waits_for_room)
{
    struct home h;
    home_open(&h, "processes://2");
    for (long n = 1; n < 400; n++) {
        long left, x = 3;
        tutti_future f = start(&h.s, h.b, RECV_WAITED, n);
        int put = tutti_chan_send(h.b->full, &x);
        int rc = end(f, &left);
        if (put) {
            CHECK_INT(put, -TUTTI_EOWNERDEAD);
            CHECK_INT(rc, -TUTTI_ECRASH);
        } else if (rc) {
            CHECK_INT(tutti_chan_send(h.b->full, &x), -TUTTI_EOWNERDEAD);
        }
        CHECK_INT(tutti_chan_length(h.b->full), 3);
        if (rc == 0) {
            CHECK(n > 5);
            break;
        }
    }
    home_close(&h);
}

TEST(signal_and_broadcast_while_two_wait)
{
    struct home h;
    home_open(&h, "processes://2");
    for (int op = SIGNAL; op <= BROADCAST; op++)
        for (long n = 1; n < 100; n++) {
            long left;
            SOON(&h, tutti_mutex_lock_cut(&h.b->lock));
            tutti_future f = start(&h.s, h.b, op, n);
            SOON(&h, tutti_cond_wait(&h.b->cond, &h.b->lock));
            tutti_mutex_unlock(&h.b->lock);
            int rc = end(f, &left);
            if (rc == 0) {
                CHECK(n > 1);
                break;
            }
            CHECK_INT(rc, -TUTTI_ECRASH);
        }
    home_close(&h);
}

TEST(come_to_a_barrier_where_a_thread_waits)
{
    struct home h;
    home_open(&h, "processes://2");
    for (long n = 1; n < 100; n++) {
        long left;
        tutti_scope soon;
        tutti_scope_open(&soon, h.ex, tutti_after(PATIENCE), 0);
        tutti_future f = start(&h.s, h.b, MEET, n);
        int met = tutti_barrier_wait(&h.b->barrier);
        tutti_scope_close(&soon);
        int rc = end(f, &left);
        CHECK(met >= 0 || met == -TUTTI_EOWNERDEAD);
        tutti_barrier_init(&h.b->barrier, 2);
        if (rc == 0) {
            CHECK(n > 2);
            break;
        }
        CHECK_INT(rc, -TUTTI_ECRASH);
    }
    home_close(&h);
}

/* A call of a map is done or not, whole. */
TEST(a_map_at_each_step)
{
    struct home h;
    home_open(&h, "processes://2");
    int64_t was = 0, now;
    tutti_bytes key = { "key", 3 };
    for (int op = MAP_ADD; op <= MAP_DELETE; op++)
        for (long n = 1; n < 100; n++) {
            long left;
            int rc = end(start(&h.s, h.b, op, n), &left);
            int64_t size = tutti_table_get(h.b->map, key, &now, sizeof now);
            if (size == -ENOENT)
                now = 0;
            else
                CHECK_INT(size, 8);
            if (op == MAP_ADD)
                CHECK(now == was || now == was + 1);
            else
                CHECK(now == 0 || now == was);
            if (op == MAP_DELETE && size == -ENOENT && rc)
                tutti_table_add(h.b->map, key, now = 5, NULL);
            was = now;
            tutti_counter_add(&h.b->began, 0);
            /* Home may not have counted anew yet: by one it may be off. */
            CHECK(tutti_table_length(h.b->map) <= 2);
            if (rc == 0)
                break;
            CHECK_INT(rc, -TUTTI_ECRASH);
        }
    home_close(&h);
}

/* --- at random ------------------------------------------------------------------------ */

TEST(kills_at_random_leave_nothing_held)
{
    unsigned seed = check_seed();
    struct home h;
    home_open(&h, "processes://3");
    for (int round = 0; round < 30; round++) {
        tutti_future f[6];
        long left;
        for (int i = 0; i < 6; i++)
            f[i] = start(&h.s, h.b, check_random(&seed) % 2 ? LOCK_UNLOCK : SEM_ONCE,
                         1 + check_random(&seed) % 24);
        SOON(&h, tutti_mutex_lock_cut(&h.b->lock));
        tutti_mutex_unlock(&h.b->lock);
        for (int i = 0; i < 6; i++) {
            int rc = end(f[i], &left);
            CHECK(rc == 0 || rc == -TUTTI_ECRASH);
        }
    }
    check_all_well(&h);
    home_close(&h);
}

TEST_MAIN
