/* tests/fault_test.c - when the n-th request for memory, a mapping or a thread fails, for every
 * n: a code comes back, arguments are run or dropped, nothing hangs, nothing leaks (a leak
 * checker looks at each child's exit), and the library works again as soon as there is memory.
 * Each n has a process of its own, so caches are cold every time. */
#include "urls.h"
#include "base/memory.h"
#include <pthread.h>

typedef int body(const char *url);

static int wanting(int rc)
{
    return rc == -ENOMEM || rc == -EAGAIN;
}

static void one_fault(body *run, const char *url, long n, bool stays)
{
    alarm(20);
    fault_arm(n, stays);
    int rc = run(url);
    long seen = fault_arm(0, false);
    if (rc != 0 && !wanting(rc))
        check_fail(__FILE__, __LINE__, "%s, request %ld: %d (%s)", url, n, rc, tutti_why());
    if (seen < n && rc != 0)
        check_fail(__FILE__, __LINE__, "%s failed by itself: %d (%s)", url, rc, tutti_why());
    rc = run(url);
    if (rc)
        check_fail(__FILE__, __LINE__, "%s, after request %ld: %d (%s)", url, n, rc,
                   tutti_why());
    exit(seen < n ? 99 : 0);
}

static void every_fault(body *run, const char *url)
{
    for (int stays = 0; stays < 2; stays++) {
        for (long n = 1;; n++) {
            int status;
            fflush(stdout);
            pid_t pid = fork();
            if (pid == 0)
                one_fault(run, url, n, stays);
            CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
            if (WIFEXITED(status) && WEXITSTATUS(status) == 99) {
                CHECK(n > 3); /* something was asked for at all */
                break;
            }
            if (status)
                check_fail(__FILE__, __LINE__, "%s: request %ld%s: status %#x", url, n,
                           stays ? " and all later ones" : "", (unsigned)status);
        }
    }
}

#define FAULTS(name_)                                                         \
    static int name_##_body(const char *url);                                 \
    TEST(name_##__loop)                                                       \
    {                                                                         \
        every_fault(name_##_body, "loop://");                                 \
    }                                                                         \
    TEST(name_##__threads_2)                                                  \
    {                                                                         \
        every_fault(name_##_body, "threads://2");                             \
    }                                                                         \
    TEST(name_##__locked)                                                     \
    {                                                                         \
        every_fault(name_##_body, "threads://2?lock=interpreter");            \
    }                                                                         \
    static int name_##_body(const char *url)

static int first(int a, int b)
{
    return a < 0 ? a : b;
}

/* --- starts --------------------------------------------------------------- */

static atomic_int owned; /* arguments handed out and not yet run or dropped */

static int take(void *arg)
{
    (void)arg;
    atomic_fetch_sub(&owned, 1);
    return 0;
}

static void drop(void *arg)
{
    take(arg);
}

static int take_and_sleep(void *arg)
{
    take(arg);
    return tutti_sleep_until(tutti_after(2 * TUTTI_MS));
}

static int large(tutti_bytes in, tutti_out *out);
TUTTI_TASK_BYTES(large, "fault_test.large");
static int large(tutti_bytes in, tutti_out *out)
{
    int rc = tutti_put(out, in.data, in.size);
    char *more = rc < 0 ? NULL : tutti_reserve(out, 3 * in.size);
    return more ? 0 : -ENOMEM;
}

FAULTS(starts)
{
    tutti_executor *ex;
    tutti_scope s;
    tutti_future f[8], big;
    char bytes[300] = "x";
    int rc = tutti_executor_open(&ex, url), closed, code = 0;
    CHECK((rc == 0) == (ex != NULL));
    if (rc < 0)
        return *tutti_why() ? rc : -EIO;
    owned = 16;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    for (int i = 0; i < 8; i++) {
        rc = first(rc, tutti_spawn(&s, take, bytes, drop, &f[i]));
        rc = first(rc, tutti_spawn(&s, take, bytes, drop, NULL));
    }
    rc = first(rc, tutti_submit(&s, &large_task, (tutti_bytes){ bytes, 300 }, &big));
    for (int i = 0; i < 8; i++) {
        int got = tutti_future_await(f[i], NULL);
        CHECK(got == 0 || wanting(got) || got == -ECANCELED || got == -EINVAL);
        code = first(code, wanting(got) ? got : 0);
    }
    tutti_bytes b;
    if (tutti_future_await(big, &b) == 0)
        CHECK(b.size == 300 + 4 + 900 && !memcmp(b.data, bytes, 300));
    closed = tutti_scope_close(&s);
    CHECK_INT(owned, 0);
    CHECK_INT(tutti_executor_close(ex), 0);
    if (wanting(rc) && closed == 0) /* a start that failed fails the scope */
        check_fail(__FILE__, __LINE__, "close gave 0 after a start gave %d", rc);
    return first(closed, first(code, wanting(rc) ? rc : 0));
}

static void drop_and_wait(void *arg)
{
    CHECK_INT(tutti_sleep_until(tutti_after(100000)), 0);
    tutti_fail(-EIO, "words of a drop");
    take(arg);
}

/* The worker finds no stack while another task, or the opener, is about to park: what the
 * drop does must not reach their wait. */
ON_URLS(a_drop_may_wait_when_no_stack_can_be_had)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    char arg;
    owned = 60;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    fault_arm(INT32_MAX, false);
    for (int i = 0; i < 30; i++)
        CHECK_INT(tutti_spawn(&s, take_and_sleep, &arg, drop_and_wait, NULL), 0);
    fault_arm(1, true);
    for (int i = 0; i < 30; i++)
        if (tutti_spawn(&s, take_and_sleep, &arg, drop_and_wait, NULL) < 0)
            continue;
    int rc = tutti_scope_close(&s);
    fault_arm(0, false);
    CHECK(rc == 0 || wanting(rc));
    CHECK_INT(owned, 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- scopes --------------------------------------------------------------- */

static int fail_with_words(void *arg)
{
    return tutti_fail(-EPIPE, "%s broke", (const char *)arg);
}

static int never(void *arg)
{
    (void)arg;
    return tutti_sleep_until(TUTTI_NEVER);
}

static int scopes_in_task(void *arg)
{
    tutti_scope s;
    (void)arg;
    tutti_scope_open(&s, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    tutti_scope_limit(&s, 2);
    int rc = 0;
    for (int i = 0; i < 6; i++)
        rc = first(rc, tutti_go(&s, fail_with_words, (void *)"it"));
    int closed = tutti_scope_close(&s);
    CHECK(closed == -EPIPE || wanting(closed));
    if (closed == -EPIPE && !wanting(rc) && strcmp(tutti_why(), "it broke"))
        CHECK_STR(tutti_why(), tutti_strerror(-EPIPE)); /* words are the first to go */
    return first(rc, closed == -EPIPE ? 0 : closed);
}

FAULTS(scopes)
{
    tutti_executor *ex;
    tutti_scope s;
    int rc = tutti_executor_open(&ex, url);
    if (rc < 0)
        return rc;
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    rc = tutti_go(&s, scopes_in_task, NULL);
    int closed = tutti_scope_close(&s);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    rc = first(rc, tutti_go(&s, never, NULL));
    tutti_scope_expire(&s, tutti_after(TUTTI_MS)); /* needs a thread; else ends at once */
    int expired = tutti_scope_close(&s);
    CHECK(expired == -ETIMEDOUT || wanting(expired));
    CHECK_INT(tutti_executor_close(ex), 0);
    return first(first(rc, closed), expired == -ETIMEDOUT ? 0 : expired);
}

/* --- futures and promises ------------------------------------------------- */

FAULTS(futures)
{
    tutti_executor *ex;
    tutti_scope s;
    tutti_future p, f;
    char bytes[64] = "value";
    int rc = tutti_executor_open(&ex, url), n, next;
    if (rc < 0)
        return rc;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    if ((rc = tutti_promise(&s, &p)) == 0) {
        rc = tutti_future_fulfil(p, 0, (tutti_bytes){ bytes, sizeof bytes });
        if (rc == -ENOMEM) /* took nothing: it can be fulfilled still */
            CHECK_INT(tutti_future_fulfil(p, 0, (tutti_bytes){ bytes, 40 }), 0);
    }
    for (int i = 0; i < 3; i++)
        rc = first(rc, tutti_submit(&s, &large_task, (tutti_bytes){ bytes, 10 }, &f));
    for (n = 0; (next = tutti_scope_next(&s, &f)) > 0; n++)
        tutti_future_await(f, NULL);
    rc = first(rc, next);
    if (rc == 0)
        CHECK_INT(n, 4);
    rc = first(rc, tutti_scope_close(&s));
    CHECK_INT(tutti_executor_close(ex), 0);
    return rc;
}

/* --- what tasks own ------------------------------------------------------- */

static atomic_int values;

static void *make(void)
{
    atomic_fetch_add(&values, 1);
    return &values;
}
static void unmake(void *arg)
{
    (void)arg;
    atomic_fetch_sub(&values, 1);
}
static tutti_local of_task = { make, unmake, { 0 } }, of_worker = { make, unmake, { 0 } };

static int seven(void *arg)
{
    (void)arg;
    return 7;
}

static int nothing(void *arg)
{
    (void)arg;
    return 0;
}

static int own_things(void *arg)
{
    tutti_ref r;
    tutti_chan *c;
    tutti_bytes item = { "12345", 5 }, got;
    int rc = 0, n;
    (void)arg;
    if (!tutti_per_task(&of_task) || !tutti_per_worker(&of_worker))
        rc = -ENOMEM;
    if ((n = tutti_blocking(seven, NULL, NULL)) != 7)
        rc = first(rc, n);
    owned = 1;
    if ((n = tutti_blocking(nothing, &owned, drop)) != 0)
        rc = first(rc, n);
    CHECK_INT(owned, 0); /* dropped, whether it ran or not */
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    if (tutti_share(&s, 10, 10, TUTTI_WRITE, &r))
        CHECK(tutti_ref_view(&r) != NULL);
    else
        CHECK(tutti_ref_view(&r) == NULL);
    if ((n = tutti_chan_open(&c, &s, TUTTI_ANY_SIZE, 2, NULL)) == 0) {
        n = tutti_chan_send(c, &item);
        if (n == 0) {
            n = tutti_chan_recv(c, &got);
            if (n == 1)
                CHECK(got.size == 5 && !memcmp(got.data, "12345", 5));
            n = n > 0 ? 0 : n;
        }
    }
    rc = first(rc, n == -ECANCELED ? 0 : n); /* tutti_share's failure has cut us off */
    n = tutti_scope_close(&s);
    return first(rc, n);
}

FAULTS(things)
{
    int rc = tutti_run(url, own_things, NULL);
    if (strcmp(url, "loop://"))
        CHECK_INT(values, 0);
    return rc;
}

TEST_MAIN
