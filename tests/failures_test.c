/* failures_test.c - tutti_scope_failures (src/core/failures.c): which starts failed, with
 * what, in which order, and how many, with thousands of them and scopes in scopes. */
#include "urls.h"

enum { KEPT = 1000, STARTS = 5000 };

/* What is listed.  seen[i]: how often start i is. */
struct list {
    int count;
    uint64_t index[KEPT];
    unsigned char seen[STARTS + 1];
};

static int code_of(uint64_t start)
{
    return -(int)(start % 90) - 1;
}

static void check_listed(void *ctx, const tutti_outcome *o)
{
    struct list *l = ctx;
    char words[40];
    CHECK(l->count < KEPT);
    CHECK(o->index <= STARTS);
    CHECK_INT(o->size, sizeof *o);
    CHECK_INT(o->end, TUTTI_FAILED);
    CHECK_INT(o->code, code_of(o->index));
    CHECK_INT(o->signal, 0);
    CHECK_INT(o->runs, 1);
    CHECK_STR(o->task, "closure");
    snprintf(words, sizeof words, "start %d went wrong", (int)o->index);
    CHECK_STR(o->words, words);
    CHECK_INT(l->seen[o->index]++, 0);
    l->index[l->count++] = o->index;
}

static struct list *list_of(tutti_scope *s, int want)
{
    static struct list l;
    memset(&l, 0, sizeof l);
    CHECK_INT(tutti_scope_failures(s, check_listed, &l), want);
    CHECK_INT(l.count, want < KEPT ? want : KEPT);
    return &l;
}

static void until_none_lives(tutti_scope *s)
{
    tutti_scope_stats stats = { .size = sizeof stats };
    do {
        tutti_yield();
        CHECK_INT(tutti_scope_stat(s, &stats), 0);
    } while (stats.live);
}

static int odd_ones_fail(void *arg)
{
    intptr_t i = (intptr_t)arg;
    if (i % 7 == 0)
        tutti_yield();
    return i % 2 ? tutti_fail(code_of((uint64_t)i), "start %d went wrong", (int)i) : 0;
}

/* --- by one starter --------------------------------------------------------------- */

ON_URLS(thousands_fail_and_each_says_which_it_was)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (intptr_t i = 0; i < STARTS; i++)
        CHECK_INT(tutti_go(&s, odd_ones_fail, (void *)i), 0);
    until_none_lives(&s);
    struct list *l = list_of(&s, STARTS / 2);
    for (uint64_t i = 0; i < STARTS; i += 2)
        CHECK_INT(l->seen[i], 0);
    uint64_t first = l->index[0];
    l = list_of(&s, STARTS / 2); /* the same again */
    CHECK_INT((long long)l->index[0], (long long)first);
    CHECK_INT(tutti_scope_close(&s), code_of(first)); /* of which the first is the scope's */
    CHECK_INT(tutti_executor_close(ex), 0);
}

static int ends_in_turn(void *arg)
{
    intptr_t i = (intptr_t)arg;
    return tutti_fail(code_of((uint64_t)i), "start %d went wrong", (int)i);
}

/* Where tasks begin one after the other, the list has their order. */
static int in_turn(void *unused)
{
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (intptr_t i = 0; i < 200; i++)
        CHECK_INT(tutti_go(&s, ends_in_turn, (void *)i), 0);
    until_none_lives(&s);
    struct list *l = list_of(&s, 200);
    for (int i = 0; i < 200; i++)
        CHECK_INT((long long)l->index[i], i);
    CHECK_INT(tutti_scope_close(&s), code_of(0));
    return 0;
}

TEST(they_are_listed_as_they_came)
{
    CHECK_INT(tutti_run("loop://", in_turn, NULL), 0);
    CHECK_INT(tutti_run("threads://1", in_turn, NULL), 0);
}

/* --- scopes in scopes ------------------------------------------------------------- */

enum { OUTER = 40, INNER = 60 };

static int opens_another(void *arg)
{
    intptr_t me = (intptr_t)arg;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (intptr_t i = 0; i < INNER; i++)
        CHECK_INT(tutti_go(&s, odd_ones_fail, (void *)i), 0);
    until_none_lives(&s);
    struct list *l = calloc(1, sizeof *l);
    CHECK_INT(tutti_scope_failures(&s, check_listed, l), INNER / 2);
    CHECK_INT(l->count, INNER / 2);
    uint64_t first = l->index[0];
    free(l);
    CHECK_INT(tutti_scope_close(&s), code_of(first));
    return me % 4 ? 0 : tutti_fail(code_of((uint64_t)me), "start %d went wrong", (int)me);
}

ON_URLS(what_fails_inside_is_not_listed_outside)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (intptr_t i = 0; i < OUTER; i++)
        CHECK_INT(tutti_go(&s, opens_another, (void *)i), 0);
    until_none_lives(&s);
    struct list *l = list_of(&s, OUTER / 4);
    for (int i = 0; i < OUTER; i++)
        CHECK_INT(l->seen[i], i % 4 == 0);
    CHECK(tutti_scope_close(&s) < 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- started by many -------------------------------------------------------------- */

static int fails(void *unused)
{
    (void)unused;
    return -EIO;
}
static int starts_some(void *scope)
{
    for (int i = 0; i < 30; i++) {
        CHECK_INT(tutti_go(scope, fails, NULL), 0);
        if (i % 8 == 0)
            tutti_yield();
    }
    return 0;
}
static void check_index(void *ctx, const tutti_outcome *o)
{
    CHECK(o->index < 20 + 20 * 30);
    CHECK_INT(o->code, -EIO);
    ++*(int *)ctx;
}

ON_URLS(what_tasks_start_is_counted_as_well)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    int listed = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (int i = 0; i < 20; i++)
        CHECK_INT(tutti_go(&s, starts_some, &s), 0);
    until_none_lives(&s);
    CHECK_INT(tutti_scope_failures(&s, check_index, &listed), 600);
    CHECK_INT(listed, 600);
    CHECK_INT(tutti_scope_close(&s), -EIO);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* --- whose they are --------------------------------------------------------------- */

static void count_them(void *ctx, const tutti_outcome *o)
{
    (void)o;
    ++*(int *)ctx;
}

/* A future's is its awaiter's; a start that failed is the scope's, as a task's. */
ON_URLS(what_is_returned_is_how_many_are_the_scopes)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_ref ref;
    int listed = 0;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(tutti_scope_failures(&s, count_them, &listed), 0);
    for (int i = 0; i < 10; i++) {
        tutti_future f;
        CHECK_INT(tutti_spawn(&s, fails, NULL, NULL, &f), 0);
        CHECK_INT(tutti_future_await(f, NULL), -EIO);
    }
    CHECK_INT(tutti_scope_failures(&s, count_them, &listed), 0);
    CHECK(!tutti_share(&s, 3, 0, TUTTI_READ, &ref));
    CHECK_INT(tutti_go(&s, fails, NULL), 0);
    until_none_lives(&s);
    CHECK_INT(tutti_scope_failures(&s, count_them, &listed), 2);
    CHECK_INT(listed, 2);
    CHECK_INT(tutti_scope_close(&s), -EINVAL);
    CHECK_INT(tutti_executor_close(ex), 0);
}

/* Asked again and again while they fail: what was listed stays, and no more is listed than
 * is returned. */
ON_URLS(they_can_be_asked_for_while_tasks_fail)
{
    tutti_executor *ex = urls_open(url);
    tutti_scope s;
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    for (intptr_t i = 0; i < 900; i++)
        CHECK_INT(tutti_go(&s, ends_in_turn, (void *)i), 0);
    int before = 0, all;
    do {
        struct list *l = calloc(1, sizeof *l);
        all = tutti_scope_failures(&s, check_listed, l);
        CHECK_INT(l->count, all);
        CHECK(all >= before);
        before = all;
        free(l);
        tutti_yield();
    } while (all < 900);
    CHECK(tutti_scope_close(&s) < 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST_MAIN
