/* examples/common/gallery.c - made-up pictures; see gallery.h. */
#include "gallery.h"
#include "example.h"
#include <png.h>
#include <stdlib.h>
#include <string.h>

enum { RIDGES = 5 };

/* The height of a ridge at x: noise on four scales, each half as high and twice as
 * dense. */
static int64_t ridge_at(uint64_t seed, int ridge, int64_t x, int64_t high)
{
    int64_t sum = 0, step = 256;
    for (int k = 0; k < 4; k++, step /= 2, high /= 2) {
        uint64_t place =
            (seed * RIDGES + (uint64_t)ridge) * 4096 + (uint64_t)(x / step) * 4;
        int64_t left = (int64_t)(example_random(place + (uint64_t)k) >> 40) % high;
        int64_t right = (int64_t)(example_random(place + 4 + (uint64_t)k) >> 40) % high;
        sum += left + (right - left) * (x % step) / step;
    }
    return sum;
}

static void blend(uint8_t *to, const uint8_t *near, const uint8_t *far, int64_t part)
{
    for (int c = 0; c < 3; c++)
        to[c] = (uint8_t)(far[c] + (near[c] - far[c]) * part / 256);
}

/* Hills behind hills under a sun, in whole numbers: the same everywhere. */
static void paint(struct picture *p, uint64_t seed)
{
    static const uint8_t tones[][3][3] = {
        /* of the sky above, the haze, and what is near */
        { { 58, 110, 168 }, { 226, 228, 216 }, { 22, 52, 44 } },
        { { 72, 52, 110 }, { 246, 188, 138 }, { 34, 22, 52 } },
        { { 96, 150, 172 }, { 242, 240, 226 }, { 40, 66, 92 } },
        { { 28, 36, 78 }, { 214, 120, 104 }, { 12, 14, 34 } },
    };
    const uint8_t(*tone)[3] = tones[seed % 4];
    static const uint8_t sun[3] = { 255, 244, 214 };
    int64_t wide = p->width, high = p->height, round = high / 14;
    int64_t sun_x = wide / 5 + (int64_t)(example_random(seed) % 600) * wide / 1000;
    for (int64_t x = 0; x < wide; x++) {
        int64_t ridge[RIDGES];
        for (int k = 0; k < RIDGES; k++)
            ridge[k] = high * (k + 3) / (RIDGES + 3) - ridge_at(seed, k, x, high / 6);
        for (int64_t y = 0; y < high; y++) {
            uint8_t *to = p->rgb + ((size_t)y * p->width + (size_t)x) * 3;
            int64_t off = (x - sun_x) * (x - sun_x) + (y - high / 4) * (y - high / 4);
            blend(to, tone[1], tone[0], y * 256 / high);
            if (off < round * round)
                memcpy(to, sun, 3);
            for (int k = 0; k < RIDGES; k++)
                if (y >= ridge[k])
                    blend(to, tone[2], tone[1], (k + 1) * 256 / RIDGES);
        }
    }
}

/* As a camera that is held in some way stores what it sees, and says how it was
 * held. */
static int as_jpeg(struct picture *p, unsigned i, unsigned char **file, size_t *size)
{
    static const int turns[] = { 1, 6, 3, 8 }, back[] = { 1, 8, 3, 6 };
    struct facts f = { .turn = turns[i / 2 % 4] };
    size_t note_size;
    if (picture_turn(p, back[i / 2 % 4]))
        return -ENOMEM;
    snprintf(f.camera, sizeof f.camera, "Camera obscura %u", i % 5);
    snprintf(f.taken, sizeof f.taken, "2026:%02u:%02u %02u:00:00", i % 12 + 1,
             i % 28 + 1, i % 24);
    unsigned char *note = facts_pack(&f, &note_size);
    int rc = note ? picture_pack(p, 85, note, note_size, file, size) : -ENOMEM;
    free(note);
    return rc;
}

static int as_png(const struct picture *p, unsigned char **file, size_t *size)
{
    png_image image = { .version = PNG_IMAGE_VERSION, .width = p->width,
                        .height = p->height, .format = PNG_FORMAT_RGB,
                        .flags = PNG_IMAGE_FLAG_FAST };
    png_alloc_size_t room = 0;
    if (!png_image_write_get_memory_size(image, room, 0, p->rgb, 0, NULL) ||
        !(*file = malloc(room)))
        return -ENOMEM;
    int done = png_image_write_to_memory(&image, *file, &room, 0, p->rgb, 0, NULL);
    *size = room;
    return done ? 0 : -ENOMEM;
}

static void spoil(unsigned how, unsigned char *file, size_t *size)
{
    static const char words[] = "This was a picture once.\n";
    switch (how % 5) {
    case 0: /* cut off */
        *size /= 2;
        break;
    case 1: /* overwritten from the middle on */
        for (size_t at = *size / 2; at < *size; at++)
            file[at] ^= (unsigned char)example_random(at);
        break;
    case 2: /* its first half lost */
        memmove(file + 8, file + *size / 2, *size - *size / 2 - 8);
        *size -= *size / 2;
        break;
    case 3: /* something else under its name */
        memcpy(file, words, sizeof words - 1);
        *size = sizeof words - 1;
        break;
    default:
        *size = 0;
    }
}

/* A PNG that says of itself that it is 60000 x 60000 has to be spoilt by hand: the sum
 * behind its head must be right. */
static void inflate(unsigned char *png)
{
    static const unsigned char head[] = { 0,    0, 0xea, 0x60, 0, 0, 0xea,
                                          0x60, 8, 2,    0,    0, 0 };
    uint32_t sum = ~0u;
    memcpy(png + 16, head, sizeof head);
    for (int i = 12; i < 29; i++) {
        sum ^= png[i];
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? 0xedb88320u : 0);
    }
    for (int i = 0; i < 4; i++)
        png[29 + i] = (unsigned char)(~sum >> (24 - 8 * i));
}

int gallery_make(unsigned i, unsigned char **file, size_t *size, const char **ending)
{
    struct picture p = { .width = 320 + i * 37 % 320, .height = 240 + i * 53 % 240 };
    int jpeg = i % 2 == 0, rc;
    *file = NULL;
    *ending = jpeg ? "jpg" : "png";
    p.rgb = malloc((size_t)p.width * p.height * 3);
    if (!p.rgb)
        return -ENOMEM;
    paint(&p, i);
    rc = jpeg ? as_jpeg(&p, i, file, size) : as_png(&p, file, size);
    picture_free(&p);
    if (rc >= 0 && i % 30 == 17)
        inflate(*file);
    else if (rc >= 0 && (i % 6 == 4 || i % 12 == 5))
        spoil(i / 6, *file, size);
    return rc;
}
