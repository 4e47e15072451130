/* examples/wordcount.c - words, lines and numbers of thousands of text files: how
 * many, the most frequent, the longest, the smallest and the greatest.
 *
 * A stream of batches of paths goes to tasks, each of which sends the counts of its
 * batch back as bytes for the caller to add up.  Sums, minima and maxima come out
 * the same in whatever order, so the stream may be unordered. */
#include "common/example.h"
#include "common/walk.h"
#include "common/words.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <tutti/patterns.h>
#include <unistd.h>

static const struct example_about about = {
    .name = "wordcount",
    .kind = "mixed",
    .summary = "Counts words, lines and numbers of the text files in a directory\n"
               "(/usr/include).  A file with a NUL in it is no text and left out.",
    .size_means = "how many files at most",
    .size = 20000,
    .size_least = 1,
    .size_most = 100000000,
    .arguments = "[DIRECTORY]",
    .arguments_most = 1,
};

enum { BATCH = 128 };

/* What is known of some files, but for the words; what a task sends begins with it. */
struct counts {
    uint64_t files, not_text, unreadable, lines, words, numbers;
    uint64_t shortest, longest; /* line that is not empty, bytes; 0: none yet */
    int64_t least, most;        /* number; only if numbers is not 0 */
};
TUTTI_TASK_BYTES(count_files, "wordcount.files");

/* A file read whole.  Zero is none. */
struct text {
    char *data;
    size_t size, room;
};

static int read_text(const char *path, struct text *t)
{
    struct stat st;
    ssize_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st))
        return fd < 0 ? -errno : (close(fd), -EIO);
    if ((size_t)st.st_size >= t->room) {
        free(t->data);
        t->room = (size_t)st.st_size + 1;
        t->data = malloc(t->room);
    }
    for (t->size = 0; t->data && t->size < (size_t)st.st_size; t->size += (size_t)n)
        if ((n = read(fd, t->data + t->size, (size_t)st.st_size - t->size)) <= 0)
            break;
    int rc = !t->data ? -ENOMEM : n < 0 ? -errno : 0;
    close(fd);
    if (!t->data)
        t->room = 0;
    return rc;
}

static void count_line(struct counts *c, uint64_t length)
{
    c->lines++;
    if (length && (!c->shortest || length < c->shortest))
        c->shortest = length;
    if (length > c->longest)
        c->longest = length;
}

static void count_numbers(struct counts *c, int64_t least, int64_t most,
                          uint64_t numbers)
{
    if (numbers && (!c->numbers || least < c->least))
        c->least = least;
    if (numbers && (!c->numbers || most > c->most))
        c->most = most;
    c->numbers += numbers;
}

static int is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static int is_letter(unsigned char c)
{
    return ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' || c >= 0x80;
}

/* The token from `at`: a word if it begins with a letter, a number if it is nothing but
 * digits.  Letters become small, in the text itself.  Returns where it ends, or 0. */
static size_t count_token(struct text *t, size_t at, struct counts *c, struct words *w)
{
    size_t from = at, letters = 0;
    for (; at < t->size; at++) {
        unsigned char byte = (unsigned char)t->data[at];
        if (is_letter(byte)) {
            letters++;
            if (byte >= 'A' && byte <= 'Z')
                t->data[at] = (char)(byte | 32);
        } else if (!is_digit(byte)) {
            break;
        }
    }
    size_t length = at - from;
    if (is_letter((unsigned char)t->data[from])) {
        c->words++;
        return words_add(w, t->data + from, length, 1) ? 0 : at;
    }
    if (!letters && length <= 18) {
        int64_t value = 0;
        for (size_t i = from; i < at; i++)
            value = value * 10 + (t->data[i] - '0');
        if (from >= 2 && t->data[from - 1] == '-' && t->data[from - 2] == ' ')
            value = -value;
        count_numbers(c, value, value, 1);
    }
    return at;
}

static int count_text(struct text *t, struct counts *c, struct words *w)
{
    size_t line = 0;
    for (size_t at = 0; at < t->size;) {
        unsigned char byte = (unsigned char)t->data[at];
        if (is_letter(byte) || is_digit(byte)) {
            if (!(at = count_token(t, at, c, w)))
                return -ENOMEM;
            continue;
        }
        if (byte == '\n') {
            count_line(c, at - line);
            line = at + 1;
        }
        at++;
    }
    if (line < t->size)
        count_line(c, t->size - line);
    return 0;
}

/* A file that cannot be read is counted, not an error. */
static int count_file(const char *path, struct text *t, struct counts *c,
                      struct words *w)
{
    int rc = read_text(path, t);
    if (rc == -ENOMEM)
        return rc;
    if (rc < 0) {
        c->unreadable++;
        return 0;
    }
    if (memchr(t->data, 0, t->size)) {
        c->not_text++;
        return 0;
    }
    c->files++;
    return count_text(t, c, w);
}

static int count_files(tutti_bytes in, tutti_out *out)
{
    struct text t = { 0 };
    struct counts c = { 0 };
    struct words w = { 0 };
    int rc = 0;
    const char *path = in.data, *end = path + in.size;
    for (; path < end && rc >= 0; path += strlen(path) + 1)
        rc = count_file(path, &t, &c, &w);
    if (rc >= 0 && (rc = tutti_put(out, &c, sizeof c)) >= 0 && w.used) {
        char *to = tutti_reserve(out, words_size(&w));
        rc = to ? (words_write(&w, to), 0) : -ENOMEM;
    }
    free(t.data);
    words_free(&w);
    return rc;
}

/* The ends of the stream, both in the caller. */
struct tally {
    struct walk walk;
    struct counts counts;
    struct words words;
    char batch[WALK_BATCH];
};

static int next_batch(void *ctx, tutti_bytes *item)
{
    struct tally *t = ctx;
    long length = walk_batch(&t->walk, t->batch, BATCH);
    if (length <= 0)
        return (int)length;
    *item = (tutti_bytes){ t->batch, (size_t)length };
    return 1;
}

static int take_counts(void *ctx, uint64_t i, int code, tutti_bytes result)
{
    struct tally *t = ctx;
    struct counts c, *all = &t->counts;
    (void)i;
    if (code < 0)
        return code;
    memcpy(&c, result.data, sizeof c);
    all->files += c.files;
    all->not_text += c.not_text;
    all->unreadable += c.unreadable;
    all->words += c.words;
    count_numbers(all, c.least, c.most, c.numbers);
    if (c.lines) {
        count_line(all, c.shortest);
        count_line(all, c.longest);
        all->lines += c.lines - 2;
    }
    return words_read(&t->words, (const char *)result.data + sizeof c,
                      result.size - sizeof c);
}

static int wordcount_tasks(struct example *e, struct tally *t)
{
    TUTTI_SCOPE(s, e->executor, TUTTI_NEVER, 0);
    tutti_flow flow = { .size = sizeof flow, .unordered = 1, .source = next_batch,
                        .sink = take_counts, .ctx = t };
    example_start(e);
    int rc = tutti_map_flow(&s, &count_files_task, &flow);
    example_stop(e);
    int closed = tutti_scope_close(&s);
    return rc < 0 ? rc : closed;
}

static int wordcount_serial(struct example *e, struct tally *t)
{
    struct text text = { 0 };
    int rc;
    example_start(e);
    while ((rc = walk_next(&t->walk)) == 1 &&
           (rc = count_file(t->walk.path, &text, &t->counts, &t->words)) >= 0)
        ;
    example_stop(e);
    free(text.data);
    return rc;
}

int main(int argc, char **argv)
{
    static struct tally t;
    struct example e;
    char what[64];
    example_open(&e, &about, argc, argv);
    const char *directory = e.argument_count ? e.arguments[0] : "/usr/include";
    int rc = walk_open(&t.walk, directory, e.size);
    if (rc < 0)
        example_refuse(&e, "cannot read \"%s\": %s", directory, strerror(-rc));
    rc = e.serial ? wordcount_serial(&e, &t) : wordcount_tasks(&e, &t);
    walk_close(&t.walk);
    const struct word *most = words_most(&t.words);
    const struct counts *c = &t.counts;
    snprintf(what, sizeof what, "%llu files", (unsigned long long)c->files);
    int status = example_close(
        &e, rc, what,
        "%llu lines of %llu to %llu bytes, %llu words, %zu different, \"%.*s\" %llu "
        "times, %llu numbers from %lld to %lld, %llu files no text, %llu not readable",
        (unsigned long long)c->lines, (unsigned long long)c->shortest,
        (unsigned long long)c->longest, (unsigned long long)c->words, t.words.used,
        most ? (int)most->length : 0, most ? t.words.texts + most->text : "",
        (unsigned long long)(most ? most->count : 0), (unsigned long long)c->numbers,
        (long long)c->least, (long long)c->most, (unsigned long long)c->not_text,
        (unsigned long long)(c->unreadable + t.walk.closed));
    words_free(&t.words);
    return status;
}
