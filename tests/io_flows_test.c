/* Each flow of io_flows.h, cut off at each of its waits, and with the n-th request for memory,
 * a descriptor or a thread refused, or the n-th system call of the library failing, for every
 * n: a code comes back, nothing hangs, no descriptor, block or memory is left, and the flow
 * runs through as soon as it may. */
#include "cut.h"
#include "descriptors.h"
#include "io_flows.h"
#include "ring_faults.h"
#include "base/memory.h"
#include "io/poll.h"
#include <limits.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#ifdef HAVE_TLS
#include "certificate.h"
#include <openssl/ssl.h>
#include <tutti/tls.h>
#endif

/* --- TLS, where there is OpenSSL ------------------------------------------------------- */

#ifdef HAVE_TLS
static tutti_tls *tls_server, *tls_client;

static int echo_tls(void *fd)
{
    tutti_stream t;
    tutti_bytes b;
    int rc = tutti_tls_accept(tls_server, &t, (int)(intptr_t)fd);
    if (rc < 0)
        return rc;
    while ((rc = tutti_stream_some(&t, &b)) > 0)
        if ((rc = tutti_stream_write(&t, b.data, b.size)) < 0)
            break;
    return worse(rc, tutti_stream_close(&t));
}

static int talk_tls(tutti_stream *t)
{
    tutti_bytes b;
    int rc = tutti_stream_print(t, "hello\n");
    rc = rc < 0 ? rc : tutti_stream_line(t, &b);
    rc = rc == 0 ? -EPIPE : rc;
    rc = rc < 0 ? rc : tutti_stream_write(t, much, 40000);
    for (size_t got = 0; rc >= 0 && got < 40000; got += rc > 0 ? b.size : 0)
        if ((rc = tutti_stream_some(t, &b)) == 0)
            rc = -EPIPE;
    rc = rc < 0 ? rc : tutti_stream_finish(t);
    return rc < 0 ? rc : tutti_stream_some(t, &b); /* the other's goodbye */
}

static int flow_tls_pair(void)
{
    int ends[2];
    tutti_stream t;
    tutti_scope s;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return -EMFILE;
    tutti_scope_open(&s, flow_on, TUTTI_NEVER, 0);
    int rc = start_owning(&s, echo_tls, ends[0]);
    if (rc < 0)
        close_fd(ends[1]);
    else if ((rc = tutti_tls_connect(tls_client, &t, ends[1], "here.test")) >= 0) {
        rc = talk_tls(&t);
        rc = worse(rc, tutti_stream_close(&t));
    }
    if (rc < 0)
        tutti_scope_cancel(&s);
    return worse(rc, tutti_scope_close(&s));
}

FLOW(tls)
{
    tutti_tls_options theirs = { .size = sizeof theirs, .certificates = cert_file,
                                 .key = key_file };
    tutti_tls_options ours = { .size = sizeof ours, .authorities = cert_file };
    int rc = tutti_tls_server_open(&tls_server, &theirs);
    if (rc < 0)
        return rc;
    rc = tutti_tls_client_open(&tls_client, &ours);
    rc = rc < 0 ? rc : flow_tls_pair();
    tutti_tls_close(tls_client);
    tutti_tls_close(tls_server);
    return rc;
}
#endif

/* --- system calls that fail -------------------------------------------------------------- */

/* The linker leads the library's own calls here (meson.build).  Which of them fail is counted
 * together with what asks fault_now. */
#define WRAPPED(type_, name_, parameters_, arguments_, code_)                 \
    type_ __real_##name_ parameters_;                                         \
    type_ __wrap_##name_ parameters_;                                         \
    type_ __wrap_##name_ parameters_                                          \
    {                                                                         \
        if (fault_now()) {                                                    \
            errno = code_;                                                    \
            return -1;                                                        \
        }                                                                     \
        return __real_##name_ arguments_;                                     \
    }
WRAPPED(int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), ENOBUFS)
WRAPPED(int, listen, (int fd, int n), (fd, n), ENOBUFS)
WRAPPED(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), ENOBUFS)
WRAPPED(int, epoll_create1, (int flags), (flags), EMFILE)
WRAPPED(int, eventfd, (unsigned n, int flags), (n, flags), EMFILE)
WRAPPED(int, getsockname, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n), ENOBUFS)
WRAPPED(int, getsockopt, (int fd, int l, int o, void *v, socklen_t *n), (fd, l, o, v, n),
        ENOBUFS)
WRAPPED(int, setsockopt, (int fd, int l, int o, const void *v, socklen_t n),
        (fd, l, o, v, n), ENOBUFS)
WRAPPED(ssize_t, recv, (int fd, void *b, size_t n, int f), (fd, b, n, f), ENOMEM)
WRAPPED(ssize_t, send, (int fd, const void *b, size_t n, int f), (fd, b, n, f), ENOBUFS)
WRAPPED(ssize_t, recvfrom,
        (int fd, void *b, size_t n, int f, struct sockaddr *a, socklen_t *s),
        (fd, b, n, f, a, s), ENOMEM)
WRAPPED(ssize_t, sendto,
        (int fd, const void *b, size_t n, int f, const struct sockaddr *a, socklen_t s),
        (fd, b, n, f, a, s), ENOBUFS)
/* By the names that they have for the linker where off_t has 64 bits. */
WRAPPED(ssize_t, sendfile64, (int to, int fd, off_t *at, size_t n), (to, fd, at, n), ENOMEM)
WRAPPED(ssize_t, preadv64v2, (int fd, const struct iovec *v, int n, off_t at, int f),
        (fd, v, n, at, f), EIO)
WRAPPED(ssize_t, pwritev64v2, (int fd, const struct iovec *v, int n, off_t at, int f),
        (fd, v, n, at, f), ENOSPC)
WRAPPED(ssize_t, pread64, (int fd, void *b, size_t n, off_t at), (fd, b, n, at), EIO)
WRAPPED(ssize_t, pwrite64, (int fd, const void *b, size_t n, off_t at), (fd, b, n, at), ENOSPC)
WRAPPED(int, fsync, (int fd), (fd), EIO)

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, unsigned mode);
int __wrap_open64(const char *path, int flags, unsigned mode)
{
    if (fault_now()) {
        errno = ENFILE;
        return -1;
    }
    return __real_open64(path, flags, mode);
}

int __real_epoll_ctl(int epoll, int op, int fd, struct epoll_event *ev);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *ev);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *ev)
{
    if (op != EPOLL_CTL_DEL && fault_now()) { /* that one needs nothing */
        errno = ENOSPC;
        return -1;
    }
    return __real_epoll_ctl(epoll, op, fd, ev);
}

/* --- what is left ------------------------------------------------------------------------ */

/* What was left behind on a rescue thread goes when that is done; the monitor has a file open
 * now and then. */
static int descriptors_but(int wanted)
{
    int n = descriptors();
    for (int i = 0; i < 4000 && n != wanted; i++) {
        usleep(1000);
        n = descriptors();
    }
    return n;
}

static void check_left(const char *flow, const char *when, int before)
{
    int now = descriptors_but(before);
    if (now != before)
        check_fail(__FILE__, __LINE__, "%s, %s: %d descriptors, %d before", flow, when, now,
                   before);
    for (int i = 0; i < 4000 && pollers_blocks_lent(); i++)
        usleep(1000);
    CHECK_INT(pollers_blocks_lent(), 0);
}

/* --- one run ------------------------------------------------------------------------------ */

struct flow {
    const char *name;
    int (*run)(void);
    bool warm; /* run it once before: another library never gets over its first failure */
};

static int run_flow(void *flow)
{
    return ((struct flow *)flow)->run();
}

/* As a task of *ex, or here, with tasks on *ex; a hang comes out as -ETIMEDOUT. */
static int flow_run(struct flow *f, tutti_executor *ex, bool in_task)
{
    tutti_scope s;
    int rc;
    flow_on = ex;
    tutti_scope_open(&s, ex, tutti_after(urls_patience() / 2), 0);
    if (in_task) {
        rc = tutti_go(&s, run_flow, f);
    } else {
        rc = f->run();
        if (rc < 0)
            tutti_scope_cancel(&s);
    }
    return worse(rc, tutti_scope_close(&s));
}

static int flow_whole(struct flow *f, const char *url, bool in_task)
{
    tutti_executor *ex;
    int rc = tutti_executor_open(&ex, url);
    if (rc < 0)
        return rc;
    rc = flow_run(f, ex, in_task);
    tutti_executor_close(ex);
    return rc;
}

/* What threads and workers open at their first wait, and keep. */
static int wait_once(void)
{
    int ends[2], rc = tutti_pipe(ends);
    if (rc < 0)
        return rc;
    rc = tutti_fd_wait(ends[0], POLLIN, tutti_after(1000));
    close_fd(ends[0]);
    close_fd(ends[1]);
    return rc;
}
static struct flow waits = { "waits", wait_once, false };

static void prepare(void)
{
    signal(SIGPIPE, SIG_IGN);
#ifdef HAVE_TLS
    certificate_make();
#endif
}

static void finish(void)
{
#ifdef HAVE_TLS
    certificate_remove();
#endif
}

/* --- the n-th request fails ------------------------------------------------------------------ */

/* What the processes below tell their parent. */
struct told {
    int descriptors; /* after the flow has been through once and once more */
    long requests;
};
static struct told *told;

/* In a process of its own, so that caches are cold. */
static void one_fault(struct flow *f, const char *url, bool in_task, long n, bool stays)
{
    alarm(60);
    if (f->warm)
        CHECK_INT(flow_whole(f, url, in_task), 0);
    fault_arm(n, stays);
    int rc = flow_whole(f, url, in_task);
    told->requests = fault_arm(0, false);
    bool hit = told->requests >= n;
    if (rc == -ENOTSUP && !hit)
        check_skip(tutti_why());
    if (rc == -ETIMEDOUT || (!hit && rc < 0))
        check_fail(__FILE__, __LINE__, "%s on %s, request %ld%s: %d (%s)", f->name, url, n,
                   stays ? " and on" : "", rc, tutti_why());
    CHECK_INT(flow_whole(&waits, url, false), 0);
    CHECK_INT(flow_whole(&waits, url, true), 0);
    rc = flow_whole(f, url, in_task);
    if (rc < 0)
        check_fail(__FILE__, __LINE__, "%s on %s, after request %ld: %d (%s)", f->name, url,
                   n, rc, tutti_why());
    if (told->descriptors < 0)
        told->descriptors = descriptors();
    char when[64];
    snprintf(when, sizeof when, "request %ld%s", n, stays ? " and on" : "");
    check_left(f->name, when, told->descriptors);
    exit(0);
}

static void fault_in_child(struct flow *f, const char *url, bool in_task, long n, bool stays)
{
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        one_fault(f, url, in_task, n, stays);
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == CHECK_SKIPPED)
        _exit(CHECK_SKIPPED);
    if (status)
        check_fail(__FILE__, __LINE__, "%s on %s: request %ld%s: status %#x", f->name, url, n,
                   stays ? " and all later ones" : "", (unsigned)status);
}

/* Every n at first, then some, others each time; all the more under make test-all, and less
 * where a process more costs much. */
static long next_n(const struct flow *f, long n, unsigned *seed)
{
    bool few = f->warm || UNDER_ASAN || UNDER_TSAN || getenv("CHECK_VALGRIND");
    bool most = getenv("TUTTI_TEST_ALL") && !few;
    long every = few ? 4 : most ? 200 : 32, step = few ? n * 3 : n / (most ? 16 : 3);
    return n < every ? n + 1 : n + 1 + (long)(check_random(seed) % (unsigned)step);
}

static void faults(struct flow *f, const char *url, bool in_task)
{
    unsigned seed = check_seed();
    prepare();
    told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    CHECK(told != MAP_FAILED);
    told->descriptors = -1;
    fault_in_child(f, url, in_task, LONG_MAX, false);
    for (int stays = 0; stays < 2; stays++)
        for (long n = 1;; n = next_n(f, n, &seed)) {
            fault_in_child(f, url, in_task, n, stays);
            if (told->requests < n) {
                CHECK(n > 3); /* something was asked for at all */
                break;
            }
        }
    finish();
}

/* --- cut off after the n-th park -------------------------------------------------------------- */

/* Was it through before? */
static bool cut_one(struct flow *f, tutti_executor *ex, uint64_t after)
{
    tutti_scope work, other;
    struct cutter k = { ex, &work, after, false };
    tutti_future done;
    tutti_scope_open(&other, ex, tutti_after(urls_patience() / 2), 0);
    tutti_scope_open(&work, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(tutti_go(&other, cut_after, &k), 0);
    CHECK_INT(tutti_spawn(&work, run_flow, f, NULL, &done), 0);
    int rc = tutti_future_await(done, NULL);
    if (rc < 0 && after == 1000000)
        check_fail(__FILE__, __LINE__, "%s: %d (%s)", f->name, rc, tutti_why());
    k.enough = true;
    tutti_scope_close(&work);
    CHECK_INT(tutti_scope_close(&other), 0);
    return rc >= 0;
}

static void cuts(struct flow *f, const char *url)
{
    tutti_executor *ex;
    char when[64];
    int rc = tutti_executor_open(&ex, url);
    if (rc == -ENOTSUP)
        check_skip(tutti_why());
    CHECK_INT(rc, 0);
    prepare();
    flow_on = ex;
    CHECK(cut_one(f, ex, 1000000)); /* opens what stays open */
    int before = descriptors();
    uint64_t n = 0;
    for (bool through = false; !through; n++) {
        CHECK(n < 3000);
        through = cut_one(f, ex, n);
        snprintf(when, sizeof when, "cut off after %d waits", (int)n);
        check_left(f->name, when, before);
    }
    CHECK(n > 1); /* there was something to cut */
    tutti_executor_close(ex);
    finish();
}

#define CUT_ANYWHERE(name_)                                                   \
    TEST(name_##_cut_off_anywhere__epoll)                                     \
    {                                                                         \
        cuts(&the_##name_, "loop://?io=epoll");                               \
    }                                                                         \
    TEST(name_##_cut_off_anywhere__uring)                                     \
    {                                                                         \
        cuts(&the_##name_, "loop://?io=uring");                               \
    }

#define EVERYWHERE(name_)                                                     \
    static struct flow the_##name_ = { #name_, flow_##name_, false };         \
    CUT_ANYWHERE(name_)                                                       \
    TEST(name_##_short_of_anything__epoll)                                    \
    {                                                                         \
        faults(&the_##name_, "loop://?io=epoll", true);                       \
    }                                                                         \
    TEST(name_##_short_of_anything__uring)                                    \
    {                                                                         \
        faults(&the_##name_, "loop://?io=uring", true);                       \
    }                                                                         \
    TEST(name_##_short_of_anything__thread)                                   \
    {                                                                         \
        faults(&the_##name_, "threads://1?io=epoll", false);                  \
    }

EVERYWHERE(tcp)
EVERYWHERE(unix_sockets)
EVERYWHERE(names)
EVERYWHERE(sockets_of_ones_own)
EVERYWHERE(files)
EVERYWHERE(sendfile)
/* Without a ring the one end would wait on a rescue thread for the other, for which no second
 * thread can be started. */
static struct flow the_fifo = { "fifo", flow_fifo, false };
CUT_ANYWHERE(fifo)
TEST(fifo_short_of_anything__uring)
{
    faults(&the_fifo, "loop://?io=uring", true);
}
EVERYWHERE(streams_of_files)
EVERYWHERE(datagrams)
EVERYWHERE(pipes)
EVERYWHERE(signals)
EVERYWHERE(processes)
EVERYWHERE(streams)
#ifdef HAVE_TLS
static struct flow the_tls = { "tls", flow_tls, true };
CUT_ANYWHERE(tls)
TEST(tls_short_of_anything) /* of OpenSSL's requests: where it waits is the streams' */
{
    faults(&the_tls, "loop://", true);
}

/* OpenSSL asks here for its memory, and libtutti-tls (by the linker). */
static void *ssl_alloc(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return fault_now() ? NULL : malloc(n);
}
static void *ssl_realloc(void *p, size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return fault_now() ? NULL : realloc(p, n);
}
static void ssl_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p);
}
__attribute__((constructor)) static void ssl_memory(void)
{
    CRYPTO_set_mem_functions(ssl_alloc, ssl_realloc, ssl_free);
}
#endif

TEST_MAIN
