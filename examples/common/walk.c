/* examples/common/walk.c - walks through a directory tree; see walk.h.
 * Tests: tests/examples_test.sh. */
#include "walk.h"
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Holds: names[at..count-1] are still to be visited; those before are freed. */
struct walk_level {
    struct walk_level *up;
    struct dirent **names;
    int at, count;
    size_t length; /* of the path of this directory, with the '/' */
};

static int no_dots(const struct dirent *d)
{
    return strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Go into the directory that w->path names, `length` long. */
static int walk_enter(struct walk *w, size_t length)
{
    struct walk_level *level = calloc(1, sizeof *level);
    if (!level)
        return -ENOMEM;
    level->count = scandir(w->path, &level->names, no_dots, by_name);
    if (level->count < 0 || length + 2 > sizeof w->path) {
        int rc = level->count < 0 ? -errno : -ENAMETOOLONG;
        while (level->count > 0)
            free(level->names[--level->count]);
        free(level->names);
        free(level);
        return rc;
    }
    if (w->path[length - 1] != '/')
        w->path[length++] = '/';
    level->length = length;
    level->up = w->top;
    w->top = level;
    return 0;
}

static void walk_leave(struct walk *w)
{
    struct walk_level *level = w->top;
    w->top = level->up;
    while (level->at < level->count)
        free(level->names[level->at++]);
    free(level->names);
    free(level);
}

int walk_open(struct walk *w, const char *directory, uint64_t most)
{
    size_t length = strlen(directory);
    w->top = NULL;
    w->left = most;
    w->closed = 0;
    if (!length || length >= sizeof w->path)
        return length ? -ENAMETOOLONG : -ENOENT;
    memcpy(w->path, directory, length + 1);
    return walk_enter(w, length);
}

/* The type of what w->path names, when the directory itself did not say. */
static unsigned type_of(const struct walk *w, unsigned known)
{
    struct stat st;
    if (known != DT_UNKNOWN)
        return known;
    return lstat(w->path, &st) ? DT_UNKNOWN : IFTODT(st.st_mode);
}

int walk_next(struct walk *w)
{
    while (w->top && w->left) {
        struct walk_level *level = w->top;
        if (level->at == level->count) {
            walk_leave(w);
            continue;
        }
        struct dirent *d = level->names[level->at++];
        size_t length = strlen(d->d_name);
        int fits = level->length + length < sizeof w->path;
        unsigned type = DT_UNKNOWN;
        if (fits) {
            memcpy(w->path + level->length, d->d_name, length + 1);
            type = type_of(w, d->d_type);
        }
        free(d);
        if (type == DT_REG) {
            w->left--;
            return 1;
        }
        int rc = type == DT_DIR ? walk_enter(w, level->length + length) : 0;
        if (rc == -ENOMEM)
            return rc;
        w->closed += rc < 0 || !fits;
    }
    return 0;
}

void walk_close(struct walk *w)
{
    while (w->top)
        walk_leave(w);
}

long walk_batch(struct walk *w, char text[WALK_BATCH], unsigned files)
{
    size_t used = 0;
    int rc = 0;
    while (files-- && used + PATH_MAX <= WALK_BATCH && (rc = walk_next(w)) == 1) {
        size_t length = strlen(w->path) + 1;
        memcpy(text + used, w->path, length);
        used += length;
    }
    return rc < 0 ? rc : (long)used;
}
