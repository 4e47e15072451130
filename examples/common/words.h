/* examples/common/words.h - a count for each word: a hash table that can be written
 * as flat bytes, sent, and added to another.  Tests: tests/examples_test.sh. */
#ifndef EXAMPLES_WORDS_H
#define EXAMPLES_WORDS_H
#include <stddef.h>
#include <stdint.h>

enum { WORD_MOST = 63 }; /* longer words count as their first 63 bytes */
struct word {
    uint64_t count; /* 0: this place is free */
    uint32_t hash, length;
    size_t text; /* where in texts it begins */
};
/* Zero is an empty table.  Holds: places is 0 or a power of two, over 4/3 of used. */
struct words {
    struct word *place;
    size_t places, used;
    char *texts;
    size_t texts_used, texts_room;
};
/* Count a word `count` times more.  0 or -ENOMEM. */
int words_add(struct words *w, const char *text, size_t length, uint64_t count);
void words_free(struct words *w);
/* All words as bytes into to[], which has words_size(w) of them. */
size_t words_size(const struct words *w);
void words_write(const struct words *w, char *to);
/* Add what words_write made.  0 or -ENOMEM. */
int words_read(struct words *w, const char *from, size_t size);
/* The most frequent word, of equals the first by byte; NULL if there is none. */
const struct word *words_most(const struct words *w);
#endif
