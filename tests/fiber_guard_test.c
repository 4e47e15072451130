/* Guards below stacks: overflow by name, and running out.
 * fiber/{guard,overflow,pool}.c. */
#include "base/memory.h"
#include "check.h"
#include "fiber/fiber.h"
#include "fiber/guard.h"
#include "fiber/inside.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/resource.h>

enum { STACK = 256 << 10 };

static struct fiber home;
static struct fiber_pool *pool;
static char *volatile stray;
static char said[4096];

struct named {
    struct fiber fiber;
    const char *name;
};

static const char *name_of(const struct fiber *f)
{
    return ((const struct named *)f)->name;
}

static bool under_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");
    return preload && strstr(preload, "vgpreload");
}

/* --- children that die --- */

/* Run body in a child; how it ended as waitpid says; what it wrote to stderr is in
 * said. */
static int in_child(void (*body)(void))
{
    int fd[2], status;
    CHECK(!pipe(fd));
    fflush(stdout);
    pid_t pid = fork();
    CHECK(pid >= 0);
    if (!pid) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
        dup2(fd[1], STDERR_FILENO);
        body();
        _exit(0);
    }
    close(fd[1]);
    size_t n = 0;
    for (ssize_t got; (got = read(fd[0], said + n, sizeof said - 1 - n)) > 0;)
        n += (size_t)got;
    said[n] = 0;
    close(fd[0]);
    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

static bool died_of_fault(int status)
{
    /* AddressSanitizer's own handler was there before and exits instead. */
    return (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV)
           || ((FIBER_ASAN || FIBER_TSAN) && WIFEXITED(status) && WEXITSTATUS(status));
}

/* Endless, and not a tail call. */
__attribute__((noinline)) static int descend(int n)
{
    volatile char frame[512];
    frame[0] = (char)n;
    return n < 0 ? 0 : descend(n + 1) + frame[0];
}

static void overflow(struct fiber *self)
{
    descend(1);
    fiber_switch(self, &home);
}

static void run(size_t stack, fiber_main *main)
{
    fiber_overflow_watch(name_of);
    if (fiber_thread_begin())
        _exit(9);
    pool = fiber_pool_open(stack, sizeof(struct named), main);
    fiber_adopt(&home);
    struct named *f = (struct named *)fiber_get(pool);
    if (!f)
        _exit(8);
    f->name = "geo.area";
    fiber_switch(&home, &f->fiber);
}

static void overflow_256k(void)
{
    run(STACK, overflow);
}

TEST(an_overflow_is_reported_with_the_name_and_the_size)
{
    CHECK(died_of_fault(in_child(overflow_256k)));
    CHECK_HAS(said, "tutti: stack overflow in task \"geo.area\": its 256 KiB stack "
                    "is full; open the executor with ?stack=512k\n");
}

static void overflow_2m(void)
{
    guard_force_mappings(); /* and with the other kind of guard */
    run(2 << 20, overflow);
}

TEST(an_overflow_of_a_large_stack_suggests_a_larger_one)
{
    CHECK(died_of_fault(in_child(overflow_2m)));
    CHECK_HAS(said, "its 2 MiB stack is full; open the executor with ?stack=4m\n");
}

static void *overflow_thread(void *unused)
{
    overflow_256k();
    return unused;
}

static void overflow_elsewhere(void)
{
    pthread_t t;
    pthread_create(&t, NULL, overflow_thread, NULL);
    pthread_join(t, NULL);
}

TEST(an_overflow_on_another_thread_is_reported)
{
    CHECK(died_of_fault(in_child(overflow_elsewhere)));
    CHECK_HAS(said, "in task \"geo.area\"");
}

static void touch(struct fiber *self)
{
    *stray = 1;
    fiber_switch(self, &home);
}

static void touch_null(void)
{
    run(STACK, touch);
}

TEST(another_fault_is_no_overflow)
{
    stray = (char *)8;
    CHECK(died_of_fault(in_child(touch_null)));
    CHECK(!strstr(said, "tutti:"));
}

static void stray_into_guard(void)
{
    pool = fiber_pool_open(STACK, sizeof(struct named), touch);
    fiber_overflow_watch(name_of);
    *(volatile char *)(fiber_get(pool)->low - 1) = 1;
}

TEST(a_stray_pointer_into_a_guard_dies_but_is_no_overflow)
{
    CHECK(died_of_fault(in_child(stray_into_guard)));
    CHECK(!strstr(said, "tutti:"));
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)context;
    char text[] = "mine\n";
    if (write(STDERR_FILENO, text, strlen(text)) < 0 || number != SIGSEGV || !info)
        _exit(4);
    _exit(3);
}

static void with_handler(void)
{
    struct sigaction a = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
    sigaction(SIGSEGV, &a, NULL);
    if (stray)
        touch_null();
    else
        overflow_256k();
}

TEST(the_handler_that_was_there_gets_every_fault)
{
    if (under_valgrind())
        check_skip("valgrind's exit code replaces the handler's");
    stray = (char *)8;
    int status = in_child(with_handler);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    CHECK_STR(said, "mine\n");
    stray = NULL;
    status = in_child(with_handler);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    CHECK_HAS(said, "tutti: stack overflow");
    CHECK_HAS(said, "mine\n");
}

static void sent_while_ignored(void)
{
    signal(SIGSEGV, SIG_IGN);
    fiber_overflow_watch(name_of);
    raise(SIGSEGV);
    _exit(5);
}

static void sent(void)
{
    signal(SIGSEGV, SIG_DFL);
    fiber_overflow_watch(name_of);
    raise(SIGSEGV);
    _exit(5);
}

TEST(a_sent_signal_does_what_it_did)
{
    int status = in_child(sent_while_ignored);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
    status = in_child(sent);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

TEST(a_signal_stack_that_is_there_is_left_alone)
{
    static char mine[64 << 10];
    stack_t own = { .ss_sp = mine, .ss_size = sizeof mine }, now;
    CHECK(!sigaltstack(&own, NULL));
    CHECK_INT(fiber_thread_begin(), 0);
    fiber_thread_end();
    CHECK(!sigaltstack(NULL, &now));
    CHECK(now.ss_sp == mine && !(now.ss_flags & SS_DISABLE));
}

/* --- which guard --- */

static void idle(struct fiber *self)
{
    for (;;)
        fiber_switch(self, &home);
}

TEST(a_guard_is_found_by_its_addresses_only)
{
    static int elsewhere;
    pool = fiber_pool_open(STACK, 0, idle);
    struct fiber_pool *other = fiber_pool_open(STACK / 2, 0, idle);
    struct fiber *a = fiber_get(pool), *b = fiber_get(pool), *c = fiber_get(other);
    CHECK(fiber_of_guard(a->low - 1) == a);
    CHECK(fiber_of_guard(b->low - 4096) == b);
    CHECK(fiber_of_guard(c->low - 1) == c);
    CHECK(!fiber_of_guard(a->low) && !fiber_of_guard(a->high) && !fiber_of_guard(a));
    CHECK(!fiber_of_guard(&elsewhere) && !fiber_of_guard(NULL));
    const char *gone = c->low - 1;
    fiber_pool_close(other);
    CHECK(!fiber_of_guard(gone));
    fiber_pool_close(pool);
}

/* --- running out --- */

static int mappings(void)
{
    static char text[1 << 16];
    int lines = 0, fd = open("/proc/self/maps", O_RDONLY);
    for (ssize_t got; fd >= 0 && (got = read(fd, text, sizeof text)) > 0;)
        for (ssize_t i = 0; i < got; i++)
            lines += text[i] == '\n';
    close(fd);
    return lines;
}

enum { SOME = 100 };

static void use_some(bool *failed)
{
    *failed = true;
    pool = fiber_pool_open(STACK, 0, idle);
    if (!pool) {
        CHECK(*fiber_why() != 0);
        return;
    }
    int n = 0;
    for (; n < SOME; n++) {
        struct fiber *f = fiber_get(pool);
        if (!f)
            break;
        memset(f->low, 1, 64);
    }
    *failed = n < SOME;
    if (*failed)
        CHECK_HAS(fiber_why(), "another stack");
    CHECK_INT((long long)fiber_pool_count(pool), n);
    if (*failed && !fault_arm(0, false))
        CHECK(fiber_get(pool) != NULL); /* and later it goes on */
    fiber_pool_close(pool);
}

TEST(every_request_may_fail)
{
    bool failed;
    use_some(&failed); /* the first use allocates once and for all */
    fault_arm(1000000, false);
    use_some(&failed);
    long requests = fault_arm(0, false);
    CHECK(!failed && requests > SOME);
    int before = mappings();
    for (long n = 1; n <= requests; n++) {
        for (int on = 0; on < 2; on++) {
            fault_arm(n, on);
            use_some(&failed);
            fault_arm(0, false);
            CHECK(failed || !on || n == requests);
        }
    }
    if (!FIBER_ASAN && !FIBER_TSAN)
        CHECK(mappings() <= before + 1);
    fault_arm(1, true);
    stack_t now; /* sanitizers bring a signal stack of their own */
    CHECK(!sigaltstack(NULL, &now));
    CHECK_INT(fiber_thread_begin(), now.ss_flags & SS_DISABLE ? -ENOMEM : 0);
    fault_arm(0, false);
    CHECK_INT(fiber_thread_begin(), 0);
    fiber_thread_end();
}

TEST(running_out_of_guards_is_told_and_passes)
{
    FILE *f = fopen("/proc/sys/vm/max_map_count", "r");
    long limit = 0;
    if (!f || fscanf(f, "%ld", &limit) != 1 || limit > 100000)
        check_skip("no small limit on mappings here");
    fclose(f);
    if (FIBER_ASAN || FIBER_TSAN || under_valgrind())
        check_skip("needs an ordinary build");
    guard_force_mappings();
    pool = fiber_pool_open(FIBER_STACK_MIN, 0, idle);
    struct fiber *list = NULL, *got;
    size_t n = 0;
    for (; (got = fiber_get(pool)); n++) {
        CHECK(n <= (size_t)limit);
        got->next = list;
        list = got;
    }
    CHECK_HAS(fiber_why(), "vm.max_map_count");
    CHECK(n > (size_t)limit / 4);
    fiber_adopt(&home);
    fiber_switch(&home, list); /* what there is still works */
    fiber_put(pool, list);
    CHECK(fiber_get(pool) == list);
    fiber_pool_close(pool);
    pool = fiber_pool_open(FIBER_STACK_MIN, 0, idle);
    CHECK(fiber_get(pool) != NULL); /* and closing gives all of it back */
    fiber_pool_close(pool);
}

TEST_MAIN
