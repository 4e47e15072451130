/* Stacks and switches: fiber/.  Overflow, guards and running out: fiber_guard_test.c.
 */
#include "fiber/fiber.h"
#include "base/memory.h"
#include "check.h"
#include "fiber/inside.h"
#include <errno.h>
#include <execinfo.h>
#include <fenv.h>
#include <pthread.h>
#include <sys/mman.h>

/* tests/fiber_registers.S */
long registers_across(struct fiber *from, struct fiber *to, const uint64_t in[18],
                      uint64_t out[18]);
/* fiber_ucontext.c under other names, linked beside the switch under test */
void reference_swap(struct fiber *from, struct fiber *to);
void reference_frame(struct fiber *f, fiber_main *main);

enum { STACK = 64 << 10, MANY = 1000 };

static struct fiber home;
static struct fiber_pool *pool;
static struct fiber *many[MANY];
static long turns;

static void begin(size_t stack, size_t block, fiber_main *main)
{
    pool = fiber_pool_open(stack, block, main);
    CHECK(pool != NULL);
    fiber_adopt(&home);
}

static void end(void)
{
    fiber_pool_close(pool);
    fiber_adopt_end(&home);
}

static struct fiber *get(void)
{
    struct fiber *f = fiber_get(pool);
    CHECK(f != NULL);
    return f;
}

static void count(struct fiber *self)
{
    for (;;) {
        turns++;
        fiber_switch(self, &home);
    }
}

static void turn(struct fiber *f)
{
    fiber_switch(&home, f);
}

TEST(goes_there_and_back)
{
    begin(STACK, 0, count);
    struct fiber *f = get();
    for (int i = 0; i < 1000; i++)
        turn(f);
    CHECK_INT(turns, 1000);
    fiber_put(pool, f);
    end();
}

static uint64_t others[18], others_after[18];

static void scramble(struct fiber *self)
{
    for (;;) {
        registers_across(self, &home, others, others_after);
        CHECK(!memcmp(others, others_after, sizeof others));
    }
}

TEST(keeps_every_callee_saved_register)
{
    unsigned seed = check_seed();
    uint64_t in[18], out[18];
    begin(STACK, 0, scramble);
    struct fiber *f = get();
    for (int i = 0; i < 100; i++) {
        for (int k = 0; k < 18; k++) {
            out[k] = in[k] = (uint64_t)check_random(&seed) << 32 | check_random(&seed);
            if (i == 0)
                others_after[k] = others[k] = ~in[k];
        }
        CHECK(registers_across(&home, f, in, out) > 5);
        CHECK(!memcmp(in, out, sizeof in));
    }
    fiber_put(pool, f);
    end();
}

/* --- the same walk with the switch under test and with the reference --- */

enum { WALKERS = 7, STEPS = 5000 };
static void (*walk_swap)(struct fiber *from, struct fiber *to);
static bool walk_mixed; /* every other switch in place, of those that live over it */
static unsigned walk_seed;
static uint64_t walk_log;
static int walk_left;

/* Many values live over the switch, in registers and on the stack, whole and floating;
 * and stacks of changing depth. */
static uint64_t walk_deep(struct fiber *self, unsigned depth, double x)
{
    uint64_t a = check_random(&walk_seed), b = a * 31, c = b ^ 17, d = c + a, e = d * 7;
    double y = x * 1.5, z = y + 3;
    char text[64];
    snprintf(text, sizeof text, "%u %.3f", depth, z);
    unsigned next = check_random(&walk_seed) % (WALKERS + 1);
    struct fiber *to = next == WALKERS || walk_left <= 0 ? &home : many[next];
    if (depth % 5 && walk_left > 0)
        e += walk_deep(self, depth - 1, z);
    walk_left--;
    if (to != self && walk_mixed && walk_left % 2)
        fiber_switch_here(self, to);
    else if (to != self)
        walk_swap(self, to);
    for (char *p = text; *p; p++)
        e = e * 33 + (unsigned char)*p;
    return a + b + c + d + e + (uint64_t)(y * 8 + z * 16);
}

static void walk(struct fiber *self)
{
    for (;;)
        walk_log = walk_log * 1099511628211u
                   + walk_deep(self, check_random(&walk_seed) % 20, (double)turns++);
}

static uint64_t walk_all(void (*swap)(struct fiber *, struct fiber *),
                         void (*frame)(struct fiber *, fiber_main *))
{
    begin(STACK, 0, walk);
    for (int i = 0; i < WALKERS; i++)
        frame(many[i] = get(), walk);
    walk_swap = swap;
    walk_seed = check_seed();
    walk_log = 0;
    turns = 0;
    walk_left = STEPS;
    while (walk_left > 0)
        walk_swap(&home, many[check_random(&walk_seed) % WALKERS]);
    end();
    return walk_log;
}

TEST(does_what_the_reference_does)
{
    if (FIBER_TSAN || FIBER_ASAN)
        check_skip("the reference does not tell sanitizers of switches");
    uint64_t got = walk_all(fiber_swap, fiber_frame);
    CHECK(got == walk_all(reference_swap, reference_frame));
    walk_mixed = true;
    CHECK(got == walk_all(fiber_swap, fiber_frame));
}

TEST(floating_point_control_stays_with_the_thread)
{
#if defined(FIBER_UCONTEXT)
    check_skip("the reference saves it");
#endif
    begin(STACK, 0, count);
    struct fiber *f = get();
    turn(f);
    fesetround(FE_UPWARD);
    turn(f);
    CHECK_INT(fegetround(), FE_UPWARD);
    end();
}

/* --- stacks --- */

struct block {
    struct fiber fiber;
    long number;
    char rest[300];
};

static void fill(struct fiber *self)
{
    struct block *b = (struct block *)self;
    for (;;) {
        volatile char use[8000];
        for (size_t i = 0; i < sizeof use; i++)
            use[i] = (char)b->number;
        fiber_switch(self, &home);
        for (size_t i = 0; i < sizeof use; i++)
            CHECK(use[i] == (char)b->number);
    }
}

TEST(many_stacks_do_not_touch_each_other)
{
    begin(STACK, sizeof(struct block), fill);
    for (int i = 0; i < MANY; i++) {
        struct block *b = (struct block *)get();
        CHECK_INT(b->number, 0);
        for (size_t k = 0; k < sizeof b->rest; k++)
            CHECK_INT(b->rest[k], 0);
        many[i] = &b->fiber;
        b->number = i;
    }
    for (int round = 0; round < 3; round++)
        for (int i = 0; i < MANY; i++)
            turn(many[(i * 7) % MANY]);
    CHECK_INT((long long)fiber_pool_count(pool), MANY);
    end();
}

TEST(a_fiber_lies_as_the_header_draws_it)
{
    size_t sizes[] = { 0, FIBER_STACK_MIN, STACK, 100001, 1 << 20 };
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        begin(sizes[s], sizeof(struct block), count);
        /* what is mapped next does not begin at a round address by chance */
        CHECK(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
              != MAP_FAILED);
        for (int i = 0; i < 40; i++) {
            struct fiber *f = get();
            CHECK((size_t)(f->high - f->low) >= sizes[s]);
            CHECK(f->high - f->low >= FIBER_STACK_MIN);
            CHECK(f->high <= (char *)f && (char *)f < f->high + 4096);
            CHECK((uintptr_t)f % _Alignof(max_align_t) == 0);
            CHECK(fiber_of_guard(f->low - 1) == f);
            CHECK(!fiber_of_guard(f->low));
            char *guard = f->low - 1;
            while (fiber_of_guard(guard - 1) == f)
                guard--;
            CHECK(f->low - guard >= 4096);
            char *strand = guard - FIBER_STRAND;
            CHECK((uintptr_t)strand % FIBER_STRAND == 0);
            strand[0] = strand[FIBER_STRAND - 1] = 1; /* and it is memory */
        }
        end();
    }
}

TEST(tops_differ_over_cache_sets)
{
    begin(STACK, 0, count);
    uint64_t seen = 0;
    for (int i = 0; i < 64; i++)
        seen |= (uint64_t)1 << ((uintptr_t)get()->high / 64 % 64);
    CHECK(__builtin_popcountll(seen) >= 8);
    end();
}

TEST(the_last_one_back_is_the_first_out)
{
    begin(STACK, 0, count);
    struct fiber *a = get(), *b = get(), *c = get();
    fiber_put(pool, b);
    fiber_put(pool, a);
    fiber_put(pool, c);
    CHECK(get() == c);
    CHECK(get() == a);
    CHECK(get() == b);
    CHECK_INT((long long)fiber_pool_count(pool), 3);
    end();
}

TEST(a_reused_one_goes_on_and_keeps_its_block)
{
    begin(STACK, sizeof(struct block), count);
    struct fiber *f = get();
    ((struct block *)f)->number = 42;
    turn(f);
    fiber_put(pool, f);
    CHECK(get() == f);
    CHECK_INT(((struct block *)f)->number, 42);
    turn(f);
    CHECK_INT(turns, 2);
    fiber_put(pool, f);
    end();
}

TEST(closing_no_pool_is_fine)
{
    fiber_pool_close(NULL);
}

/* --- threads --- */

static void *churn(void *unused)
{
    (void)unused;
    struct fiber mine, *f[8];
    fiber_adopt(&mine);
    for (int i = 0; i < 2000; i++) {
        for (int k = 0; k < 8; k++) {
            f[k] = fiber_get(pool);
            CHECK(f[k] != NULL);
            CHECK(!((struct block *)f[k])->number++); /* nobody else has it */
        }
        for (int k = 0; k < 8; k++) {
            ((struct block *)f[k])->number--;
            fiber_put(pool, f[k]);
        }
    }
    fiber_adopt_end(&mine);
    return NULL;
}

TEST(threads_share_a_pool)
{
    pthread_t t[4];
    pool = fiber_pool_open(STACK, sizeof(struct block), count);
    for (int i = 0; i < 4; i++)
        CHECK(!pthread_create(&t[i], NULL, churn, NULL));
    for (int i = 0; i < 4; i++)
        pthread_join(t[i], NULL);
    CHECK(fiber_pool_count(pool) <= 32);
    fiber_pool_close(pool);
}

static void back_to_caller(struct fiber *self)
{
    struct block *b = (struct block *)self;
    for (;;)
        fiber_switch(self, (struct fiber *)(uintptr_t)b->number);
}

static void *elsewhere(void *arg)
{
    struct block *b = arg;
    struct fiber mine;
    fiber_adopt(&mine);
    b->number = (long)(uintptr_t)&mine;
    fiber_switch(&mine, &b->fiber);
    fiber_adopt_end(&mine);
    return NULL;
}

/* A pooled fiber may serve one thread after the other. */
TEST(a_fiber_between_two_runs_may_change_threads)
{
    pthread_t t;
    begin(STACK, sizeof(struct block), back_to_caller);
    struct fiber *f = get();
    for (int i = 0; i < 3; i++) {
        CHECK(!pthread_create(&t, NULL, elsewhere, f));
        pthread_join(t, NULL);
        elsewhere(f);
    }
    end();
}

/* Why a started task stays on its thread: code that was compiled for threads asks for the
 * address of errno once, and keeps it over a call that it cannot see into. */
static const int *wanderers;

__attribute__((noinline)) static void some_call(struct fiber *self)
{
    fiber_switch(self, (struct fiber *)(uintptr_t)((struct block *)self)->number);
    __asm__ volatile("" : : : "memory");
}

static void wanderer(struct fiber *self)
{
    for (;;) {
        errno = 0;
        some_call(self);
        wanderers = &errno;
    }
}

static void *its_errno(void *f)
{
    elsewhere(f);
    return &errno;
}

TEST(a_fiber_that_moved_would_use_the_errno_of_its_old_thread)
{
    pthread_t t;
    void *there;
    begin(STACK, sizeof(struct block), wanderer);
    struct fiber *f = get();
    elsewhere(f); /* it begins here, and would go on there */
    CHECK(!pthread_create(&t, NULL, its_errno, f));
    pthread_join(t, &there);
    const int *used = wanderers;
    fiber_put(pool, f);
    end();
    if (used == there)
        check_skip("this compiler has asked again");
    CHECK(used == &errno);
}

TEST(the_child_of_a_fork_forgets_other_threads_locks)
{
    begin(STACK, 0, count);
    struct fiber *f = get();
    fiber_put(pool, f);
    latch_lock(&pool->latch); /* as another thread might hold them at the fork */
    latch_lock(&pool->grow);
    fiber_after_fork();
    CHECK(get() == f);
    CHECK(get() != f);
    end();
}

/* --- what debuggers and sanitizers see --- */

static void *frame[64];
static int frames;

static void trace_back(struct fiber *self)
{
    frames = backtrace(frame, 64);
    fiber_switch(self, &home);
    abort();
}

TEST(a_backtrace_ends_where_the_fiber_began)
{
#if !defined(FIBER_UCONTEXT)
    extern void fiber_start(void);
    void *warm[4];
    backtrace(warm, 4); /* loads the unwinder, on the large stack */
    begin(256 << 10, 0, trace_back);
    turn(get());
    CHECK(frames >= 3 && frames < 10); /* trace_back, fiber_begin, fiber_start */
    uintptr_t from = (uintptr_t)frame[frames - 1] - (uintptr_t)fiber_start;
    CHECK(from > 0 && from < 32);
    end();
#else
    (void)trace_back;
    check_skip("libc's own first frame");
#endif
}

static volatile long raced;

static void race(struct fiber *self)
{
    struct block *b = (struct block *)self;
    for (;;) {
        raced++;
        fiber_switch(self, (struct fiber *)(uintptr_t)b->number);
    }
}

/* Run two fibers that write one variable, each on a thread of its own or both on this one,
 * in a child; what it says on stderr. */
static const char *race_report(bool threads)
{
    static char said[8192];
    int fd[2];
    CHECK(!pipe(fd));
    fflush(stdout);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (!pid) {
        pthread_t t[2];
        dup2(fd[1], STDERR_FILENO);
        begin(STACK, sizeof(struct block), race);
        struct fiber *f[2] = { get(), get() }; /* here: the pool's latch would order them */
        for (int i = 0; i < 2; i++)
            if (!threads)
                elsewhere(f[i]);
            else
                CHECK(!pthread_create(&t[i], NULL, elsewhere, f[i]));
        for (int i = 0; i < 2 && threads; i++)
            pthread_join(t[i], NULL);
        exit(0);
    }
    close(fd[1]);
    size_t n = 0;
    for (ssize_t got; (got = read(fd[0], said + n, sizeof said - 1 - n)) > 0;)
        n += (size_t)got;
    said[n] = 0;
    close(fd[0]);
    waitpid(pid, NULL, 0);
    return said;
}

/* Those of one thread take turns: what belongs to the thread, errno first of all, passes from
 * one to the other, and a report of it would be wrong. */
TEST(races_between_fibers_are_reported_but_not_within_a_thread)
{
#if FIBER_TSAN
    CHECK_HAS(race_report(true), "data race");
    CHECK_STR(race_report(false), "");
#else
    (void)race_report;
    check_skip("needs ThreadSanitizer");
#endif
}

TEST_MAIN
