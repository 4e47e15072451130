/* examples/common/png.c - writes the examples' pictures through libpng; see example.h.
 * Tests: tests/examples_test.sh. */
#include "example.h"
#include <png.h>
#include <stdio.h>

int example_draw(const struct example *e, const uint8_t *pixels, uint32_t width,
                 uint32_t height)
{
    png_image image = { .version = PNG_IMAGE_VERSION, .width = width, .height = height,
                        .format = PNG_FORMAT_RGB };
    if (!e->picture)
        return 0;
    /* libpng leaves the half of a file behind that it could not finish: remove it, so
     * that a picture that is there is a whole one. */
    if (png_image_write_to_file(&image, e->picture, 0, pixels, 0, NULL))
        return 0;
    remove(e->picture);
    return tutti_fail(-EIO, "cannot write the picture \"%s\": %s", e->picture,
                      image.message);
}
