/* tests/check.h - the test harness: TEST(name) { ... CHECK(...); } and TEST_MAIN, output in
 * TAP.  Each case runs in a process of its own under a watchdog, so a crash, a hang, or a
 * check that fails on any thread or fiber ends that case alone and is reported.
 *
 *     prog                 run all cases
 *     prog NAME...         run those whose name contains one of the words
 *     CHECK_SEED=n         the seed that check_seed() gives (printed when a case fails)
 *     CHECK_TIMEOUT=s      watchdog, 60 by default */
#ifndef TESTS_CHECK_H
#define TESTS_CHECK_H
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct check_case {
    const char *name;
    void (*run)(void);
    struct check_case *next;
};
static struct check_case *check_first, **check_last = &check_first;
static unsigned check_seed_value;

enum { CHECK_SKIPPED = 77 };

#if defined(__SANITIZE_THREAD__)
#define CHECK_TSAN 1
#elif defined(__SANITIZE_ADDRESS__)
#define CHECK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CHECK_TSAN 1
#elif __has_feature(address_sanitizer)
#define CHECK_ASAN 1
#endif
#endif
#ifndef CHECK_TSAN
#define CHECK_TSAN 0 /* 1: this is built for ThreadSanitizer */
#endif
#ifndef CHECK_ASAN
#define CHECK_ASAN 0 /* 1: for AddressSanitizer */
#endif

__attribute__((unused)) static void check_enrol(struct check_case *c)
{
    *check_last = c;
    check_last = &c->next;
}

#define TEST(name_)                                                           \
    static void name_(void);                                                  \
    static struct check_case check_##name_ = { #name_, name_, NULL };         \
    __attribute__((constructor)) static void check_enrol_##name_(void)        \
    {                                                                         \
        check_enrol(&check_##name_);                                          \
    }                                                                         \
    static void name_(void)

__attribute__((unused, noreturn, format(printf, 3, 4))) static void
check_fail(const char *file, int line, const char *format, ...)
{
    char text[512];
    __builtin_va_list list;
    __builtin_va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    __builtin_va_end(list);
    char out[700];
    int n = snprintf(out, sizeof out, "# %s:%d: %s\n", file, line, text);
    ssize_t done = write(STDOUT_FILENO, out, (size_t)n);
    (void)done;
    _exit(1);
}
__attribute__((unused)) static void check_int(const char *file, int line, long long got,
                                              long long want, const char *what)
{
    if (got != want)
        check_fail(file, line, "%s is %lld, want %lld", what, got, want);
}
__attribute__((unused)) static void check_str(const char *file, int line, const char *got,
                                              const char *want, const char *what)
{
    if (!got || strcmp(got, want))
        check_fail(file, line, "%s is \"%s\", want \"%s\"", what, got ? got : "(null)", want);
}
__attribute__((unused)) static void check_has(const char *file, int line, const char *got,
                                              const char *part, const char *what)
{
    if (!got || !strstr(got, part))
        check_fail(file, line, "%s is \"%s\", which lacks \"%s\"", what,
                   got ? got : "(null)", part);
}
#define CHECK(x)                                                              \
    do {                                                                      \
        if (!(x))                                                             \
            check_fail(__FILE__, __LINE__, "%s", #x);                         \
    } while (0)
#define CHECK_INT(got, want) check_int(__FILE__, __LINE__, (got), (want), #got)
#define CHECK_STR(got, want) check_str(__FILE__, __LINE__, (got), (want), #got)
#define CHECK_HAS(got, part) check_has(__FILE__, __LINE__, (got), (part), #got)

__attribute__((unused, noreturn)) static void check_skip(const char *why)
{
    printf("# skipped: %s\n", why);
    fflush(stdout);
    _exit(CHECK_SKIPPED);
}
/* A seed for this case, printed when it fails. */
__attribute__((unused)) static unsigned check_seed(void)
{
    return check_seed_value;
}
/* xorshift: a random number from *state, which must not be 0. */
__attribute__((unused)) static unsigned check_random(unsigned *state)
{
    unsigned x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

static int check_run(const struct check_case *c, unsigned timeout)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(timeout);
        c->run();
        fflush(stdout);
        exit(0); /* not _exit: leak checkers report at exit */
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return 1;
    if (WIFSIGNALED(status))
        printf("# %s\n", WTERMSIG(status) == SIGALRM ? "hung: ended by the watchdog"
                                                     : strsignal(WTERMSIG(status)));
    return WIFSIGNALED(status) ? 1 : WEXITSTATUS(status);
}

static int check_wanted(const struct check_case *c, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strstr(c->name, argv[i]))
            return 1;
    return argc < 2;
}

__attribute__((unused)) static int check_main(int argc, char **argv)
{
    const char *seed = getenv("CHECK_SEED"), *limit = getenv("CHECK_TIMEOUT");
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    check_seed_value = seed ? (unsigned)strtoul(seed, NULL, 0)
                            : ((unsigned)now.tv_nsec ^ (unsigned)now.tv_sec) | 1u;
    int count = 0, failed = 0;
    for (struct check_case *c = check_first; c; c = c->next) {
        if (!check_wanted(c, argc, argv))
            continue;
        int rc = check_run(c, limit ? (unsigned)atoi(limit) : 60);
        count++;
        if (rc == CHECK_SKIPPED) {
            printf("ok %d - %s # SKIP\n", count, c->name);
        } else if (rc) {
            failed++;
            printf("not ok %d - %s\n# seed: CHECK_SEED=%u\n", count, c->name,
                   check_seed_value);
        } else {
            printf("ok %d - %s\n", count, c->name);
        }
    }
    printf("1..%d\n", count);
    return failed > 0;
}
#define TEST_MAIN                                                             \
    int main(int argc, char **argv)                                           \
    {                                                                         \
        return check_main(argc, argv);                                        \
    }
#endif
