/* examples/common/facts.c - what a camera wrote beside a picture, through libexif; see
 * picture.h. */
#include "picture.h"
#include <libexif/exif-data.h>
#include <stdlib.h>
#include <string.h>

/* For a line of an index: what is no plain letter becomes a question mark. */
static void text_of(ExifData *data, ExifIfd part, ExifTag tag, char *to, unsigned size)
{
    ExifEntry *e = exif_content_get_entry(data->ifd[part], tag);
    if (!e || e->format != EXIF_FORMAT_ASCII)
        return;
    exif_entry_get_value(e, to, size);
    for (; *to; to++)
        if (*to < ' ' || *to > '~')
            *to = '?';
}

void picture_facts(struct facts *f, const void *file, size_t size)
{
    *f = (struct facts){ .turn = 1 };
    ExifData *data =
        size < 1 << 30 ? exif_data_new_from_data(file, (unsigned)size) : NULL;
    if (!data)
        return;
    text_of(data, EXIF_IFD_0, EXIF_TAG_MODEL, f->camera, sizeof f->camera);
    text_of(data, EXIF_IFD_EXIF, EXIF_TAG_DATE_TIME_ORIGINAL, f->taken,
            sizeof f->taken);
    if (!f->taken[0])
        text_of(data, EXIF_IFD_0, EXIF_TAG_DATE_TIME, f->taken, sizeof f->taken);
    ExifEntry *e = exif_content_get_entry(data->ifd[EXIF_IFD_0], EXIF_TAG_ORIENTATION);
    if (e && e->format == EXIF_FORMAT_SHORT && e->components == 1)
        f->turn = exif_get_short(e->data, exif_data_get_byte_order(data));
    if (f->turn < 1 || f->turn > 8)
        f->turn = 1;
    exif_data_unref(data);
}

/* An entry of `size` bytes; NULL: no memory. */
static ExifEntry *entry_add(ExifData *data, ExifTag tag, ExifFormat format,
                            unsigned count, unsigned size)
{
    ExifEntry *e = exif_entry_new();
    if (!e)
        return NULL;
    exif_content_add_entry(data->ifd[EXIF_IFD_0], e);
    exif_entry_unref(e); /* it is the content's now */
    ExifMem *memory = exif_mem_new_default();
    e->data = memory ? exif_mem_alloc(memory, size) : NULL;
    exif_mem_unref(memory);
    e->tag = tag;
    e->format = format;
    e->components = count;
    e->size = e->data ? size : 0;
    return e->data ? e : NULL;
}

static int text_add(ExifData *data, ExifTag tag, const char *text)
{
    unsigned size = (unsigned)strlen(text) + 1;
    ExifEntry *e = entry_add(data, tag, EXIF_FORMAT_ASCII, size, size);
    if (e)
        memcpy(e->data, text, size);
    return e != NULL;
}

unsigned char *facts_pack(const struct facts *f, size_t *size)
{
    unsigned char *bytes = NULL;
    unsigned length = 0;
    ExifData *data = exif_data_new();
    if (!data)
        return NULL;
    exif_data_set_byte_order(data, EXIF_BYTE_ORDER_INTEL);
    ExifEntry *e = entry_add(data, EXIF_TAG_ORIENTATION, EXIF_FORMAT_SHORT, 1, 2);
    if (e)
        exif_set_short(e->data, EXIF_BYTE_ORDER_INTEL, (ExifShort)f->turn);
    if (e && text_add(data, EXIF_TAG_MODEL, f->camera) &&
        text_add(data, EXIF_TAG_DATE_TIME, f->taken))
        exif_data_save_data(data, &bytes, &length);
    exif_data_unref(data);
    *size = length;
    return bytes;
}
