/* tests/processes_sync_inside_test.c - what processes share, when one of them dies
 * between any two stores, or writes rubbish over it.  A worker counts its steps
 * (far_step) and kills itself at the n-th, for every n there is. */
#include "processes.h"
#include "exec/processes/procs.h"
#include "sync/far/far.h"
#include <tutti/shared.h>

struct board {
    tutti_mutex lock;
    tutti_sem sem, done;
    tutti_event go, up;
    tutti_counter began;
    tutti_chan *chan, *full, *empty; /* of three longs each */
    tutti_cond cond;
    tutti_barrier barrier; /* of two */
    tutti_table *map;
};

enum op { LOCK_UNLOCK, UNLOCK_WAITED, WAIT_LOCK, SEM_ONCE, UP_WAITED, SET_WAITED, CLEAR,
          SEND_RECV, SEND_WAITED, RECV_WAITED, SIGNAL, BROADCAST, MEET, MAP_ADD, MAP_DELETE };

struct order {
    struct board *b;
    int op;
    long n; /* at which step it dies; 0: it does not */
};

#define PATIENCE (20 * TUTTI_SEC)

/* --- in a worker ------------------------------------------------------------------------ */

static void arm(long n)
{
    store_relaxed(&far_steps, n);
}

/* So that those who are to wait do, most likely: either way is right. */
static void let_others_wait(void)
{
    tutti_sleep_until(tutti_after(2 * TUTTI_MS));
}

static int lock(struct board *b)
{
    int rc = tutti_mutex_lock_cut(&b->lock);
    return rc == -TUTTI_EOWNERDEAD ? 0 : rc;
}

static int down(tutti_sem *s)
{
    int rc = tutti_sem_down(s);
    return rc == -TUTTI_EOWNERDEAD ? 0 : rc;
}

/* Whoever of the others died is told once, and no end of ours. */
static int send(tutti_chan *c, long x)
{
    int rc = tutti_chan_send(c, &x);
    return rc == -TUTTI_EOWNERDEAD ? tutti_chan_send(c, &x) : rc;
}
static int recv(tutti_chan *c, long *x)
{
    int rc = tutti_chan_recv(c, x);
    rc = rc == -TUTTI_EOWNERDEAD ? tutti_chan_recv(c, x) : rc;
    return rc == 1 ? 0 : rc < 0 ? rc : -EPIPE;
}

static int step_chan(const struct order *in)
{
    long x = 0;
    int rc = 0;
    switch (in->op) {
    case SEND_RECV:
        arm(in->n);
        rc = send(in->b->chan, 77);
        return rc ? rc : recv(in->b->chan, &x);
    case SEND_WAITED:
        let_others_wait();
        arm(in->n);
        return send(in->b->empty, 77);
    case RECV_WAITED:
        let_others_wait();
        arm(in->n);
        return recv(in->b->full, &x);
    case SIGNAL:
    case BROADCAST:
        let_others_wait();
        arm(in->n);
        if (in->op == SIGNAL)
            tutti_cond_signal(&in->b->cond);
        else
            tutti_cond_broadcast(&in->b->cond);
        return 0;
    case MEET:
        let_others_wait();
        arm(in->n);
        rc = tutti_barrier_wait(&in->b->barrier);
        return rc < 0 ? rc : 0;
    case MAP_ADD:
        arm(in->n);
        return tutti_table_add(in->b->map, (tutti_bytes){ "key", 3 }, 1, NULL);
    case MAP_DELETE:
        arm(in->n);
        return tutti_table_delete(in->b->map, (tutti_bytes){ "key", 3 });
    }
    return 0;
}

TUTTI_TASK(step, "inside.step", struct order, long);
static int step(const struct order *in, long *left)
{
    struct board *b = in->b;
    int rc = 0;
    switch (in->op) {
    case LOCK_UNLOCK:
        arm(in->n);
        rc = lock(b);
        tutti_mutex_unlock(&b->lock);
        break;
    case UNLOCK_WAITED:
        rc = lock(b);
        tutti_counter_add(&b->began, 1);
        let_others_wait();
        arm(in->n);
        tutti_mutex_unlock(&b->lock);
        break;
    case WAIT_LOCK:
        arm(in->n);
        tutti_counter_add(&b->began, 1);
        rc = lock(b);
        if (rc == 0)
            tutti_mutex_unlock(&b->lock);
        break;
    case SEM_ONCE:
        arm(in->n);
        rc = down(&b->sem);
        tutti_sem_up(&b->sem);
        break;
    case UP_WAITED:
        let_others_wait();
        arm(in->n);
        tutti_sem_up(&b->done);
        break;
    case SET_WAITED:
        let_others_wait();
        arm(in->n);
        tutti_event_set(&b->go);
        break;
    case CLEAR:
        arm(in->n);
        tutti_event_clear(&b->up);
        break;
    }
    rc = rc ? rc : step_chan(in);
    *left = load_relaxed(&far_steps);
    arm(0);
    return rc;
}

/* --- at home ------------------------------------------------------------------------------- */

struct home {
    tutti_executor *ex;
    tutti_scope s;
    struct board *b;
};

static void home_open(struct home *h, const char *url)
{
    tutti_ref r;
    h->ex = processes_open_bounded(url);
    tutti_scope_open(&h->s, h->ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    h->b = tutti_share(&h->s, 1, sizeof *h->b, TUTTI_WRITE, &r);
    CHECK_INT(tutti_mutex_share(&h->s, &h->b->lock), 0);
    CHECK_INT(tutti_sem_share(&h->s, &h->b->sem, 1), 0);
    CHECK_INT(tutti_sem_share(&h->s, &h->b->done, 0), 0);
    CHECK_INT(tutti_event_share(&h->s, &h->b->go), 0);
    CHECK_INT(tutti_event_share(&h->s, &h->b->up), 0);
    CHECK_INT(tutti_chan_share(&h->b->chan, &h->s, sizeof(long), 3), 0);
    CHECK_INT(tutti_chan_share(&h->b->full, &h->s, sizeof(long), 3), 0);
    CHECK_INT(tutti_chan_share(&h->b->empty, &h->s, sizeof(long), 3), 0);
    CHECK_INT(tutti_cond_share(&h->s, &h->b->cond), 0);
    CHECK_INT(tutti_barrier_share(&h->s, &h->b->barrier, 2), 0);
    CHECK_INT(tutti_table_share(&h->b->map, &h->s, 4, 8, 8), 0);
    for (long i = 0; i < 3; i++)
        CHECK_INT(tutti_chan_send(h->b->full, &i), 0);
}

static void home_close(struct home *h)
{
    tutti_scope_close(&h->s);
    CHECK_INT(tutti_executor_close(h->ex), 0);
}

static tutti_future start(tutti_scope *s, struct board *b, int op, long n)
{
    tutti_future f;
    struct order j = { b, op, n };
    CHECK_INT(step_submit(s, &j, &f), 0);
    return f;
}

/* Its code; *left: steps it had to spare, 0 if it died. */
static int end(tutti_future f, long *left)
{
    *left = 0;
    return tutti_future_take(f, left, sizeof *left);
}

/* A wait that comes to nothing is a hang. */
#define SOON(h, call)                                                         \
    do {                                                                      \
        tutti_scope soon;                                                     \
        tutti_scope_open(&soon, (h)->ex, tutti_after(PATIENCE), 0);           \
        int rc_ = (call);                                                     \
        if (rc_ != 0 && rc_ != -TUTTI_EOWNERDEAD)                             \
            check_fail(__FILE__, __LINE__, "%s: %d", #call, rc_);             \
        tutti_scope_close(&soon);                                             \
    } while (0)

/* After that death all is as before: nothing is held, nothing missing, nothing too
 * much. */
static void check_all_well(struct home *h)
{
    struct board *b = h->b;
    long left;
    SOON(h, tutti_mutex_lock_cut(&b->lock));
    tutti_mutex_unlock(&b->lock);
    CHECK_INT(tutti_mutex_lock(&b->lock), 0);
    tutti_mutex_unlock(&b->lock);
    CHECK_INT(end(start(&h->s, b, LOCK_UNLOCK, 0), &left), 0);
    SOON(h, tutti_sem_down(&b->sem));
    CHECK_INT(tutti_sem_trydown(&b->sem), -EBUSY);
    tutti_sem_up(&b->sem);
    CHECK_INT(end(start(&h->s, b, SEM_ONCE, 0), &left), 0);
}

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

/* --- rubbish -------------------------------------------------------------------------- */

struct fuzz {
    struct board *b;
    uint64_t from, size;
    unsigned seed, words;
};
TUTTI_TASK(go_mad, "inside.go_mad", struct fuzz, int);
static int go_mad(const struct fuzz *in, int *out)
{
    unsigned seed = in->seed;
    uint64_t *at = (uint64_t *)(uintptr_t)in->from;
    *out = 0;
    for (unsigned i = 0; i < in->words; i++) {
        uint64_t value = check_random(&seed);
        switch (value % 5) {
        case 0: value = 0; break;
        case 1: value = UINT64_MAX; break;
        case 2: value = value << 16 | (value % 5) << 4; break;
        case 3: value %= 8; break;
        default: value = value << 32 | check_random(&seed);
        }
        at[check_random(&seed) % (in->size / 8)] = value;
    }
    return 0;
}

/* Pointers are home's own: the board is what is overwritten. */
static void use_all(struct home *h, const struct board *kept)
{
    struct board *b = h->b;
    tutti_scope soon;
    tutti_scope_open(&soon, h->ex, tutti_after(30 * TUTTI_MS), 0);
    int rc = tutti_mutex_lock_cut(&b->lock);
    if (rc == 0 || rc == -TUTTI_EOWNERDEAD)
        tutti_mutex_unlock(&b->lock);
    rc = tutti_sem_down(&b->sem);
    if (rc == 0 || rc == -TUTTI_EOWNERDEAD)
        tutti_sem_up(&b->sem);
    tutti_sem_trydown(&b->done);
    tutti_event_set(&b->go);
    tutti_event_wait(&b->go);
    tutti_event_clear(&b->go);
    tutti_event_wait(&b->up);
    tutti_scope_close(&soon);
    tutti_scope_open(&soon, h->ex, tutti_after(5 * TUTTI_MS), 0);
    long x = 0;
    tutti_case k[] = { tutti_on_recv(kept->chan, &x), tutti_on_send(kept->full, &x),
                       tutti_on_recv(kept->empty, &x) };
    tutti_wait(k, 3);
    tutti_chan_send(kept->chan, &x);
    tutti_chan_recv(kept->chan, &x);
    tutti_chan_recv(kept->full, &x);
    tutti_chan_send(kept->full, &x);
    tutti_chan_length(kept->empty);
    int64_t number;
    tutti_table_add(kept->map, (tutti_bytes){ "a", 1 }, 1, &number);
    tutti_table_get(kept->map, (tutti_bytes){ "a", 1 }, &number, 8);
    tutti_table_delete(kept->map, (tutti_bytes){ "b", 1 });
    tutti_table_length(kept->map);
    tutti_cond_signal(&b->cond);
    tutti_cond_broadcast(&b->cond);
    tutti_barrier_wait(&b->barrier);
    tutti_barrier_init(&b->barrier, 2);
    tutti_scope_close(&soon);
}

TEST(rubbish_is_no_end_of_home)
{
    unsigned seed = check_seed();
    struct home h;
    home_open(&h, "processes://2");
    const struct head *head = procs_of(h.ex)->arena.head;
    const struct far_space *s = procs_of(h.ex)->space;
    const struct far *f = &s->objects[0];
    const struct board kept = *h.b;
    for (int round = 0; round < 40; round++) {
        /* The doorbells, the first states, the user's own words; many or one. */
        uint64_t from[] = { head->base + head->between, (uintptr_t)f->state,
                            (uintptr_t)h.b };
        uint64_t size[] = { 3 * sizeof(struct far_lane), 11 * 448, sizeof *h.b };
        unsigned which = check_random(&seed) % 3;
        struct fuzz in = { h.b, from[which], size[which], check_random(&seed) | 1,
                           round % 2 ? 1 + round / 8 : 200 };
        tutti_future g;
        CHECK_INT(go_mad_submit(&h.s, &in, &g), 0);
        use_all(&h, &kept);
        tutti_future_await(g, NULL);
        tutti_future_release(g);
        use_all(&h, &kept);
    }
    home_close(&h);
}

/* A lock that nobody stands by is taken away from it. */
TEST(a_forged_holder_does_not_hold_up_home)
{
    struct home h;
    home_open(&h, "processes://2");
    const struct far *f = far_find(&h.b->lock, FAR_MUTEX);
    static const uint64_t lanes[] = { 1, 2, 0xfff };
    for (int i = 0; i < 3; i++) {
        store_relaxed(&f->state->word, UINT64_C(0x123450000) | lanes[i] << 4);
        SOON(&h, tutti_mutex_lock_cut(&h.b->lock));
        tutti_mutex_unlock(&h.b->lock);
    }
    home_close(&h);
}

TEST(a_forged_latch_does_not_hold_up_home)
{
    struct home h;
    home_open(&h, "processes://2");
    const struct far *f = far_find(&h.b->sem, FAR_SEM);
    static const uint32_t words[] = { 1, 2, 3, 0xffff, 0x80000002, 0x7fff0003, 0xffffffff,
                                      0x10000, 0x80000000 };
    for (int i = 0; i < 9; i++) {
        store_relaxed(&f->state->latch, words[i]);
        SOON(&h, tutti_sem_down(&h.b->sem));
        tutti_sem_up(&h.b->sem);
    }
    home_close(&h);
}

/* --- the n-th failure ----------------------------------------------------------------- */

/* Each kind, in memory of its own that is there already. */
static int share_kind(tutti_scope *s, int kind, void *at)
{
    tutti_chan *c = NULL;
    tutti_table *t = NULL;
    int rc;
    switch (kind) {
    case 0: return tutti_mutex_share(s, at);
    case 1: return tutti_sem_share(s, at, 3);
    case 2: return tutti_event_share(s, at);
    case 3: return tutti_cond_share(s, at);
    case 4: return tutti_barrier_share(s, at, 2);
    case 5:
        rc = tutti_chan_share(&c, s, 8, 100);
        CHECK((rc == 0) == (c != NULL));
        return rc;
    default:
        rc = tutti_table_share(&t, s, 100, 8, 8);
        CHECK((rc == 0) == (t != NULL));
        return rc;
    }
}

TEST(the_nth_request_fails)
{
    struct home h;
    home_open(&h, "processes://1");
    for (int kind = 0; kind < 7; kind++) {
        long n = 1, asked = 1, failed = 0;
        for (int rc = -1; rc || asked >= n; n++) {
            CHECK(n < 50);
            tutti_scope in;
            tutti_ref r;
            tutti_scope_open(&in, h.ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
            void *at = tutti_share(&in, 1, 256, TUTTI_WRITE, &r);
            CHECK(at != NULL);
            fault_arm(n, false);
            rc = share_kind(&in, kind, at);
            asked = fault_arm(0, false);
            CHECK(rc == 0 || rc == -ENOMEM || rc == -EAGAIN);
            failed += rc != 0;
            CHECK_INT(tutti_scope_close(&in), 0);
        }
        CHECK(failed > 0);
    }
    check_all_well(&h);
    home_close(&h);
}
TEST_MAIN
