/* examples/tally.c - how often each word comes in some lines, counted in one map.
 *
 * The program sends the lines into a channel; every worker takes lines from it as
 * fast as it can and counts their words in a map that all of them share, and adds up
 * how many lines were had under a lock that lies beside the sum.  On processes://
 * the workers are processes: channel, map and lock are those of tutti/shared.h, and
 * the text of this program is the same. */
#include "common/example.h"
#include <stdio.h>
#include <stdlib.h>
#include <tutti/shared.h>

static const struct example_about about = {
    .name = "tally",
    .kind = "mixed",
    .summary = "Counts the words of lines that come out of a channel in one shared map.",
    .size_means = "how many lines",
    .size = 20000,
    .size_least = 1,
    .size_most = 100000000,
};

enum { LINE = 120, WORDS = 500, WORD = 12 };

struct line {
    char text[LINE];
};

/* What all workers see. */
struct board {
    tutti_mutex lock; /* guards lines */
    uint64_t lines;
};
struct crew {
    tutti_chan *lines;
    tutti_table *words;
    struct board *board;
};

/* Line i of a text that is the same everywhere; common words come often. */
static void line_make(struct line *l, uint64_t i)
{
    uint64_t x = i * UINT64_C(0x9e3779b97f4a7c15) + 1;
    size_t at = 0;
    for (unsigned k = 0; k < 4 + i % 7; k++) {
        x ^= x >> 29;
        x *= UINT64_C(0xbf58476d1ce4e5b9);
        unsigned word = (unsigned)((x >> 40) % WORDS * ((x >> 20) % WORDS) / WORDS);
        at += (size_t)snprintf(l->text + at, LINE - at, "w%u ", word);
    }
}

static int count_line(tutti_table *words, const char *text)
{
    for (size_t n; *text; text += n + (text[n] == ' ')) {
        n = strcspn(text, " ");
        int rc = tutti_table_add(words, (tutti_bytes){ text, n }, 1, NULL);
        if (rc < 0)
            return rc;
    }
    return 0;
}

TUTTI_TASK(count_lines, "tally.count_lines", struct crew, tutti_none);
static int count_lines(const struct crew *in, tutti_none *out)
{
    struct line l;
    uint64_t lines = 0;
    int rc;
    (void)out;
    while ((rc = tutti_chan_recv(in->lines, &l)) == 1) {
        if ((rc = count_line(in->words, l.text)) < 0)
            break;
        lines++;
    }
    int locked = tutti_mutex_lock(&in->board->lock);
    if (locked < 0) /* -TUTTI_EOWNERDEAD: somebody died with it, the sum may lack his */
        return locked;
    in->board->lines += lines;
    tutti_mutex_unlock(&in->board->lock);
    return rc;
}

/* Start a task for each worker, and send them all there is. */
static int count_all(struct example *e, tutti_scope *s, const struct crew *crew)
{
    tutti_future none;
    struct line l;
    int rc = 0;
    for (unsigned i = 0; rc == 0 && i < tutti_executor_workers(e->executor); i++)
        rc = count_lines_submit(s, crew, &none);
    for (uint64_t i = 0; rc == 0 && i < e->size; i++) {
        line_make(&l, i);
        rc = tutti_chan_send(crew->lines, &l);
    }
    tutti_chan_close(crew->lines);
    while (rc == 0 && (rc = tutti_scope_next(s, &none)) == 1)
        rc = tutti_future_await(none, NULL);
    return rc;
}

struct answer {
    uint64_t words, different, most;
    char often[WORD + 1];
};

static void read_map(tutti_table *words, struct answer *a)
{
    char key[WORD];
    int64_t n;
    size_t k = sizeof key, v = sizeof n;
    for (uint64_t at = 0; tutti_table_next(words, &at, key, &k, &n, &v) == 1;
         k = sizeof key, v = sizeof n) {
        a->words += (uint64_t)n;
        a->different++;
        if ((uint64_t)n < a->most
            || ((uint64_t)n == a->most && strncmp(key, a->often, k) > 0))
            continue;
        a->most = (uint64_t)n;
        snprintf(a->often, sizeof a->often, "%.*s", (int)k, key);
    }
}

static int tally(struct example *e, struct answer *a)
{
    struct crew crew = { NULL, NULL, NULL };
    struct line l;
    tutti_ref r;
    TUTTI_SCOPE(s, e->executor, TUTTI_NEVER, 0);
    int rc = tutti_table_share(&crew.words, &s, WORDS, WORD, sizeof(int64_t));
    rc = rc ? rc : tutti_chan_share(&crew.lines, &s, sizeof l, 64);
    crew.board = tutti_share(&s, 1, sizeof *crew.board, TUTTI_WRITE, &r);
    rc = rc ? rc : crew.board ? tutti_mutex_share(&s, &crew.board->lock) : -ENOMEM;
    example_start(e);
    if (rc == 0 && !e->serial)
        rc = count_all(e, &s, &crew);
    for (uint64_t i = 0; rc == 0 && e->serial && i < e->size; i++) {
        line_make(&l, i);
        rc = count_line(crew.words, l.text);
        crew.board->lines++;
    }
    example_stop(e);
    if (rc == 0 && crew.board->lines != e->size)
        rc = -ERANGE; /* a line was lost, or had twice */
    if (rc == 0)
        read_map(crew.words, a);
    int closed = tutti_scope_close(&s);
    return rc < 0 ? rc : closed;
}

int main(int argc, char **argv)
{
    struct example e;
    struct answer a = { 0, 0, 0, "" };
    example_open(&e, &about, argc, argv);
    int rc = tally(&e, &a);
    return example_close(&e, rc, "lines", "%llu words, %llu different, most often %s: %llu",
                         (unsigned long long)a.words, (unsigned long long)a.different,
                         a.often, (unsigned long long)a.most);
}
