/* exec/processes/worker.c - `main` of a worker process: ties itself to home, maps the arena,
 * gets ready, serves.  Tests: tests/processes_test.c, tests/processes_guard_test.c. */
#include "core/local.h"
#include "exec/processes/between.h"
#include "exec/processes/boot.h"
#include "exec/processes/names.h"
#include "exec/processes/serve.h"
#include "exec/processes/spill.h"
#include "exec/processes/zygote.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

struct serving serving;

enum { WORKER_USELESS = 113 };

/* When home ends, however it does, its end of the pipe closes and the kernel kills us.  (The
 * signal that PR_SET_PDEATHSIG asks for comes already when the thread that started us ends.)
 * The descriptor by which we are tied; -1: it has ended before. */
static int tie_to_home(int inherited, pid_t home)
{
    char path[40];
    /* Whom to kill is kept with the open file, which all workers have inherited: so each
     * opens it once more for itself. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", inherited);
    struct pollfd look = { .fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) };
    bool tied = look.fd >= 0 && fcntl(look.fd, F_SETSIG, SIGKILL) == 0
                && fcntl(look.fd, F_SETOWN, getpid()) == 0
                && fcntl(look.fd, F_SETFL, O_RDONLY | O_NONBLOCK | O_ASYNC) == 0
                && getppid() == home && poll(&look, 1, 0) == 0;
    return tied ? look.fd : -1;
}

static void heard_nothing(int number)
{
    (void)number;
}

/* Ctrl-C reaches all processes of the terminal; home decides what becomes of us. */
static void leave_signals_to_home(void)
{
    struct sigaction quiet = { .sa_handler = heard_nothing, .sa_flags = SA_RESTART };
    sigemptyset(&quiet.sa_mask);
    sigaction(SIGINT, &quiet, NULL);
}

_Noreturn static void worker_give_up(const char *why)
{
    struct own *own = serving.own;
    if (own) {
        strncpy(own->refused_why, why, sizeof own->refused_why - 1);
        store_release(&own->refused, 1); /* pairs with lane_refused */
    }
    fprintf(stderr, "tutti: worker process: %s\n", why);
    _exit(WORKER_USELESS);
}

static int worker_inner(struct serving *s)
{
    char url[sizeof s->head->inner + 40];
    s->many = *s->head->inner;
    const char *inner = s->many ? s->head->inner : "loop://";
    snprintf(url, sizeof url, "%s%cstack=%lluk", inner, strchr(inner, '?') ? '&' : '?',
             (unsigned long long)s->head->stack >> 10);
    if (strstr(inner, "stack="))
        strcpy(url, inner);
    for (unsigned i = 0; i < RING; i++)
        store_relaxed(&s->turn[i].number, NOTHING_RUNS); /* before there are threads */
    return tutti_executor_open(&s->inner, url);
}

/* What a worker and the zygote have in common; nothing here may start a thread. */
static void worker_ready(struct serving *s)
{
    const char *why;
    s->index = boot.index;
    s->bell = boot.bell;
    s->head = arena_enter(boot.arena, boot.base, &why);
    if (!s->head)
        worker_give_up(why);
    if (!spill_enter(s->head, BOOT_SPILL))
        worker_give_up("the file of spill= cannot be mapped");
    prctl(PR_SET_NAME, "tutti-worker");
    leave_signals_to_home();
    names_load(s->head);
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash takes along what is not written */
}

/* Executed as a zygote: the worker that returns is a child of it. */
static void worker_hatch(struct serving *s)
{
    int tie = tie_to_home(boot.life, s->head->home);
    if (tie < 0)
        _exit(0);
    crash_prepare();
    if (!arena_hatch(s->head, boot.arena))
        worker_give_up("the zygote's page cannot be mapped");
    s->index = zygote_serve(BOOT_ASK, head_hatch(s->head));
    close(tie); /* by which the zygote is killed; ours follows */
    prctl(PR_SET_NAME, "tutti-worker");
    names_load(s->head); /* what home has loaded since */
}

/* It has its lane. */
static void worker_begin(struct serving *s)
{
    if (!arena_own(s->head, boot.arena, s->index))
        worker_give_up("the arena cannot be mapped for writing");
    s->lane = head_lane(s->head, s->index);
    s->own = head_own(s->head, s->index);
    uint64_t in;
    unsigned box = head_box(s->head, s->lane->outbox, &in);
    if (!spill_own(s->head, BOOT_SPILL, box))
        worker_give_up("the file of spill= cannot be mapped for writing");
    close(boot.arena); /* what is mapped is all we can ever write */
    if (tie_to_home(boot.life, s->head->home) < 0)
        _exit(0); /* nobody is left to tell */
    close(boot.life);
    crash_watch(s);
    if (s->head->sandbox) { /* while files may be read */
        crash_prepare();
        serve_memory();
    }
    const char *why = sandbox_enter(s->head);
    if (why)
        worker_give_up(why);
    if (extents_init(&s->outbox, head_at(s->head, s->lane->outbox), s->head->out_size,
                     s->head->out_size / 4) < 0
        || (s->head->spill_part
            && extents_init(&s->spill, head_at(s->head, head_spill_box(s->head, box)),
                            s->head->spill_part, 0) < 0)
        || !between_enter(s) || worker_inner(s) < 0 || listen_begin(s) < 0
        || hooks_init() < 0)
        worker_give_up(*tutti_why() ? tutti_why() : "out of memory");
    if ((why = sandbox_close(s->head)))
        worker_give_up(why);
}

int worker_main(int argc, char **argv, char **env)
{
    (void)argc;
    (void)argv;
    (void)env;
    struct serving *s = &serving;
    worker_ready(s);
    if (boot.zygote)
        worker_hatch(s);
    worker_begin(s);
    const char *why = serve(s);
    if (why)
        worker_give_up(why);
    hooks_fini();
    fflush(NULL);
    _exit(0); /* the program's own exit handlers were made for its `main` */
}
