/* examples/media.c - a pipeline over pictures: read, take apart, shrink, note what a
 * camera wrote, pack again, and lay out a sheet with an index.
 *
 *     media                         pictures that are made up, some broken, and what
 *                                   /usr/share has
 *     media ~/Pictures sheet        those in a folder; sheet/index.html shows them
 *     media --executor processes:// ~/Pictures sheet frank
 *
 * A picture is a task.  One that is broken is named in the index.  Where libjpeg meets
 * what it cannot read it ends the process, unless it is told otherwise, which this
 * program does; with `frank` it does not, as many a program: then a broken picture is
 * the end of any worker, and on processes:// of no more than that. */
#include "common/example.h"
#include "common/folder.h"
#include "common/gallery.h"
#include "common/walk.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <tutti/patterns.h>
#include <unistd.h>

static const struct example_about about = {
    .name = "media",
    .kind = "CPU",
    .summary =
        "Reads the PNG and JPEG files of a folder, shrinks them, notes what a camera\n"
        "wrote, and lays out a sheet; SHEET is a folder for it, with an index.\n"
        "Without FOLDER: 60 that are made up, some of them broken, and those that\n"
        "/usr/share has.  frank: libjpeg may end the process over a broken picture,\n"
        "as it does when nobody forbids it; only processes:// lives on.",
    .size_means = "how many pictures at most",
    .size = 300,
    .size_least = 1,
    .size_most = 1000000,
    .arguments = "[FOLDER [SHEET [frank]]]",
    .arguments_most = 3,
    .draws = EXAMPLE_PNG,
};

enum {
    MADE_UP = 60,
    LOOKED_AT = 200000,
    FILE_MOST = 64 << 20,
    ICON = 4096,
    QUALITY = 80
};
#define REAL "/usr/share"

/* What a task gets: this, and behind it the path. */
struct order {
    int frank;
    char path[];
};
/* What it gives: this, and behind it the points of the small picture, then its file. */
struct report {
    struct picture picture; /* rgb counts for nothing */
    struct facts facts;
    uint64_t size, bytes; /* of the file, and of the small one; 0: broken */
};
TUTTI_TASK_BYTES(shrink_one, "media.shrink");

/* --- one picture ------------------------------------------------------------------ */

static void *read_whole(const char *path, size_t *size, char why[100])
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    *size = 0;
    if (fd < 0 || fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size > FILE_MOST) {
        snprintf(why, 100, "%s",
                 fd < 0 ? strerror(errno) : "no file, or a very large one");
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    char *data = malloc((size_t)st.st_size + 1);
    for (ssize_t n = 1; data && *size < (size_t)st.st_size && n > 0; *size += (size_t)n)
        if ((n = read(fd, data + *size, (size_t)st.st_size - *size)) <= 0)
            break;
    close(fd);
    return data;
}

/* All that is done to one picture.  *small: its file, to be freed.  A broken one is no
 * failure: r->bytes is 0 and the picture says why. */
static int shrink(const char *path, int frank, struct report *r, unsigned char **small)
{
    struct picture *p = &r->picture;
    char why[100] = "";
    size_t size, bytes = 0;
    void *file = read_whole(path, &size, why);
    *small = NULL;
    *r = (struct report){ .size = size };
    int rc = file ? picture_read(p, file, size, SHEET_CELL, frank) : -EINVAL;
    if (!file)
        snprintf(p->why, sizeof p->why, "%s", why);
    if (rc >= 0) {
        picture_facts(&r->facts, file, size);
        rc = picture_shrink(p, SHEET_CELL);
        rc = rc < 0 ? rc : picture_turn(p, r->facts.turn);
        rc = rc < 0 ? rc : picture_pack(p, QUALITY, NULL, 0, small, &bytes);
    }
    free(file);
    if (rc < 0) {
        free(p->rgb);
        p->rgb = NULL;
        p->width = p->height = 0;
    }
    r->bytes = bytes;
    return rc == -EINVAL ? 0 : rc;
}

static size_t points_of(const struct report *r)
{
    return (size_t)r->picture.width * r->picture.height * 3;
}

static int shrink_one(tutti_bytes in, tutti_out *out)
{
    const struct order *order = in.data;
    struct report r;
    unsigned char *small;
    int rc = shrink(order->path, order->frank, &r, &small);
    rc = rc < 0 ? rc : tutti_put(out, &r, sizeof r);
    if (rc >= 0 && r.bytes)
        rc = tutti_put(out, r.picture.rgb, points_of(&r));
    if (rc >= 0 && r.bytes)
        rc = tutti_put(out, small, r.bytes);
    picture_free(&r.picture);
    free(small);
    return rc;
}

/* --- all of them ------------------------------------------------------------------ */

struct pipeline {
    struct example *e;
    char **paths;
    uint64_t count, next;
    int frank;
    struct order *order; /* with room for any path */
    struct sheet sheet;
    uint64_t broken, damaged, noted, ended, points, sum;
};

static uint64_t fold_bytes(uint64_t sum, const void *data, size_t size)
{
    const uint8_t *at = data;
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t word;
        memcpy(&word, at, sizeof word);
        sum = example_fold(sum, word);
    }
    for (; size; size--)
        sum = example_fold(sum, *at++);
    return sum;
}

static void describe(const struct report *r, char *words, size_t size)
{
    const struct picture *p = &r->picture;
    int used = p->whole_width ? snprintf(words, size, "%u x %u", p->whole_width,
                                         p->whole_height)
                              : 0;
    used += snprintf(words + used, size - (size_t)used, "%s%llu kB", used ? ", " : "",
                     (unsigned long long)(r->size + 999) / 1000);
    if (r->facts.camera[0] || r->facts.taken[0])
        used += snprintf(words + used, size - (size_t)used, ", %s %s", r->facts.camera,
                         r->facts.taken);
    if (p->why[0])
        snprintf(words + used, size - (size_t)used, "; %s: %s",
                 r->bytes ? "damaged" : "broken", p->why);
}

/* The i-th is done; pictures come in order. */
static int take(struct pipeline *l, uint64_t i, struct report *r, const void *small)
{
    char words[400];
    const struct picture *p = &r->picture;
    l->broken += !r->bytes;
    l->damaged += r->bytes && p->why[0];
    l->noted += r->facts.camera[0] || r->facts.taken[0];
    l->points += r->bytes ? (uint64_t)p->whole_width * p->whole_height : 0;
    l->sum = fold_bytes(l->sum, &r->facts, sizeof r->facts);
    l->sum = fold_bytes(l->sum, p->rgb, p->rgb ? points_of(r) : 0);
    l->sum = fold_bytes(l->sum, small, r->bytes);
    describe(r, words, sizeof words);
    return sheet_add(&l->sheet, i, p, small, r->bytes, l->paths[i], words);
}

static int next_order(void *ctx, tutti_bytes *item)
{
    struct pipeline *l = ctx;
    if (l->next == l->count)
        return 0;
    const char *path = l->paths[l->next++];
    l->order->frank = l->frank;
    strcpy(l->order->path, path);
    *item = (tutti_bytes){ l->order, sizeof *l->order + strlen(path) + 1 };
    return 1;
}

/* A task that ended its worker has no report but words, which name its end. */
static int take_report(void *ctx, uint64_t i, int code, tutti_bytes result)
{
    struct pipeline *l = ctx;
    struct report r = { .size = 0 };
    const uint8_t *at = (const uint8_t *)result.data + sizeof r;
    if (code == -TUTTI_ECRASH) {
        l->ended++;
        snprintf(r.picture.why, sizeof r.picture.why, "%s", tutti_why());
        return take(l, i, &r, NULL);
    }
    if (code < 0)
        return code;
    memcpy(&r, result.data, sizeof r);
    r.picture.rgb = r.bytes ? (uint8_t *)(uintptr_t)at : NULL; /* only read */
    return take(l, i, &r, at + points_of(&r));
}

static int shrink_tasks(struct example *e, struct pipeline *l)
{
    TUTTI_SCOPE(s, e->executor, TUTTI_NEVER, 0);
    tutti_flow flow = { .size = sizeof flow, .source = next_order, .sink = take_report,
                        .ctx = l };
    example_start(e);
    int rc = tutti_map_flow(&s, &shrink_one_task, &flow);
    example_stop(e);
    int closed = tutti_scope_close(&s);
    return rc < 0 ? rc : closed;
}

static int shrink_serially(struct example *e, struct pipeline *l)
{
    int rc = 0;
    example_start(e);
    for (uint64_t i = 0; i < l->count && rc >= 0; i++) {
        struct report r;
        unsigned char *small;
        rc = shrink(l->paths[i], 0, &r, &small);
        rc = rc < 0 ? rc : take(l, i, &r, small);
        picture_free(&r.picture);
        free(small);
    }
    example_stop(e);
    return rc;
}

/* --- where pictures are ----------------------------------------------------------- */

static void path_add(struct pipeline *l, const char *path)
{
    l->paths[l->count] = strdup(path);
    if (!l->paths[l->count++])
        example_refuse(l->e, "no memory for so many pictures");
}

static int is_picture(const char *path)
{
    static const char *const endings[] = { ".png", ".jpg", ".jpeg" };
    const char *dot = strrchr(path, '.');
    for (int i = 0; i < 3 && dot; i++)
        if (!strcasecmp(dot, endings[i]))
            return 1;
    return 0;
}

/* What lies in a folder, but for icons where `large` is asked for. */
static void find_pictures(struct pipeline *l, const char *folder, int large)
{
    struct walk w;
    struct stat st;
    int rc = walk_open(&w, folder, LOOKED_AT);
    if (rc < 0 && !large)
        example_refuse(l->e, "cannot read \"%s\": %s", folder, strerror(-rc));
    while (rc >= 0 && l->count < l->e->size && walk_next(&w) == 1)
        if (is_picture(w.path) &&
            (!large || (!stat(w.path, &st) && st.st_size >= ICON)))
            path_add(l, w.path);
    if (rc >= 0)
        walk_close(&w);
}

/* The made-up ones as files. */
static int gallery_lay(struct pipeline *l, struct folder *folder)
{
    char path[300];
    if (folder_open(folder, "media"))
        return tutti_fail(-EIO, "no folder for pictures");
    for (unsigned i = 0; i < MADE_UP && l->count < l->e->size; i++) {
        unsigned char *file;
        const char *ending;
        size_t size = 0;
        int rc = gallery_make(i, &file, &size, &ending);
        snprintf(path, sizeof path, "%s/%02u.%s", folder->path, i, ending);
        FILE *f = rc < 0 ? NULL : fopen(path, "we");
        int bad = !f || fwrite(file, 1, size, f) != size;
        if (f)
            bad |= fclose(f) != 0;
        free(file);
        path_add(l, path);
        if (bad)
            return tutti_fail(-EIO, "%s cannot be written", path);
    }
    return 0;
}

static void look_at_arguments(struct example *e, struct pipeline *l)
{
    if (e->argument_count < 3)
        return;
    if (strcmp(e->arguments[2], "frank"))
        example_refuse(e, "there is \"frank\" to say here, not \"%s\"",
                       e->arguments[2]);
    if (e->serial || strncmp(tutti_executor_url(e->executor), "processes:", 10))
        example_refuse(e, "frank: only processes:// would live to tell");
    l->frank = 1;
}

static int summary(struct pipeline *l, struct example *e, int rc)
{
    char what[64], ended[64] = "";
    snprintf(what, sizeof what, "%llu pictures", (unsigned long long)l->count);
    if (l->ended)
        snprintf(ended, sizeof ended, " (%llu with their worker)",
                 (unsigned long long)l->ended);
    return example_close(e, rc, what,
                         "%.1f million points, %llu broken%s, %llu damaged, "
                         "%llu with notes of a camera, sum %016llx",
                         (double)l->points * 1e-6, (unsigned long long)l->broken, ended,
                         (unsigned long long)l->damaged, (unsigned long long)l->noted,
                         (unsigned long long)l->sum);
}

int main(int argc, char **argv)
{
    struct example e;
    struct pipeline l = { .e = &e };
    struct folder folder = { .path = "" };
    int rc = 0;
    example_open(&e, &about, argc, argv);
    look_at_arguments(&e, &l);
    l.paths = calloc(e.size + 1, sizeof *l.paths);
    l.order = malloc(sizeof *l.order + PATH_MAX);
    if (!l.paths || !l.order)
        example_refuse(&e, "no memory for so many pictures");
    if (e.argument_count)
        find_pictures(&l, e.arguments[0], 0);
    else if ((rc = gallery_lay(&l, &folder)) >= 0)
        find_pictures(&l, REAL, 1);
    if (rc >= 0 && !l.count)
        example_refuse(&e, "no picture in \"%s\"", e.arguments[0]);
    if (rc >= 0)
        rc = sheet_open(&l.sheet, l.count, e.picture != NULL,
                        e.argument_count > 1 ? e.arguments[1] : NULL);
    if (rc >= 0)
        rc = e.serial ? shrink_serially(&e, &l) : shrink_tasks(&e, &l);
    if (rc >= 0 && e.picture)
        rc = example_draw(&e, l.sheet.points, l.sheet.columns * (SHEET_CELL + 8),
                          l.sheet.rows * (SHEET_CELL + 8));
    int closed = sheet_close(&l.sheet);
    folder_close(&folder);
    rc = summary(&l, &e, rc < 0 ? rc : closed);
    while (l.count)
        free(l.paths[--l.count]);
    free(l.paths);
    free(l.order);
    return rc;
}
