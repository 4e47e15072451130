/* examples/common/example.h - what the examples share, so that each can be read for
 * its work alone: the command line, the clock around the work, the line that is
 * printed, and pictures.  Nothing in here computes anything.
 *
 *     int main(int argc, char **argv)
 *     {
 *         struct example e;
 *         example_open(&e, &about, argc, argv);      reads the command line
 *         ... make the input ...
 *         example_start(&e);
 *         ... the work, on e.executor or, if e.serial, in a plain loop ...
 *         example_stop(&e);
 *         return example_close(&e, code, "64 M numbers", "mean %.17g", mean);
 *     }
 *
 * Tests: tests/examples_test.sh. */
#ifndef EXAMPLES_EXAMPLE_H
#define EXAMPLES_EXAMPLE_H
#include <stdint.h>
#include <tutti.h>

/* What a program is, for --help and for the bounds of --size. */
struct example_about {
    const char *name, *kind; /* kind: "CPU", "mixed" */
    const char *summary;     /* a sentence */
    const char *size_means;  /* "rows and columns of each matrix" */
    uint64_t size, size_least, size_most;
    const char *arguments; /* "[DIRECTORY [HASH]]"; NULL: takes none */
    int arguments_most;
    int draws; /* --picture is allowed, and what it writes */
};
enum { EXAMPLE_PNG = 1, EXAMPLE_SVG = 2 };

/* One run.  Holds: executor is NULL exactly if serial is 1. */
struct example {
    const struct example_about *about;
    tutti_executor *executor;
    int serial, json;
    uint64_t size;
    const char *picture;     /* NULL: none wanted */
    char *const *arguments;  /* ends with NULL */
    int argument_count;
    double seconds, cpu_seconds; /* of the work, after example_stop */
    uint64_t switches, started;
    char note[120]; /* what else was measured, in words; "" is nothing */
    int owns_executor;
};

/* Read the command line into *e and open the executor it names, by default the one
 * every tutti program has ($TUTTI_EXECUTOR or threads://).  Does not return after
 * --help (exit 0) and a command line that makes no sense (a sentence, exit 2). */
void example_open(struct example *e, const struct example_about *about, int argc,
                  char **argv);
/* The input is bad: print the sentence after the program's name and exit with 2. */
__attribute__((noreturn, format(printf, 2, 3))) void
example_refuse(const struct example *e, const char *format, ...);
/* What it takes is not on this machine: the same with status EXAMPLE_LACKS, on which
 * the tour leaves the program out. */
enum { EXAMPLE_LACKS = 77 };
__attribute__((noreturn, format(printf, 2, 3))) void
example_lacks(const struct example *e, const char *format, ...);

/* The number that an argument is, which stands for `what`; refuses any other than those
 * from least to most. */
uint64_t example_number(const struct example *e, const char *what, const char *text,
                        uint64_t least, uint64_t most);

/* The path of a file that came with the examples: beside the program when both are
 * installed, else in the source tree.  path has PATH_MAX bytes; returns it. */
const char *example_data(const char *name, char *path);

/* The clock runs from start to stop.  Call them around the work alone. */
void example_start(struct example *e);
void example_stop(struct example *e);

/* Print the answer, or why there is none if code is negative, close the executor, and
 * give the status for main to return.  `what` is the size of the work in words. */
__attribute__((format(printf, 4, 5))) int
example_close(struct example *e, int code, const char *what, const char *format, ...);

/* Write the picture that --picture asked for, if it did: width x height pixels of red,
 * green, blue.  0, or a negative code after a sentence was given to tutti_fail. */
int example_draw(const struct example *e, const uint8_t *pixels, uint32_t width,
                 uint32_t height);

/* A pseudo-random number from a place in a sequence: the same input on every machine,
 * whoever makes which part of it. */
static inline uint64_t example_random(uint64_t i)
{
    i += 0x9e3779b97f4a7c15u;
    i = (i ^ (i >> 30)) * 0xbf58476d1ce4e5b9u;
    i = (i ^ (i >> 27)) * 0x94d049bb133111ebu;
    return i ^ (i >> 31);
}
/* A checksum for answers: fold a number into a sum that starts at 0. */
static inline uint64_t example_fold(uint64_t sum, uint64_t value)
{
    return example_random(sum ^ value);
}
#endif
