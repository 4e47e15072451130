/* tests/processes_table_test.c - the table that worker processes and the program share. */
#include "processes_board.h"

/* --- maps ----------------------------------------------------------------------------- */

static tutti_bytes bytes_of(const char *text)
{
    return (tutti_bytes){ text, strlen(text) };
}

struct words {
    tutti_table *map;
    int n, die;
};
TUTTI_TASK(count_words, "sync.count_words", struct words, int);
static int count_words(const struct words *in, int *out)
{
    char key[16];
    *out = 0;
    for (int i = 0; i < in->n; i++) {
        int k = snprintf(key, sizeof key, "w%d", i % 50);
        int rc = tutti_table_add(in->map, (tutti_bytes){ key, (size_t)k }, 1, NULL);
        if (rc < 0)
            return rc;
    }
    return in->die ? raise(SIGKILL) : 0;
}

TEST(workers_count_words_in_one_map)
{
    static const char *const urls[] = { "processes://3", "threads://2", "loop://" };
    for (int i = 0; i < 3; i++) {
        tutti_executor *ex = processes_open_bounded(urls[i]);
        tutti_scope s;
        tutti_future f[3];
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        struct words w = { NULL, 5000, 0 };
        CHECK_INT(tutti_table_share(&w.map, &s, 60, 15, 8), 0);
        for (int k = 0; k < 3; k++)
            CHECK_INT(count_words_submit(&s, &w, &f[k]), 0);
        for (int k = 0; k < 3; k++)
            CHECK_INT(end(f[k]), 0);
        char key[15];
        int64_t n, all = 0, entries = 0;
        size_t k = sizeof key, v = sizeof n;
        for (uint64_t at = 0; tutti_table_next(w.map, &at, key, &k, &n, &v) == 1;
             k = sizeof key, v = sizeof n) {
            CHECK_INT(n, 300);
            all += n;
            entries++;
        }
        CHECK_INT(all, 15000);
        CHECK_INT(entries, 50);
        CHECK_INT(tutti_table_length(w.map), 50);
        CHECK_INT(board_close(ex, &s), 0);
    }
}

static void map_against_model(tutti_table *m, unsigned *seed)
{
    enum { KEYS = 40 };
    int model[KEYS];
    size_t there = 0;
    memset(model, -1, sizeof model);
    for (int i = 0; i < 4000; i++) {
        int k = (int)(check_random(seed) % KEYS), got[3] = { 0 };
        char text[8];
        snprintf(text, sizeof text, "%d", k);
        int value[3] = { i, i, i };
        size_t size = (i % 3 + 1) * sizeof(int);
        int64_t rc;
        switch (check_random(seed) % 3) {
        case 0:
            rc = tutti_table_put(m, bytes_of(text), (tutti_bytes){ value, size });
            CHECK_INT(rc, model[k] >= 0 ? 0 : there < 30 ? 1 : -ENOSPC);
            there += rc == 1;
            model[k] = rc < 0 ? model[k] : i;
            break;
        case 1:
            rc = tutti_table_get(m, bytes_of(text), got, sizeof got);
            CHECK_INT(rc, model[k] < 0 ? -ENOENT : (model[k] % 3 + 1) * (int)sizeof(int));
            CHECK(rc < 0 || got[0] == model[k]);
            break;
        default:
            rc = tutti_table_delete(m, bytes_of(text));
            CHECK_INT(rc, model[k] < 0 ? -ENOENT : 0);
            there -= rc == 0;
            model[k] = -1;
        }
        CHECK_INT(tutti_table_length(m), (long)there);
    }
}

TEST(a_map_does_what_a_table_does)
{
    static const char *const urls[] = { "processes://1", "loop://" };
    unsigned seed = check_seed();
    for (int i = 0; i < 2; i++) {
        tutti_executor *ex = processes_open_bounded(urls[i]);
        tutti_scope s;
        tutti_table *m;
        tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
        CHECK_INT(tutti_table_share(&m, &s, 30, 7, 12), 0);
        map_against_model(m, &seed);
        char long_key[] = "12345678";
        CHECK_INT(tutti_table_put(m, bytes_of(long_key), bytes_of("x")), -EINVAL);
        CHECK_INT(tutti_table_put(m, bytes_of(""), bytes_of("x")), -EINVAL);
        CHECK_INT(tutti_table_put(m, bytes_of("k"), bytes_of("1234567890123")), -EINVAL);
        CHECK_INT(tutti_table_get(m, bytes_of(long_key), NULL, 0), -EINVAL);
        CHECK_INT(tutti_table_share(&m, &s, 0, 1, 1), -EINVAL);
        CHECK_INT(tutti_table_share(&m, &s, 1, 0, 1), -EINVAL);
        CHECK_INT(tutti_table_share(&m, &s, 1, 1, SIZE_MAX), -EINVAL);
        CHECK_INT(tutti_table_put(NULL, bytes_of("k"), bytes_of("v")), -EINVAL);
        CHECK_INT(board_close(ex, &s), 0);
    }
}

TEST_MAIN
