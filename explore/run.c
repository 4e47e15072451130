/* explore/run.c - one schedule: everything back to where main began, then thread 0.
 * Tests: tests/cells/state.c. */
#include "calls.h"
#include "descriptors.h"
#include "engine.h"
#include "fail.h"
#include "fibers.h"
#include "heap.h"
#include "keys.h"
#include "locks.h"
#include "objects.h"
#include "options.h"
#include "process.h"
#include "restore.h"
#include "run.h"
#include "scarce.h"
#include "schedule.h"
#include "script.h"
#include "shadow.h"
#include "strategy.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <string.h>
#include <unistd.h>

static program_main *program;
static int count;
static char **words, **words_kept, **environment;

static void *run_main(void *unused)
{
    (void)unused;
    step_main();
    int status = program(count, words, environment);
    ex.me->pc = NULL;
    lock_leaks(true);
    process_exit(status & 255);
}

void run_open(program_main *main, int argc, char **argv, char **env)
{
    program = main;
    count = argc;
    words = argv;
    environment = env;
    words_kept = scarce_bytes(((size_t)argc + 1) * sizeof *words_kept);
    if (!words_kept)
        cannot("no memory for %d arguments", argc);
    memcpy(words_kept, argv, (size_t)argc * sizeof *argv);
    ex.lanes = 1;
    ex.step_limit = options.steps;
    ex.plain = options.accesses;
    shadow_open();
    if (!threads_open())
        cannot("no address space for stacks");
    thread_image();
    heap_seal();
    restore_take();
    keys_open();
    fds_open();
}

/* getopt keeps its place in libc's variables. */
static void arguments_back(void)
{
    if (count < 2)
        return;
    char name[] = "-", *none[] = { name, NULL };
    memcpy(words, words_kept, (size_t)count * sizeof *words);
    optind = 0;
    getopt(1, none, "");
    optind = 1;
}

static void back(void)
{
    restore_back();
    arguments_back();
    heap_reset();
    shadow_reset();
    objects_reset();
    locks_reset();
    keys_reset();
    sems_reset();
    process_reset();
    fds_reset();
    maps_reset();
    threads_reset();
    schedule_reset();
    struct result *r = ex.result;
    r->kind = FAIL_NONE;
    r->places = 0;
    r->address = 0;
    r->size = 0;
    r->words[0] = 0;
}

void run_schedule(uint64_t seed)
{
    int lanes;
    do {
        lanes = ex.lanes;
        back();
        strategy_draw(seed);
        ex.result->seed = seed;
        struct thread *t = thread_new();
        t->main = run_main;
        t->main11 = NULL;
        threads_run();
        ex.on = false;
        __fpurge(stdout);
    } while (ex.lanes != lanes);
    ex.result->steps = ex.steps;
    ex.result->hash = ex.hash;
}

void run_calibrating(void)
{
    enum mode mode = ex.mode;
    ex.mode = MODE_SCRIPT;
    script_load(NULL, 0);
    run_schedule(0);
    ex.length = ex.steps;
    ex.mode = mode;
}

void run_quietly(void)
{
    static char room[1 << 16];
    int fd = scarce_open("/dev/null", O_RDWR);
    if (fd < 0)
        cannot("cannot open /dev/null for what the program prints: %s",
               strerror(errno));
    dup2(fd, STDIN_FILENO);
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    if (fd > STDERR_FILENO)
        close(fd);
    setvbuf(stdout, room, _IOFBF, sizeof room);
    fail_watch();
}
