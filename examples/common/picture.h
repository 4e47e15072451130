/* examples/common/picture.h - pictures in memory: PNG and JPEG read by libpng and
 * libjpeg, made smaller, turned, written as JPEG, and what libexif finds in them.
 * Nothing here knows of tasks.  Tests: tests/media_test.py. */
#ifndef EXAMPLES_PICTURE_H
#define EXAMPLES_PICTURE_H
#include <stddef.h>
#include <stdint.h>

enum { PICTURE_OTHER, PICTURE_PNG, PICTURE_JPEG };
/* Zero is none; picture_free at the end.  Holds: rgb is width x height x 3 bytes. */
struct picture {
    uint32_t width, height;             /* of rgb */
    uint32_t whole_width, whole_height; /* of the file; 0: not known */
    int kind;
    uint8_t *rgb;
    char why[100]; /* what is wrong with it, also when most of it could be read */
};

/* Take a file apart.  A JPEG may come out smaller than it is, but not below least x
 * least.  frank: what libjpeg cannot read it may end the process for, as is its habit.
 * 0, -EINVAL and p->why, or -ENOMEM. */
int picture_read(struct picture *p, const void *file, size_t size, uint32_t least,
                 int frank);
void picture_free(struct picture *p);
/* Make it at most `most` wide and high, by the mean of what falls together; and turn it
 * as a camera's note (1 to 8) wants it.  0 or -ENOMEM. */
int picture_shrink(struct picture *p, uint32_t most);
int picture_turn(struct picture *p, int note);
/* As JPEG into *file, to be freed.  note: facts in libexif's form that go along, or
 * NULL.  0 or -ENOMEM. */
int picture_pack(const struct picture *p, int quality, const void *note,
                 size_t note_size, unsigned char **file, size_t *size);

/* What a camera wrote beside the picture; zero where it did not. */
struct facts {
    char camera[40], taken[24];
    int turn; /* 1 to 8 */
};
void picture_facts(struct facts *f, const void *file, size_t size);
/* The same as libexif's bytes, to be freed; NULL: no memory. */
unsigned char *facts_pack(const struct facts *f, size_t *size);
#endif
