/* tests/processes_sandbox_test.c - what a sandbox refuses fails the task that asked for it, by
 * the name of the call; what it allows goes on; limits hold; and a worker that the kernel
 * killed for want of memory is told from one that somebody killed. */
#include "processes.h"
#include <tutti/shared.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
enum { HAS_ASAN = 1 };
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
enum { HAS_ASAN = 1 };
#else
enum { HAS_ASAN = 0 };
#endif
#else
enum { HAS_ASAN = 0 };
#endif

enum deed {
    NOTHING, READ, WRITE, UNLINK, SOCKET, FORK, RUN, THREAD, RING, PRIVILEGES, BIND, CHMOD,
    BIG, LONG_FILE, SPIN, SLEEP, TRACE, DIE
};

static void *thread(void *arg)
{
    return arg;
}

static int bind_here(void)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    snprintf(at.sun_path, sizeof at.sun_path, "/tmp/tutti-sandbox-%d", getpid());
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    int rc = fd < 0 || bind(fd, (struct sockaddr *)(void *)&at, sizeof at) < 0 ? -errno : 0;
    close(fd);
    unlink(at.sun_path);
    return rc;
}

static int write_much(void)
{
    int fd = memfd_create("long", 0), rc = 0;
    char block[4096] = { 0 };
    for (int i = 0; i < 100 && rc >= 0; i++)
        rc = (int)write(fd, block, sizeof block);
    close(fd);
    return rc < 0 ? -errno : 0;
}

TUTTI_TASK(act, "sandbox.act", int, int);
static int act(const int *in, int *out)
{
    pthread_t t;
    char *much;
    *out = 1;
    switch ((enum deed)*in) {
    case READ: *out = open("/dev/null", O_RDONLY); return *out < 0 ? -errno : close(*out);
    case WRITE: *out = open("/dev/null", O_WRONLY); return *out < 0 ? -errno : close(*out);
    case UNLINK: return unlink("/nowhere/at/all") < 0 ? -errno : 0;
    case CHMOD: return chmod("/nowhere/at/all", 0) < 0 ? -errno : 0;
    case SOCKET: *out = socket(AF_INET, SOCK_DGRAM, 0); return close(*out);
    case FORK: return fork() ? 0 : (_exit(0), 0);
    case RUN: return execl("/bin/true", "true", (char *)NULL);
    case THREAD: return -pthread_create(&t, NULL, thread, NULL) ? -EAGAIN : pthread_join(t, NULL);
    case RING: return syscall(SYS_io_uring_setup, 1, NULL) < 0 ? -errno : 0;
    case PRIVILEGES: *out = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); return 0;
    case BIND: return bind_here();
    case BIG:
        much = malloc(300 << 20);
        if (!much)
            return -ENOMEM;
        for (size_t i = 0; i < 300 << 20; i += 4096)
            ((volatile char *)much)[i] = 1;
        free(much);
        return 0;
    case LONG_FILE: return write_much();
    case SPIN:
        for (;;)
            ;
    case SLEEP: return tutti_sleep_until(tutti_after(TUTTI_MS));
    case TRACE: return (int)syscall(SYS_ptrace, 0, 0, 0, 0);
    case DIE: return raise(SIGKILL);
    default: return 0;
    }
}

static tutti_executor *ex;
static tutti_scope scope;

static void begin(const char *url)
{
    if (CHECK_TSAN)
        check_skip("ThreadSanitizer's own calls are refused");
    ex = processes_open_bounded(url);
    tutti_scope_open(&scope, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
}

static int does(enum deed deed, int *out)
{
    int in = (int)deed;
    return act_call(&scope, &in, out);
}

static void allowed(enum deed deed)
{
    int out, rc = does(deed, &out);
    if (rc)
        check_fail(__FILE__, __LINE__, "deed %d: %d: %s", (int)deed, rc, tutti_why());
}

static void refused(enum deed deed, const char *name)
{
    int out;
    CHECK_INT(does(deed, &out), -TUTTI_ECRASH);
    CHECK_HAS(tutti_why(), "sandbox.act");
    CHECK_HAS(tutti_why(), "SIGSYS");
    CHECK_HAS(tutti_why(), name);
    CHECK_HAS(tutti_why(), "sandbox refuses");
}

static void end(void)
{
    allowed(NOTHING);
    CHECK_INT(tutti_scope_close(&scope), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(without_one_all_goes)
{
    int out;
    begin("processes://1");
    for (int deed = READ; deed <= THREAD; deed++)
        if (deed != UNLINK && deed != FORK && deed != RUN)
            allowed((enum deed)deed);
    CHECK_INT(does(PRIVILEGES, &out), 0);
    CHECK_INT(out, 0);
    end();
}

TEST(readonly_refuses_changes_by_name)
{
    int out;
    begin("processes://1?sandbox=readonly");
    allowed(READ);
    allowed(SOCKET);
    allowed(THREAD);
    refused(WRITE, "open");
    refused(UNLINK, "unlink");
    refused(CHMOD, "chmod");
    CHECK_INT(does(PRIVILEGES, &out), 0);
    CHECK_INT(out, 1);
    end();
}

TEST(nofiles_refuses_to_open_any)
{
    begin("processes://1?sandbox=nofiles");
    refused(READ, "open");
    refused(WRITE, "open");
    allowed(SLEEP);
    end();
}

TEST(nonet_refuses_sockets)
{
    begin("processes://1?sandbox=nonet");
    allowed(READ);
    allowed(WRITE);
    refused(SOCKET, "socket");
    end();
}

TEST(noexec_refuses_processes_but_not_threads)
{
    begin("processes://1?sandbox=noexec");
    allowed(THREAD);
    refused(RUN, "execve");
    refused(FORK, "clone");
    end();
}

TEST(any_sandbox_keeps_from_the_kernels_inside)
{
    int out;
    begin("processes://1?sandbox=nonet");
    CHECK_INT(does(RING, &out), -ENOSYS); /* quietly: there are other ways */
    refused(TRACE, "ptrace");
    end();
}

TEST(all_leaves_a_runtime_that_works)
{
    begin("processes://2?sandbox=all&inner=threads://2&recycle-memory=2g");
    for (int i = 0; i < 20; i++) {
        allowed(NOTHING);
        allowed(SLEEP);
        allowed(THREAD);
    }
    refused(READ, "open");
    refused(SOCKET, "socket");
    end();
}

/* What processes share needs no call that a sandbox refuses, also where they wait for it. */
struct shared {
    tutti_mutex lock;
    tutti_event go;
    long sum;
};
struct shared_in {
    struct shared *b;
    tutti_chan *to;
    tutti_table *words;
    int n;
};
TUTTI_TASK(share, "sandbox.share", struct shared_in, int);
static int share(const struct shared_in *in, int *out)
{
    int rc = tutti_event_wait(&in->b->go);
    for (long i = 0; i < in->n && rc == 0; i++) {
        tutti_mutex_lock(&in->b->lock);
        in->b->sum++;
        tutti_mutex_unlock(&in->b->lock);
        rc = tutti_table_add(in->words, (tutti_bytes){ "k", 1 }, 1, NULL);
        rc = rc ? rc : tutti_chan_send(in->to, &i);
    }
    *out = in->n;
    return rc;
}

TEST(what_processes_share_works_in_it)
{
    enum { N = 300 };
    static const char *const urls[] = { "processes://2?sandbox=all",
                                        "processes://2?sandbox=all&inner=threads://2" };
    for (int u = 0; u < 2; u++) {
        tutti_ref r;
        tutti_future f[2];
        int64_t words = 0;
        long x;
        int out;
        begin(urls[u]);
        struct shared_in in = { .n = N };
        in.b = tutti_share(&scope, 1, sizeof *in.b, TUTTI_WRITE, &r);
        CHECK_INT(tutti_mutex_share(&scope, &in.b->lock), 0);
        CHECK_INT(tutti_event_share(&scope, &in.b->go), 0);
        CHECK_INT(tutti_chan_share(&in.to, &scope, sizeof(long), 2), 0);
        CHECK_INT(tutti_table_share(&in.words, &scope, 10, 8, 8), 0);
        for (int i = 0; i < 2; i++)
            CHECK_INT(share_submit(&scope, &in, &f[i]), 0);
        tutti_sleep_until(tutti_after(5 * TUTTI_MS)); /* most likely they wait by then */
        tutti_event_set(&in.b->go);
        for (int i = 0; i < 2 * N; i++)
            CHECK_INT(tutti_chan_recv(in.to, &x), 1);
        for (int i = 0; i < 2; i++)
            CHECK_INT(share_take(f[i], &out), 0);
        CHECK_INT(in.b->sum, 2 * N);
        CHECK_INT(tutti_table_get(in.words, (tutti_bytes){ "k", 1 }, &words, sizeof words), 8);
        CHECK_INT(words, 2 * N);
        end();
    }
}

TEST(workers_that_a_zygote_forks_have_it_too)
{
    int out;
    begin("processes://1?sandbox=nonet");
    for (int i = 0; i < 6; i++)
        CHECK_INT(does(DIE, &out), -TUTTI_ECRASH);
    refused(SOCKET, "socket");
    end();
}

TEST(landlock_can_be_demanded)
{
    tutti_executor *demanded;
    int rc = tutti_executor_open(&demanded, "processes://1?sandbox=readonly,landlock"), out;
    if (rc == -ENOTSUP) {
        CHECK_HAS(tutti_why(), "landlock");
        return;
    }
    CHECK_INT(rc, 0);
    CHECK_INT(tutti_executor_close(demanded), 0);
    begin("processes://1?sandbox=readonly,landlock");
    /* No call of those that are refused: what it would make is. */
    CHECK_INT(does(BIND, &out), -TUTTI_ECRASH); /* its unlink is */
    CHECK_HAS(tutti_why(), "unlink");
    struct stat made;
    char path[64];
    snprintf(path, sizeof path, "/tmp/tutti-sandbox-%d", getpid());
    CHECK(stat(path, &made) < 0);
    end();
}

TEST(bad_words_are_named)
{
    static const char *const bad[] = {
        "processes://1?sandbox=", "processes://1?sandbox=tight", "processes://1?sandbox=nonet,",
        "processes://1?sandbox=landlock", "processes://1?memory=1k", "processes://1?memory=x",
        "processes://1?cpu-seconds=0", "threads://1?sandbox=nonet"
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        tutti_executor *none;
        CHECK_INT(tutti_executor_open(&none, bad[i]), -EINVAL);
        CHECK(*tutti_why());
    }
    ex = processes_open_bounded("processes://1?memory=64m&sandbox=nonet,readonly");
    CHECK_STR(tutti_executor_url(ex), "processes://1?memory=67108864&sandbox=nonet,readonly");
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- limits ---------------------------------------------------------------------------- */

TEST(memory_has_its_limit)
{
    int out;
    if (HAS_ASAN)
        check_skip("AddressSanitizer has its own memory");
    begin("processes://1?memory=100m");
    CHECK_INT(does(BIG, &out), -ENOMEM);
    end();
    begin("processes://1?memory=2g");
    allowed(BIG);
    end();
}

TEST(files_have_their_limit)
{
    int out;
    begin("processes://1?file-size=64k");
    CHECK_INT(does(LONG_FILE, &out), -TUTTI_ECRASH);
    CHECK_HAS(tutti_why(), "SIGXFSZ");
    end();
}

TEST(a_task_has_its_time)
{
    int out;
    begin("processes://1?cpu-seconds=1");
    CHECK_INT(does(SPIN, &out), -TUTTI_ECRASH);
    CHECK_HAS(tutti_why(), "SIGXCPU");
    end();
}

/* --- who killed it ---------------------------------------------------------------------- */

TEST(kill_9_is_called_so)
{
    int out;
    begin("processes://1");
    CHECK_INT(does(DIE, &out), -TUTTI_ECRASH);
    CHECK_HAS(tutti_why(), "kill -9");
    end();
}

static bool put(const char *group, const char *file, const char *text)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", group, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return done;
}

/* A control group of our own with room for 200 MB, below the one we are in. */
static bool small_group(char *group, size_t size, char *above, size_t above_size)
{
    char line[200], own[20];
    FILE *f = fopen("/proc/self/cgroup", "re");
    bool found = false;
    while (f && !found && fgets(line, sizeof line, f)) {
        char *memory = strstr(line, ":memory:");
        line[strcspn(line, "\n")] = 0;
        if (memory || !strncmp(line, "0::", 3))
            snprintf(above, above_size, "/sys/fs/cgroup%s%s", memory ? "/memory" : "",
                     memory ? memory + 8 : line + 3);
        found = memory != NULL;
    }
    if (f)
        fclose(f);
    snprintf(group, size, "%s/tutti-test-%d", above, getpid());
    snprintf(own, sizeof own, "%d", getpid());
    if (mkdir(group, 0755) < 0)
        return false;
    put(group, "memory.swap.max", "0");
    return (put(group, "memory.limit_in_bytes", "200M") || put(group, "memory.max", "200M"))
           && put(group, "cgroup.procs", own);
}

TEST(want_of_memory_is_called_so)
{
    char group[300] = "", above[250] = "", own[20];
    int out = 0;
    if (HAS_ASAN || CHECK_TSAN)
        check_skip("sanitizers need more memory");
    bool small = small_group(group, sizeof group, above, sizeof above);
    if (small) {
        begin("processes://1");
        out = does(BIG, &out);
    }
    snprintf(own, sizeof own, "%d", getpid());
    char words[600];
    snprintf(words, sizeof words, "%s", tutti_why());
    if (small)
        end();
    put(above, "cgroup.procs", own);
    rmdir(group);
    if (!small)
        check_skip("no control group of one's own can be made here");
    CHECK_INT(out, -TUTTI_ECRASH);
    CHECK_HAS(words, "OOM");
}

TEST_MAIN
