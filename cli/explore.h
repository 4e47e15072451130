/* explore.h - `tutti cc` and `tutti explore`: what their files share.
 * Tests: tests/cc_test.sh. */
#ifndef CLI_EXPLORE_H
#define CLI_EXPLORE_H
#include "options.h"
#include <jansson.h>
#include <stddef.h>

struct explore_options {
    /* as typed, or NULL */
    const char *schedules, *seconds, *seed, *strategy, *steps, *model, *status, *replay;
    bool accesses, fork, gdb, json;
    enum color_when color;
    char **program; /* its words; NULL after the last */
};

/* --- explore_library.c --- */
/* The folder of libtutti-explore into out; false after a sentence if there is none. */
bool explore_folder(char *out, size_t size);
/* 0 if the program at path can be explored, else an exit code after a sentence that
 * says what to do. */
int explore_check(const char *path);
/* The path of a program as a shell would find it, into out; 0, or an exit code after a
 * sentence. */
int explore_find(const char *word, char *out, size_t size);

/* Say why the program at path may have ended with that code and without a report. */
void explore_unstarted(const char *path, int code);

/* --- explore_run.c --- */
/* Run the program under the explorer: *report is what it found, to be json_decref'd,
 * and NULL if it gave none.  What it exited with, or a negative code after a
 * sentence. */
int explore_run(const struct explore_options *o, const char *path, json_t **report);
/* Become gdb on the replay. */
int explore_gdb(const struct explore_options *o, const char *path);

/* --- explore_show.c, explore_source.c --- */
struct painter {
    FILE *out;
    bool color;
    int width; /* columns of the terminal */
};
void explore_show(const struct painter *p, const struct explore_options *o,
                  const json_t *report);
/* Line `line` of a source file without the blanks around it; "" if it is not there.
 * Valid until the program ends. */
const char *source_line(const char *file, int line);
/* file as a reader would name it: relative to the folder it was started in. */
const char *source_name(const char *file);

int explore_command(int argc, char **argv);
int cc_command(int argc, char **argv);
#endif
