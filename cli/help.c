/* help.c - what `tutti --help` and `tutti help COMMAND` print.
 * Tests: tests/cli_test.sh. */
#include "options.h"
#include <string.h>

static const char general[] =
    "Usage: tutti COMMAND [OPTION...]\n"
    "Concurrency in C: one task, every executor.\n"
    "\n"
    "  tour     run the example programs on every executor and compare\n"
    "  run      run a program with its default executor chosen\n"
    "  cc       compile a program so that it can be explored\n"
    "  explore  run a program under thousands of schedules, until one fails\n"
    "  help     print the help of a command\n"
    "  version  print the version\n"
    "\n"
    "      --help     print this; after a command: its help\n"
    "      --version  print the version\n"
    "\n"
    "Exit codes: 0 fine; 1 an answer differed, a program failed, output could not be\n"
    "written, or a failure was found; 2 wrong usage; 126, 127 as env(1): the program of\n"
    "`tutti run` cannot be executed, is not found; 128 + n ended by signal n (130:\n"
    "Ctrl-C).\n"
    "Colour: --color=auto|always|never; NO_COLOR in the environment means never.\n";

static const char tour[] =
    "Usage: tutti tour [OPTION...]\n"
    "Run the example programs serially and on every executor, several rounds in turn,\n"
    "compare their answers, and print the matrix with what follows from it.\n"
    "\n"
    "      --only NAME[,NAME...]  these programs only; --list has the names\n"
    "      --rounds N             rounds of each, 1 to 99 (default 3); medians count\n"
    "      --size small|full      how much work (default full)\n"
    "      --limit SECONDS        end a run that takes longer (default 120)\n"
    "      --out DIR              where report.html and the pictures go; default: in\n"
    "                             the build folder, tour; if installed, ./tutti-tour\n"
    "      --svg FILE             also draw the matrix as one SVG picture\n"
    "      --json                 print one JSON document instead of the table\n"
    "      --color[=WHEN]         auto (default), always or never\n"
    "      --list                 list the programs and exit\n"
    "      --help                 print this\n"
    "\n"
    "Columns: bound, what limits the serial run, measured; serial, its time; then\n"
    "times as fast as serial on each executor; best, how many CPUs it kept busy, and\n"
    "how often one task's stack was left for another's.  * or bold marks the best, ~\n"
    "a figure whose rounds lie more than 20% apart.\n"
    "\n"
    "Rules:\n"
    "  best      the least time; of two within 5% the plainer: serial, loop, threads.\n"
    "            Threads with one lock are shown, never advised.\n"
    "  auto      no column: as yet auto:// only counts CPUs, whatever the work, and is\n"
    "            threads:// from two on, else loop://.\n"
    "  bound     CPUs that the serial run wanted, had or not: CPU from 0.9, I/O to\n"
    "            0.5, else mixed.\n"
    "  ad hoc    more than 64 tasks started per worker on threads; up to 64: parts.\n"
    "  pool      loop takes over 5% more CPU time than serial, beyond the spread of\n"
    "            rounds and at most 20 us a task: hand out slices.  1.5 times apart:\n"
    "            the tasks do other work, they are rivals.  Else: submit each.\n"
    "\n"
    "JSON keys: format (1), tutti, machine {cpus, cpus_online, quota, kernel, arch,\n"
    "model, memory_gib, load, others, io_uring}, rounds, size, executors [{key,\n"
    "url}], rows [{name, program, kind, bound, what, answer, best, picture, cells\n"
    "{KEY: {seconds, low, high, ratio, cpu_seconds, cpus_busy, cpus_wanted, workers,\n"
    "switches, started, shaky, note, runs [...]}}}], every_answer_equal, failures,\n"
    "differences, crowded, questions [{key, question, rule, answer [...]}], report.\n"
    "A cell that failed is {failure, differed}, one that did not run is null.\n"
    "\n"
    "Environment: TUTTI_EXAMPLES, the folder of the programs; NO_COLOR.\n";

static const char run[] =
    "Usage: tutti run [-q] URL|auto [--] PROGRAM [ARG...]\n"
    "Run PROGRAM so that the executor it opens by default is URL: TUTTI_EXECUTOR is\n"
    "set to it.\n"
    "\n"
    "  URL    loop://, threads://, threads://N, threads://?lock=interpreter, ...\n"
    "  auto   threads:// when more than one CPU is granted, else loop://; says which\n"
    "\n"
    "  -q, --quiet  do not say what auto is\n"
    "      --help   print this\n"
    "\n"
    "Exit code: that of PROGRAM; 2 when URL is wrong, 126 when PROGRAM cannot be\n"
    "executed, 127 when it is not found.\n";

static const char cc[] =
    "Usage: tutti cc [OPTION...] FILE...\n"
    "Compile and link C as $CC (default cc) does, such that `tutti explore` can run "
    "the\n"
    "program: with -fsanitize=thread, -g and -O1 when compiling, with "
    "libtutti-explore\n"
    "in place of the sanitizer's library when linking.  All options are the "
    "compiler's;\n"
    "compiling with -c and linking later works too.\n"
    "\n"
    "  tutti cc -o bank bank.c\n"
    "  CC=clang tutti cc -O2 -c ring.c && CC=clang tutti cc -o ring ring.o -lm\n"
    "  ./configure CC=\"tutti cc\" TUTTI_CC=clang && make\n"
    "\n"
    "      --help  print this\n"
    "\n"
    "Other build systems: compile with -fsanitize=thread -g, and link without it but\n"
    "with the libraries that pkg-config names for tutti-explore.\n"
    "\n"
    "Exit code: that of the compiler; 126, 127 when it cannot be executed, is not\n"
    "found; 2 when the command line does not go.\n";

static const char explore[] =
    "Usage: tutti explore [OPTION...] PROGRAM [ARG...] [-- ARG...]\n"
    "Run PROGRAM, which `tutti cc` has built, under one schedule after the other: who\n"
    "runs when, which of the values that C11 allows a load gets, whose timer comes\n"
    "early.  Stop at the first that fails, and print the shortest interleaving that\n"
    "still does.\n"
    "\n"
    "      --schedules N    at most N schedules (default 10000, or as many as\n"
    "                       --seconds has room for)\n"
    "      --seconds S      at most S seconds\n"
    "      --seed K         the first schedule's seed (default 1)\n"
    "      --strategy NAME  random, sticky, pct, focus or round; default: in turn\n"
    "      --accesses       let threads take turns at plain accesses too, not only at\n"
    "                       locks, atomics and other calls\n"
    "      --model sc       loads are never stale, as if all were sequentially "
    "consistent\n"
    "      --steps N        more steps than this are a livelock (default 100000)\n"
    "      --status N       the exit status of a program that ended well (default 0)\n"
    "      --fork           a process for each schedule, for programs whose state "
    "cannot\n"
    "                       be put back otherwise; slower\n"
    "      --replay SEED    run the schedule of a failure again\n"
    "      --gdb            ... in gdb, stopped before the end\n"
    "      --json           print the report as one JSON document\n"
    "      --color[=WHEN]   auto (default), always or never\n"
    "      --help           print this\n"
    "\n"
    "Options stand before or behind PROGRAM; behind -- all words are its own.  It "
    "runs\n"
    "many times over: a test of some milliseconds serves best.\n"
    "\n"
    "Finds data races, deadlocks, lost wake-ups, livelocks, failed assertions, "
    "crashes,\n"
    "use of freed memory and of dead stacks, misused locks, and locks held at the "
    "end.\n"
    "\n"
    "Exit code: 0 no schedule failed, 1 one did, 2 it could not be explored.\n";

static const char help[] = "Usage: tutti help [COMMAND]\n"
                           "Print the help of COMMAND, or of tutti.\n";
static const char version[] = "Usage: tutti version\n"
                              "Print the version of the library in use.\n";

bool help_print(const char *command)
{
    static const struct {
        const char *name, *text;
    } pages[] = { { "tour", tour },       { "run", run },   { "cc", cc },
                  { "explore", explore }, { "help", help }, { "version", version } };
    if (!command) {
        fputs(general, stdout);
        return true;
    }
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++)
        if (!strcmp(command, pages[i].name)) {
            fputs(pages[i].text, stdout);
            return true;
        }
    return false;
}

int help_command(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    if (argc > 2)
        return usage_error("help", "help takes one command, but got '%s' too", argv[2]);
    if (word && !strcmp(word, "--help"))
        word = "help";
    if (!help_print(word))
        return usage_error(NULL,
                           "no help for '%s'; there are tour, run, cc, explore, "
                           "help, version",
                           word);
    return output_finish(EXIT_FINE);
}
