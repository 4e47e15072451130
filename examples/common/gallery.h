/* examples/common/gallery.h - pictures that are made up, some of them broken, and a
 * sheet with all of them on it.  Tests: tests/media_test.py. */
#ifndef EXAMPLES_GALLERY_H
#define EXAMPLES_GALLERY_H
#include "picture.h"
#include <stdio.h>

/* The i-th picture of a gallery as a file in memory, to be freed, the same on every
 * machine: JPEG with a camera's notes and PNG by turns; of every six one is broken: cut
 * off, spoilt in the middle, of a size that nobody has memory for, or something else
 * altogether.  *ending: what its name ends with.  0 or -ENOMEM. */
int gallery_make(unsigned i, unsigned char **file, size_t *size, const char **ending);

/* A sheet in the making.  Holds: points is columns x rows cells, or NULL if none is
 * wanted; index is NULL or FOLDER/index.html, open. */
struct sheet {
    uint32_t columns, rows;
    uint8_t *points;
    FILE *index;
    const char *folder;
};
enum { SHEET_CELL = 96 };
/* For count pictures.  folder: made if need be, for the index; NULL: no index.
 * 0 or a negative code after a sentence was given to tutti_fail. */
int sheet_open(struct sheet *s, uint64_t count, int drawn, const char *folder);
/* The i-th: p at most SHEET_CELL wide and high, or without rgb: broken; its small file
 * for the index; words: what is to be said of it, name: what it is called. */
int sheet_add(struct sheet *s, uint64_t i, const struct picture *p, const void *file,
              size_t size, const char *name, const char *words);
/* 0, or negative if the index could not be written. */
int sheet_close(struct sheet *s);
#endif
