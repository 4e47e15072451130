/* tests/crew.h - a body of test code and its helpers (hands), run as plain threads and as
 * tasks on each executor:
 *
 *     EVERYWHERE(name) { ... hand = crew_go(w, fn, arg); crew_until_waits(hand); ... }
 *
 * The body itself is one of the hands, so that waiting in it lets the others run.  The
 * schedule is driven by looking, never by sleeping. */
#ifndef TESTS_CREW_H
#define TESTS_CREW_H
#include "check.h"
#include "core/wait.h"
#include <pthread.h>
#include <tutti.h>
#include <tutti/sync.h>

enum { CREW_MAX = 64 };
struct crew;
struct hand {
    struct crew *crew;
    int (*fn)(struct crew *w, void *arg);
    void *arg;
    _Atomic(struct context *) self; /* NULL before it runs */
    _Atomic bool ended;
    int code; /* what fn returned, once it has ended */
    pthread_t thread;
};
struct crew {
    const char *url; /* NULL: plain threads */
    tutti_executor *ex;
    tutti_scope s;
    struct hand hands[CREW_MAX];
    _Atomic int count;
};

static int crew_task(void *p)
{
    struct hand *h = p;
    store_release(&h->self, context_self()); /* pairs with crew_until_waits */
    h->code = h->fn(h->crew, h->arg);
    store_release(&h->ended, true); /* pairs with crew_join */
    return 0;
}
static void *crew_thread(void *p)
{
    crew_task(p);
    return NULL;
}
__attribute__((unused)) static struct hand *
crew_go(struct crew *w, int (*fn)(struct crew *w, void *arg), void *arg)
{
    int i = add_relaxed(&w->count, 1); /* the body alone starts hands */
    CHECK(i < CREW_MAX);
    struct hand *h = &w->hands[i];
    *h = (struct hand){ .crew = w, .fn = fn, .arg = arg };
    if (w->url)
        CHECK_INT(tutti_go(&w->s, crew_task, h), 0);
    else
        CHECK_INT(pthread_create(&h->thread, NULL, crew_thread, h), 0);
    return h;
}
/* Let the others run. */
__attribute__((unused)) static void crew_yield(void)
{
    CHECK_INT(tutti_yield(), 0);
}
/* Until h waits in the library, and has therefore queued where it waits. */
__attribute__((unused)) static void crew_until_waits(struct hand *h)
{
    struct context *c;
    while (!(c = load_acquire(&h->self)) || !(load_acquire(&c->wait_word) & WAIT_OPEN)) {
        CHECK(!load_acquire(&h->ended));
        crew_yield();
    }
}
__attribute__((unused)) static int crew_join(struct hand *h)
{
    while (!load_acquire(&h->ended)) /* pairs with crew_task */
        crew_yield();
    return h->code;
}
/* All but the body. */
__attribute__((unused)) static void crew_join_all(struct crew *w)
{
    for (int i = 1; i < load_relaxed(&w->count); i++) /* as crew_go */
        crew_join(&w->hands[i]);
}

/* Join all but the body and use their places again. */
__attribute__((unused)) static void crew_leave(struct crew *w)
{
    crew_join_all(w);
    for (int i = 1; !w->url && i < load_relaxed(&w->count); i++) /* as crew_go */
        pthread_join(w->hands[i].thread, NULL);
    store_relaxed(&w->count, 1);
}

__attribute__((unused)) static void crew_run(const char *url,
                                             int (*body)(struct crew *w, void *unused))
{
    static struct crew w;
    w.url = url;
    CHECK_INT(tutti_executor_open(&w.ex, url ? url : "threads://1"), 0);
    tutti_scope_open(&w.s, w.ex, TUTTI_NEVER, 0);
    crew_go(&w, body, NULL);
    if (!url) {
        pthread_join(w.hands[0].thread, NULL);
        for (int i = 1; i < load_relaxed(&w.count); i++) /* its threads have ended */
            pthread_join(w.hands[i].thread, NULL);
    }
    CHECK_INT(tutti_scope_close(&w.s), 0);
    CHECK_INT(tutti_executor_close(w.ex), 0);
}

#define EVERYWHERE(name_)                                                     \
    static int name_(struct crew *w);                                         \
    static int name_##_body(struct crew *w, void *unused)                     \
    {                                                                         \
        (void)unused;                                                         \
        return name_(w);                                                      \
    }                                                                         \
    TEST(name_##__plain) { crew_run(NULL, name_##_body); }                    \
    TEST(name_##__loop) { crew_run("loop://", name_##_body); }                \
    TEST(name_##__threads_2) { crew_run("threads://2", name_##_body); }       \
    TEST(name_##__threads_4) { crew_run("threads://4", name_##_body); }       \
    static int name_(struct crew *w)

/* The words and the signal of a child that runs fn. */
__attribute__((unused)) static void check_aborts(void (*fn)(void), const char *words)
{
    int p[2];
    char text[2048];
    size_t n = 0;
    ssize_t got;
    CHECK_INT(pipe(p), 0);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(20); /* not to outlive us by much */
        dup2(p[1], STDERR_FILENO);
        fn();
        _exit(0);
    }
    close(p[1]);
    while ((got = read(p[0], text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)got;
    text[n] = 0;
    int status = 0;
    CHECK_INT(waitpid(pid, &status, 0), pid);
    CHECK_HAS(text, words);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
#endif
