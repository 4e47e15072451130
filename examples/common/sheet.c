/* examples/common/sheet.c - small pictures side by side, as one picture and as an index
 * in HTML; see gallery.h. */
#include "gallery.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tutti.h>

enum { PAPER = 244, ACROSS = SHEET_CELL + 8 };

static const char index_head[] =
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<title>Pictures</title><style>body{font:14px sans-serif;margin:2em}\n"
    "main{display:flex;flex-wrap:wrap;gap:14px}figure{width:150px;margin:0}\n"
    "div{width:150px;height:110px;background:#f4f4f4;display:flex;\n"
    "align-items:center;justify-content:center}.bad{background:#f6dcd4}\n"
    "img{max-width:100%;max-height:100%}\n"
    "figcaption{font-size:11px;overflow-wrap:anywhere}\n"
    "</style></head><body><main>\n";

static int index_open(struct sheet *s)
{
    char path[4200];
    if (mkdir(s->folder, 0777) && errno != EEXIST)
        return tutti_fail(-errno, "%s: %s", s->folder, strerror(errno));
    snprintf(path, sizeof path, "%s/index.html", s->folder);
    s->index = fopen(path, "we");
    if (!s->index)
        return tutti_fail(-errno, "%s: %s", path, strerror(errno));
    fputs(index_head, s->index);
    return 0;
}

int sheet_open(struct sheet *s, uint64_t count, int drawn, const char *folder)
{
    *s = (struct sheet){ .folder = folder, .columns = 1 };
    while ((uint64_t)s->columns * s->columns * 2 < count * 3) /* three wide, two high */
        s->columns++;
    s->rows = (uint32_t)((count + s->columns - 1) / s->columns);
    size_t size = (size_t)s->columns * s->rows * ACROSS * ACROSS * 3;
    if (drawn && !(s->points = malloc(size)))
        return tutti_fail(-ENOMEM, "no memory for the sheet");
    if (drawn)
        memset(s->points, PAPER, size);
    return folder ? index_open(s) : 0;
}

/* A cell of the sheet; what is broken gets a cross. */
static void draw(struct sheet *s, uint64_t i, const struct picture *p)
{
    size_t wide = (size_t)s->columns * ACROSS;
    uint8_t *cell = s->points +
                    (i / s->columns * ACROSS * wide + i % s->columns * ACROSS) * 3;
    if (!p->rgb) {
        for (size_t k = ACROSS / 3; k < 2 * ACROSS / 3; k++)
            for (size_t thick = 0; thick < 3; thick++) {
                memcpy(cell + (k * wide + k + thick) * 3, "\xb0\x3a\x14", 3);
                memcpy(cell + (k * wide + ACROSS - 1 - k + thick) * 3, "\xb0\x3a\x14",
                       3);
            }
        return;
    }
    cell += ((ACROSS - p->height) / 2 * wide + (ACROSS - p->width) / 2) * 3;
    for (uint32_t y = 0; y < p->height; y++)
        memcpy(cell + y * wide * 3, p->rgb + (size_t)y * p->width * 3, p->width * 3);
}

/* Text that cannot be taken for anything else. */
static void put_text(FILE *f, const char *text)
{
    for (; *text; text++)
        if (strchr("<>&\"'", *text) || (unsigned char)*text < ' ')
            fprintf(f, "&#%d;", (unsigned char)*text < ' ' ? '?' : *text);
        else
            fputc(*text, f);
}

static int save(const char *path, const void *file, size_t size)
{
    FILE *f = fopen(path, "we");
    int bad = !f || fwrite(file, 1, size, f) != size;
    if (f)
        bad |= fclose(f) != 0;
    return bad ? tutti_fail(-EIO, "%s cannot be written", path) : 0;
}

int sheet_add(struct sheet *s, uint64_t i, const struct picture *p, const void *file,
              size_t size, const char *name, const char *words)
{
    char path[4200];
    int rc = 0;
    if (s->points)
        draw(s, i, p);
    if (!s->index)
        return 0;
    fprintf(s->index, "<figure><div%s>", p->rgb ? "" : " class=\"bad\"");
    if (p->rgb) {
        snprintf(path, sizeof path, "%s/%06llu.jpg", s->folder, (unsigned long long)i);
        rc = save(path, file, size);
        fprintf(s->index, "<img alt=\"\" src=\"%06llu.jpg\">", (unsigned long long)i);
    }
    fputs("</div><figcaption>", s->index);
    put_text(s->index, name);
    fputs("<br>", s->index);
    put_text(s->index, words);
    fputs("</figcaption></figure>\n", s->index);
    return rc;
}

int sheet_close(struct sheet *s)
{
    int bad = 0;
    if (s->index) {
        fputs("</main></body></html>\n", s->index);
        bad = ferror(s->index);
        bad |= fclose(s->index) != 0;
    }
    free(s->points);
    s->points = NULL;
    s->index = NULL;
    return bad ? tutti_fail(-EIO, "%s/index.html cannot be written", s->folder) : 0;
}
