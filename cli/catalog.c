/* catalog.c - which programs a tour runs, on which executors, and where they lie.  A
 * new program is one line here and one file in examples/.  Tests: tests/cli_test.sh. */
#include "tour.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* From the plainest to the one that needs most: matrix.c prefers the earlier of two
 * that are equally fast.  The first must be serial. */
const struct executor_kind executors[EXECUTORS] = {
    { "serial", "serial", "serial", "plain C: no tutti call at all", true },
    { "loop", "loop", "loop://", "tasks take turns on one thread", true },
    { "threads", "threads", "threads://", "tasks on one thread per CPU granted", true },
    { "gil", "one lock (GIL)", "threads://?lock=interpreter",
      "the same threads, but only the holder of one lock runs; it changes hands every "
      "5 ms and while its holder waits, as in CPython",
      false },
    { "processes", "processes", "processes://",
      "a worker process per CPU granted: nothing shared but what is handed over, and a crash "
      "fails one task",
      true },
};

/* A tree and a file in it that every Debian has, small images too; the name of a file
 * stands for its hash. */
#define TREE "/usr/share/doc"
#define FILE_IN_TREE "/usr/share/doc/mawk/copyright"
#define NO_HASH "0000000000000000000000000000000000000000000000000000000000000000"

const struct tour_program catalog[] = {
    { "average", "average", "16000000", { NULL }, NULL,
      "the average of many numbers, over chunks" },
    { "matmul", "matmul", "512", { NULL }, NULL, "two square matrices multiplied" },
    { "mandelbrot", "mandelbrot", "270", { NULL }, "png",
      "a fractal image, row by row" },
    { "sudoku", "sudoku", "50", { "@sudoku.txt", NULL }, NULL,
      "a list of hard puzzles, rival solvers for each" },
    { "maze", "maze", "1001", { NULL }, "png",
      "one maze, eight rivals; the first one out wins" },
    { "primes", "primes", "1000000", { NULL }, NULL,
      "many small questions, each a task of its own" },
    { "hashhunt", "hashhunt", "1000", { TREE, FILE_IN_TREE, NULL }, NULL,
      "a file looked for by its hash, in a tree that has it" },
    { "hashhunt-missing", "hashhunt", "1000", { TREE, NO_HASH, NULL }, NULL,
      "the same with a hash that no file has: every file is read" },
    { "wordcount", "wordcount", "1000", { NULL }, NULL,
      "words counted over thousands of files" },
    { "learn", "learn", "5", { NULL }, "svg",
      "five ways to learn from one data set, each tried ten times",
      "liblinear and zlib" },
    { "media", "media", "100", { NULL }, "png",
      "pictures shrunk and put on a sheet, some of them broken", "libjpeg and libexif" },
    { "listen", "listen", "24", { NULL }, NULL,
      "events answered on a loop while the CPUs compute" },
    { "echo", "echo", "5", { NULL }, NULL,
      "a server that sends back what it gets, to clients that are far away" },
    { "httpd", "httpd", "40", { NULL }, NULL,
      "a server of files over HTTP, to clients that are far away", "libhttp-parser" },
    { "crawl", "crawl", "60", { NULL }, "png",
      "two sites crawled, link by link; one of them answers slowly",
      "libcurl and libxml2" },
    { "status", "status", "200", { NULL }, NULL,
      "thousands of addresses asked whether they are there", "libcurl and libxml2" },
    { "query", "query", "40", { NULL }, NULL,
      "many questions to a database that is far away", "libpq" },
};
const int catalog_count = sizeof catalog / sizeof *catalog;

char *catalog_select(const char *list, bool *wanted)
{
    memset(wanted, !list, (size_t)catalog_count * sizeof *wanted);
    for (const char *word = list; word && *word;) {
        size_t size = strcspn(word, ",");
        bool found = false;
        for (int i = 0; i < catalog_count; i++) {
            const char *names[] = { catalog[i].name, catalog[i].file };
            for (int k = 0; k < 2; k++)
                if (strlen(names[k]) == size && !strncmp(names[k], word, size))
                    wanted[i] = found = true;
        }
        if (!found)
            return strndup(word, size);
        word += size + (word[size] == ',');
    }
    return list && !*list ? strdup("") : NULL;
}

/* The folder of this executable, without a slash at the end; false if unknown. */
static bool own_folder(char *out, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", out, size - 1);
    if (n <= 0)
        return false;
    out[n] = 0;
    char *slash = strrchr(out, '/');
    if (!slash)
        return false;
    *slash = 0;
    return true;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

char *catalog_folder(char **tried)
{
    static const char *const places[] = { "/../examples", "/../libexec/tutti",
                                          "/../lib/tutti/examples" };
    const char *told = getenv("TUTTI_EXAMPLES");
    char own[PATH_MAX], path[PATH_MAX + 32], list[4 * PATH_MAX] = "";
    *tried = NULL;
    if (told && *told) {
        if (is_folder(told))
            return strdup(told);
        *tried = strdup(told);
        return NULL;
    }
    for (size_t i = 0; own_folder(own, sizeof own) && i < 3; i++) {
        snprintf(path, sizeof path, "%s%s", own, places[i]);
        char *real = realpath(path, NULL);
        if (real && is_folder(real))
            return real;
        free(real);
        size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", used ? ", " : "", path);
    }
    *tried = strdup(list);
    return NULL;
}

char *catalog_out(void)
{
    char own[PATH_MAX], path[PATH_MAX + 32], here[PATH_MAX];
    if (!own_folder(own, sizeof own))
        return strdup("tutti-tour");
    char *slash = strrchr(own, '/');
    if (slash)
        *slash = 0;
    snprintf(path, sizeof path, "%s/build.ninja", own);
    if (access(path, F_OK) != 0)
        return strdup("tutti-tour");
    snprintf(path, sizeof path, "%s/tour", own);
    size_t n = getcwd(here, sizeof here) ? strlen(here) : 0;
    if (n && !strncmp(path, here, n) && path[n] == '/')
        return strdup(path + n + 1); /* shorter to read and to type */
    return strdup(path);
}
