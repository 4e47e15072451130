/* examples/common/walk.h - the regular files of a directory tree, one after another,
 * in the order of their names, so that "the first 1000" are the same at every run.
 * Symbolic links are not followed; directories that cannot be read are counted and
 * passed over.  Tests: tests/examples_test.sh. */
#ifndef EXAMPLES_WALK_H
#define EXAMPLES_WALK_H
#include <limits.h>
#include <stddef.h>
#include <stdint.h>

struct walk_level;
/* Holds: path is the file that walk_next gave; length, the part of it that is the
 * directory of *top. */
struct walk {
    struct walk_level *top;
    uint64_t left, closed; /* files still wanted; directories that could not be read */
    char path[PATH_MAX];
};

/* At most `most` files.  0, or a negative code if the directory cannot be read. */
int walk_open(struct walk *w, const char *directory, uint64_t most);
/* 1: w->path is the next file; 0: there are no more; -ENOMEM. */
int walk_next(struct walk *w);
void walk_close(struct walk *w);

/* The next files as text: path, NUL, path, NUL...; at most `files` of them and as fit.
 * Returns the length, 0 when there are no more, or -ENOMEM. */
enum { WALK_BATCH = 8 * PATH_MAX };
long walk_batch(struct walk *w, char text[WALK_BATCH], unsigned files);
#endif
