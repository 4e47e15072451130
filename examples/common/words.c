/* examples/common/words.c - a count for each word; see words.h.
 * Tests: tests/examples_test.sh. */
#include "words.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t hash_of(const char *text, uint32_t length)
{
    uint32_t h = 2166136261u;
    for (uint32_t i = 0; i < length; i++)
        h = (h ^ (unsigned char)text[i]) * 16777619u;
    return h ^ h >> 15;
}

/* The place of the word, or the free one where it belongs. */
static struct word *find(const struct words *w, uint32_t hash, const char *text,
                         uint32_t length)
{
    size_t i = hash & (w->places - 1);
    for (; w->place[i].count; i = (i + 1) & (w->places - 1)) {
        const struct word *p = &w->place[i];
        if (p->hash == hash && p->length == length &&
            !memcmp(w->texts + p->text, text, length))
            break;
    }
    return &w->place[i];
}

static int grow(struct words *w)
{
    struct words old = *w;
    size_t places = w->places ? 2 * w->places : 1024;
    struct word *place = calloc(places, sizeof *place);
    if (!place)
        return -ENOMEM;
    w->place = place;
    w->places = places;
    for (size_t i = 0; i < old.places; i++)
        if (old.place[i].count)
            *find(w, old.place[i].hash, w->texts + old.place[i].text,
                  old.place[i].length) = old.place[i];
    free(old.place);
    return 0;
}

static int make_room(struct words *w)
{
    if (w->texts_used + WORD_MOST > w->texts_room) {
        size_t room = 2 * w->texts_room + 4096;
        char *texts = realloc(w->texts, room);
        if (!texts)
            return -ENOMEM;
        w->texts = texts;
        w->texts_room = room;
    }
    return w->used * 4 < w->places * 3 ? 0 : grow(w);
}

/* As words_add, for a word that is short enough and whose hash is known. */
static int add(struct words *w, uint32_t hash, const char *text, uint32_t length,
               uint64_t count)
{
    struct word *p = w->places ? find(w, hash, text, length) : NULL;
    if (!p || !p->count) {
        if (make_room(w))
            return -ENOMEM;
        p = find(w, hash, text, length);
        *p = (struct word){ .hash = hash, .length = length, .text = w->texts_used };
        memcpy(w->texts + w->texts_used, text, length);
        w->texts_used += length;
        w->used++;
    }
    p->count += count;
    return 0;
}

int words_add(struct words *w, const char *text, size_t length, uint64_t count)
{
    uint32_t n = length < WORD_MOST ? (uint32_t)length : WORD_MOST;
    return add(w, hash_of(text, n), text, n, count);
}

void words_free(struct words *w)
{
    free(w->place);
    free(w->texts);
    memset(w, 0, sizeof *w);
}

/* A word as bytes: this, then its letters.  The hash goes along because the
 * receiver, who is one for many senders, would have to work it out again. */
struct head {
    uint64_t count;
    uint32_t hash, length;
};

size_t words_size(const struct words *w)
{
    return w->used * sizeof(struct head) + w->texts_used;
}

void words_write(const struct words *w, char *to)
{
    for (size_t i = 0; i < w->places; i++) {
        const struct word *p = &w->place[i];
        struct head head = { p->count, p->hash, p->length };
        if (!p->count)
            continue;
        memcpy(to, &head, sizeof head);
        memcpy(to + sizeof head, w->texts + p->text, p->length);
        to += sizeof head + p->length;
    }
}

int words_read(struct words *w, const char *from, size_t size)
{
    struct head head;
    for (const char *end = from + size; from < end; from += sizeof head + head.length) {
        memcpy(&head, from, sizeof head);
        if (add(w, head.hash, from + sizeof head, head.length, head.count))
            return -ENOMEM;
    }
    return 0;
}

static int is_before(const struct words *w, const struct word *a, const struct word *b)
{
    uint32_t both = a->length < b->length ? a->length : b->length;
    int order = memcmp(w->texts + a->text, w->texts + b->text, both);
    return order ? order < 0 : a->length < b->length;
}

const struct word *words_most(const struct words *w)
{
    const struct word *best = NULL;
    for (size_t i = 0; i < w->places; i++) {
        const struct word *p = &w->place[i];
        if (p->count && (!best || p->count > best->count ||
                         (p->count == best->count && is_before(w, p, best))))
            best = p;
    }
    return best;
}
