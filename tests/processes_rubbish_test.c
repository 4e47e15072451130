/* tests/processes_rubbish_test.c - what processes share, when one of them writes rubbish over
 * it, or when nothing more can be had. */
#include "processes_step.h"

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
