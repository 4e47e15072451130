/* shared_bench.c - what locks and channels between worker processes cost
 * (tutti/shared.h).
 *
 *     shared_bench [-w WORKERS] [-r ROUNDS] [NAME...]      without names: all
 *
 * proc-channel is an item that one worker sends to another, and that one back, on a
 * channel each way; proc-lock a mutex locked and unlocked by one process alone. */
#include "measure.h"
#include <stdlib.h>
#include <tutti/shared.h>

static int tiny; /* BENCH_TINY: everything as small as a test wants it */

static int pick(int usual, int small)
{
    return tiny ? small : usual;
}

struct pair {
    tutti_chan *there, *back;
    int n, first; /* who begins */
};

TUTTI_TASK(ball, "bench.ball", struct pair, double);
static int ball(const struct pair *in, double *out)
{
    tutti_time began = 0;
    int64_t x = 0;
    for (int i = 0; i < in->n; i++) {
        if (i == in->n / 10) /* both are there, and awake */
            began = tutti_now();
        if (in->first && tutti_chan_send(in->there, &x) < 0)
            return -EIO;
        if (tutti_chan_recv(in->first ? in->back : in->there, &x) != 1)
            return -EIO;
        x++;
        if (!in->first && tutti_chan_send(in->back, &x) < 0)
            return -EIO;
    }
    *out = bench_ns(began, in->n - in->n / 10);
    return x < in->n ? -EIO : 0;
}

static double channel(void)
{
    tutti_executor *ex;
    tutti_scope s;
    double took = 0, other;
    int rc = tutti_executor_open(&ex, "processes://2");
    if (rc < 0)
        return rc;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    struct pair p = { NULL, NULL, pick(20000, 20), 1 };
    tutti_future f, g;
    if ((rc = tutti_chan_share(&p.there, &s, sizeof(int64_t), 1)) == 0
        && (rc = tutti_chan_share(&p.back, &s, sizeof(int64_t), 1)) == 0) {
        ball_submit(&s, &p, &f);
        p.first = 0;
        ball_submit(&s, &p, &g);
        rc = ball_take(f, &took);
        rc = rc < 0 ? rc : ball_take(g, &other);
    }
    tutti_scope_close(&s);
    tutti_executor_close(ex);
    return rc < 0 ? rc : took;
}

static double lock(void)
{
    tutti_executor *ex;
    tutti_scope s;
    tutti_ref r;
    int n = pick(1000000, 100), rc = tutti_executor_open(&ex, "processes://1");
    if (rc < 0)
        return rc;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    tutti_mutex *m = tutti_share(&s, 1, sizeof *m, TUTTI_WRITE, &r);
    rc = m ? tutti_mutex_share(&s, m) : -ENOMEM;
    tutti_time began = tutti_now();
    for (int i = 0; i < n && rc == 0; i++) {
        rc = tutti_mutex_lock(m);
        tutti_mutex_unlock(m);
    }
    double took = bench_ns(began, n);
    tutti_scope_close(&s);
    tutti_executor_close(ex);
    return rc < 0 ? rc : took;
}

int main(int argc, char **argv)
{
    static const struct bench benches[] = { { "proc-channel", channel, 2 },
                                            { "proc-lock", lock, 1 } };
    tiny = getenv("BENCH_TINY") != NULL;
    return bench_main(argc, argv, benches, sizeof benches / sizeof *benches);
}
