/* examples/common/picture.c - reading, shrinking and writing pictures; see
 * picture.h. */
#include "picture.h"
#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h> /* after stdio.h */

enum { POINTS_MOST = 100 << 20 };

void picture_free(struct picture *p)
{
    free(p->rgb);
    *p = (struct picture){ 0 };
}

static int refuse(struct picture *p, const char *why)
{
    snprintf(p->why, sizeof p->why, "%.*s", (int)sizeof p->why - 1, why);
    return -EINVAL;
}

static int is_too_large(uint32_t width, uint32_t height)
{
    return (uint64_t)width * height > POINTS_MOST;
}

static int room_make(struct picture *p, uint32_t width, uint32_t height)
{
    p->width = width;
    p->height = height;
    p->rgb = malloc((size_t)width * height * 3 + 1);
    return p->rgb ? 0 : -ENOMEM;
}

/* --- PNG ------------------------------------------------------------------------- */

static int read_png(struct picture *p, const void *file, size_t size)
{
    png_image image = { .version = PNG_IMAGE_VERSION };
    png_color white = { 255, 255, 255 };
    int rc = 0;
    if (!png_image_begin_read_from_memory(&image, file, size))
        return refuse(p, image.message);
    p->whole_width = image.width;
    p->whole_height = image.height;
    image.format = PNG_FORMAT_RGB;
    if (is_too_large(image.width, image.height))
        rc = refuse(p, "too many points");
    else
        rc = room_make(p, image.width, image.height);
    if (rc >= 0 && !png_image_finish_read(&image, &white, p->rgb, 0, NULL))
        rc = refuse(p, image.message);
    png_image_free(&image);
    return rc;
}

/* --- JPEG ------------------------------------------------------------------------- */

/* libjpeg's way to report, with a way back. */
struct reporter {
    struct jpeg_error_mgr base; /* first: the library knows no more */
    jmp_buf back;
    char words[JMSG_LENGTH_MAX];
};

static void come_back(j_common_ptr j)
{
    struct reporter *r = (struct reporter *)j->err;
    j->err->format_message(j, r->words);
    longjmp(r->back, 1);
}

/* The first complaint is kept; none goes to stderr. */
static void keep_words(j_common_ptr j)
{
    struct reporter *r = (struct reporter *)j->err;
    if (!r->words[0])
        j->err->format_message(j, r->words);
}

/* What printers get, on white: some programs write it the other way round and say
 * so. */
static void from_cmyk(const uint8_t *from, uint8_t *to, uint32_t width, int adobe)
{
    for (uint32_t x = 0; x < width; x++, from += 4, to += 3)
        for (int c = 0; c < 3; c++) {
            int ink = adobe ? from[c] : 255 - from[c],
                black = adobe ? from[3] : 255 - from[3];
            to[c] = (uint8_t)(ink * black / 255);
        }
}

static void read_rows(struct jpeg_decompress_struct *j, struct picture *p, uint8_t *row)
{
    while (j->output_scanline < j->output_height) {
        uint8_t *to = p->rgb + (size_t)j->output_scanline * p->width * 3;
        JSAMPROW rows[] = { row ? row : to };
        jpeg_read_scanlines(j, rows, 1);
        if (row)
            from_cmyk(row, to, p->width, j->saw_Adobe_marker);
    }
    jpeg_finish_decompress(j);
}

static int begin_rows(struct jpeg_decompress_struct *j, struct picture *p,
                      uint32_t least)
{
    jpeg_read_header(j, TRUE);
    p->whole_width = j->image_width;
    p->whole_height = j->image_height;
    if (is_too_large(j->image_width, j->image_height))
        return refuse(p, "too many points");
    j->out_color_space = j->num_components == 4 ? JCS_CMYK : JCS_RGB;
    j->scale_num = 1;
    j->scale_denom = 8;
    while (j->scale_denom > 1 && (j->image_width / j->scale_denom < least ||
                                  j->image_height / j->scale_denom < least))
        j->scale_denom /= 2;
    jpeg_start_decompress(j);
    return room_make(p, j->output_width, j->output_height);
}

static int read_jpeg(struct picture *p, const void *file, size_t size, uint32_t least,
                     int frank)
{
    struct reporter r = { .words = "" };
    struct jpeg_decompress_struct j;
    uint8_t *volatile row = NULL; /* must survive the way back */
    volatile int rc = 0;
    j.err = jpeg_std_error(&r.base);
    r.base.output_message = keep_words;
    if (!frank)
        r.base.error_exit = come_back;
    if (setjmp(r.back)) {
        rc = -EINVAL;
    } else {
        jpeg_create_decompress(&j);
        jpeg_mem_src(&j, file, size);
        rc = begin_rows(&j, p, least);
        if (rc >= 0 && j.num_components == 4 && !(row = malloc((size_t)p->width * 4)))
            rc = -ENOMEM;
        if (rc >= 0)
            read_rows(&j, p, row);
    }
    if (r.words[0])
        refuse(p, r.words);
    jpeg_destroy_decompress(&j);
    free(row);
    return rc;
}

int picture_read(struct picture *p, const void *file, size_t size, uint32_t least,
                 int frank)
{
    static const uint8_t png[] = { 0x89, 'P', 'N', 'G' }, jpeg[] = { 0xff, 0xd8, 0xff };
    *p = (struct picture){ 0 };
    if (size >= sizeof png && !memcmp(file, png, sizeof png)) {
        p->kind = PICTURE_PNG;
        return read_png(p, file, size);
    }
    if (size >= sizeof jpeg && !memcmp(file, jpeg, sizeof jpeg)) {
        p->kind = PICTURE_JPEG;
        return read_jpeg(p, file, size, least, frank);
    }
    return refuse(p, size ? "neither PNG nor JPEG" : "empty");
}

int picture_pack(const struct picture *p, int quality, const void *note,
                 size_t note_size, unsigned char **file, size_t *size)
{
    struct reporter r = { .words = "" };
    struct jpeg_compress_struct j;
    unsigned long length = 0;
    *file = NULL;
    j.err = jpeg_std_error(&r.base);
    r.base.error_exit = come_back;
    if (setjmp(r.back)) {
        jpeg_destroy_compress(&j);
        free(*file);
        *file = NULL;
        return -ENOMEM;
    }
    jpeg_create_compress(&j);
    jpeg_mem_dest(&j, file, &length);
    j.image_width = p->width;
    j.image_height = p->height;
    j.input_components = 3;
    j.in_color_space = JCS_RGB;
    jpeg_set_defaults(&j);
    jpeg_set_quality(&j, quality, TRUE);
    jpeg_start_compress(&j, TRUE);
    if (note)
        jpeg_write_marker(&j, JPEG_APP0 + 1, note, (unsigned)note_size);
    while (j.next_scanline < j.image_height) {
        JSAMPROW rows[] = { p->rgb + (size_t)j.next_scanline * p->width * 3 };
        jpeg_write_scanlines(&j, rows, 1);
    }
    jpeg_finish_compress(&j);
    jpeg_destroy_compress(&j);
    *size = length;
    return 0;
}

/* --- shrinking and turning -------------------------------------------------------- */

/* The mean of the points of a box, to the nearest. */
static void mean_of(const struct picture *p, uint32_t x0, uint32_t x1, uint32_t y0,
                    uint32_t y1, uint8_t *to)
{
    uint64_t sum[3] = { 0 }, n = (uint64_t)(x1 - x0) * (y1 - y0);
    for (uint32_t y = y0; y < y1; y++) {
        const uint8_t *at = p->rgb + ((size_t)y * p->width + x0) * 3;
        for (uint32_t x = x0; x < x1; x++, at += 3)
            for (int c = 0; c < 3; c++)
                sum[c] += at[c];
    }
    for (int c = 0; c < 3; c++)
        to[c] = (uint8_t)((sum[c] + n / 2) / n);
}

int picture_shrink(struct picture *p, uint32_t most)
{
    uint32_t longer = p->width > p->height ? p->width : p->height;
    if (longer <= most)
        return 0;
    uint32_t width = (uint32_t)((uint64_t)p->width * most / longer);
    uint32_t height = (uint32_t)((uint64_t)p->height * most / longer);
    width += !width;
    height += !height;
    uint8_t *rgb = malloc((size_t)width * height * 3);
    if (!rgb)
        return -ENOMEM;
    for (uint32_t y = 0; y < height; y++)
        for (uint32_t x = 0; x < width; x++)
            mean_of(p, (uint32_t)((uint64_t)x * p->width / width),
                    (uint32_t)((uint64_t)(x + 1) * p->width / width),
                    (uint32_t)((uint64_t)y * p->height / height),
                    (uint32_t)((uint64_t)(y + 1) * p->height / height),
                    rgb + ((size_t)y * width + x) * 3);
    free(p->rgb);
    p->rgb = rgb;
    p->width = width;
    p->height = height;
    return 0;
}

int picture_turn(struct picture *p, int note)
{
    int across = note >= 5, width = (int)p->width, height = (int)p->height;
    int wide = across ? height : width, tall = across ? width : height;
    if (note < 2 || note > 8)
        return 0;
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    if (!rgb)
        return -ENOMEM;
    for (int y = 0; y < tall; y++)
        for (int x = 0; x < wide; x++) {
            int u = across ? y : x, v = across ? x : y; /* in the picture as it lies */
            if (note == 2 || note == 3 || note == 7 || note == 8)
                u = width - 1 - u;
            if (note == 3 || note == 4 || note == 6 || note == 7)
                v = height - 1 - v;
            memcpy(rgb + ((size_t)y * (size_t)wide + (size_t)x) * 3,
                   p->rgb + ((size_t)v * (size_t)width + (size_t)u) * 3, 3);
        }
    free(p->rgb);
    p->rgb = rgb;
    p->width = (uint32_t)wide;
    p->height = (uint32_t)tall;
    return 0;
}
