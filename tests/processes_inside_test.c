/* tests/processes_inside_test.c - a worker gone mad writes rubbish wherever it can, which is
 * its own pages: home lives, gives every task one outcome, and goes on.  And the book of free
 * pages, against a plain one. */
#include "exec/processes/extents.h"
#include "exec/processes/procs.h"
#include "exec/processes/serve.h"
#include "processes.h"
#include "sync/far/far.h"
#include <fcntl.h>
#include <sys/mman.h>

/* --- rubbish ------------------------------------------------------------------ */

TUTTI_TASK(sane, "inside.sane", int, int);
static int sane(const int *in, int *out)
{
    *out = *in + 1;
    return 0;
}

/* Values that are nearly right do more harm than random ones. */
static uint64_t nearly(unsigned *seed, uint64_t right)
{
    switch (check_random(seed) % 6) {
    case 0: return right;
    case 1: return right + 1;
    case 2: return right + (UINT64_C(1) << (check_random(seed) % 64));
    case 3: return (uint64_t)check_random(seed) << 32 | check_random(seed);
    case 4: return UINT64_MAX - check_random(seed) % 9;
    default: return check_random(seed) % 5000;
    }
}

static void spoil_answer(struct answer *a, uint64_t number, unsigned *seed)
{
    const struct lane_shared *lane = serving.lane;
    a->code = (int32_t)nearly(seed, 0);
    a->out = nearly(seed, lane->outbox);
    a->size = nearly(seed, sizeof(int));
    a->words = (uint32_t)nearly(seed, 20);
    store_relaxed(&a->done, (uint32_t)nearly(seed, 1)); /* rubbish has no order, here and below */
    store_relaxed(&a->tag, nearly(seed, number << ANSWER_BITS | ANSWER_DONE));
}

TUTTI_TASK(mad, "inside.mad", unsigned, int);
static int mad(const unsigned *in, int *out)
{
    unsigned seed = *in | 1;
    struct own *own = serving.own;
    *out = 1;
    for (int i = 0; i < 40; i++) {
        uint64_t number = turn_of_caller(&serving) + check_random(&seed) % 4;
        spoil_answer(&own->answer[number % RING], number, &seed);
    }
    store_relaxed(&own->seen, nearly(&seed, 0));
    store_relaxed(&own->asleep, check_random(&seed) % 2);
    store_relaxed(&own->retired, check_random(&seed) % 2);
    for (int i = 0; i < EVENTS; i++) {
        struct event *e = &own->event[i];
        store_relaxed(&e->what, (uint32_t)nearly(&seed, (1 + (unsigned)i) << EVENT_BITS | 1));
        store_relaxed(&e->name, (uint32_t)nearly(&seed, 1));
        store_relaxed(&e->value, (int64_t)nearly(&seed, 0));
    }
    memset(own->crash.waited, '%', sizeof own->crash.waited);
    own->objects = (uint32_t)nearly(&seed, 10);
    own->crash.frames = (uint32_t)nearly(&seed, 3);
    own->crash.number = nearly(&seed, turn_of_caller(&serving));
    for (int i = 0; i < OBJECTS; i++)
        memset(own->object[i].path, check_random(&seed) % 2 ? 'x' : '%', MODULE_PATH);
    memset(own->side[turn_of_caller(&serving) % RING], (int)(seed % 256), SIDE);
    if (check_random(&seed) % 2)
        raise(SIGSEGV);
    return -(int)(check_random(&seed) % 200);
}

static void survive(const char *url, int rounds)
{
    enum { AROUND = 20 };
    tutti_executor *ex = processes_open_bounded(url);
    unsigned seed = check_seed();
    for (int round = 0; round < rounds; round++) {
        tutti_scope s;
        tutti_future f[AROUND], m;
        unsigned in = check_random(&seed);
        tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
        for (int i = 0; i < AROUND; i++) {
            CHECK_INT(sane_submit(&s, &i, &f[i]), 0);
            if (i == AROUND / 2)
                CHECK_INT(mad_submit(&s, &in, &m), 0);
        }
        /* Those of the same worker may get anything it says, but they get it once. */
        for (int i = 0; i < AROUND; i++)
            tutti_future_await(f[i], NULL);
        tutti_future_await(m, NULL);
        tutti_scope_close(&s);
    }
    for (int i = 0; i < 50; i++) { /* replaced or come to its senses */
        tutti_scope s;
        int out = 0, rc;
        tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
        rc = sane_call(&s, &i, &out);
        CHECK(rc < 0 || out == i + 1 || i < 10);
        tutti_scope_close(&s);
    }
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(home_survives_workers_that_write_rubbish)
{
    survive("processes://2?grace-ms=100", 300);
}
TEST(home_survives_such_as_run_several_tasks)
{
    survive("processes://2?grace-ms=100&inner=threads://2", 150);
}
TEST(home_survives_such_as_have_a_file_behind_their_outbox)
{
    survive("processes://2?grace-ms=100&arena=1m&spill=/tmp", 100);
}

/* --- the book of pages ----------------------------------------------------------- */

/* Who waits holds latches of records, which the keeper takes under the executor's: it hung. */
TEST(who_lives_can_be_asked_while_the_executor_is_busy)
{
    processes_needed();
    tutti_executor *ex = processes_open_bounded("processes://1");
    struct procs *p = procs_of(ex);
    latch_lock(&p->latch);
    CHECK_INT(p->space->host.lane_is(p->space->host.ctx, 1), FAR_RUNS);
    p->space->host.lane_kill(p->space->host.ctx, 1);
    latch_unlock(&p->latch);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(pages_are_given_to_one_at_a_time)
{
    enum { PAGES = 200, HELD = 40 };
    struct extents e;
    unsigned seed = check_seed();
    size_t size = (size_t)PAGES * EXTENT_PAGE;
    unsigned char *base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
                               -1, 0);
    CHECK(base != MAP_FAILED);
    CHECK_INT(extents_init(&e, base, size, size / 2), 0);
    struct {
        unsigned char *at;
        size_t n;
        unsigned char mark;
    } held[HELD] = { { NULL, 0, 0 } };
    for (int i = 0; i < 20000; i++) {
        unsigned k = check_random(&seed) % HELD;
        if (held[k].at) {
            for (size_t b = 0; b < held[k].n; b += 512)
                CHECK_INT(held[k].at[b], held[k].mark);
            extents_give(&e, held[k].at, held[k].n);
            held[k].at = NULL;
            continue;
        }
        bool zeroed;
        held[k].n = 1 + check_random(&seed) % (12 * EXTENT_PAGE);
        held[k].at = extents_take(&e, held[k].n, &zeroed);
        held[k].mark = (unsigned char)(i % 255 + 1);
        if (!held[k].at)
            continue;
        CHECK(held[k].at >= base && held[k].at + held[k].n <= base + size);
        for (size_t b = 0; zeroed && b < held[k].n; b += 512)
            CHECK_INT(held[k].at[b], 0);
        memset(held[k].at, held[k].mark, held[k].n);
    }
    for (int k = 0; k < HELD; k++)
        if (held[k].at)
            extents_give(&e, held[k].at, held[k].n);
    bool zeroed;
    CHECK(!extents_take(&e, size + 1, &zeroed));
    extents_fini(&e);
    munmap(base, size);
}

/* --- a home that has ended --------------------------------------------------------------- */

/* The arena of a home with that number of a process. */
static int arena_of(pid_t home, char *variable, size_t size)
{
    struct head h = { .magic = ARENA_MAGIC, .nonce = 7, .base = 0x1000, .home = home,
                      .workers = 1 };
    int fd = memfd_create("arena", MFD_ALLOW_SEALING);
    CHECK(fd >= 0 && write(fd, &h, sizeof h) == sizeof h);
    CHECK_INT(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    snprintf(variable, size, "%d,%d,%d,0,%llx,%llx", fd, fd, fd, 0x1000ULL, 7ULL);
    return fd;
}

TEST(a_worker_whose_home_has_ended_ends_and_never_runs_main)
{
    int out[2], status;
    char variable[100], said[100];
    processes_needed();
    int arena = arena_of(getpid() + 1, variable, sizeof variable); /* not our child's parent */
    CHECK_INT(pipe(out), 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(out[1], STDERR_FILENO);
        setenv("TUTTI_WORKER", variable, 1);
        execl("/proc/self/exe", "worker", "pages_are_given", (char *)NULL);
        _exit(9);
    }
    close(out[1]);
    CHECK_INT(read(out[0], said, sizeof said), 0);
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(arena);
}

TEST_MAIN
