/* tests/worklist_test.c - tutti_worklist, over every executor, called from a plain thread and
 * from a task. */
#include "flow_common.h"

static tutti_event never;

/* --- work-list -------------------------------------------------------------- */

enum { PAGES = 3000 };
struct web {
    unsigned n;
    _Atomic unsigned char visits[PAGES];
    _Atomic unsigned added;
    struct gauge all, group[4];
    unsigned width, per_group;
    unsigned fail_every;
};
static struct web web;

static uint64_t group_of(tutti_bytes key)
{
    unsigned page;
    memcpy(&page, key.data, sizeof page);
    return page % 4;
}
static int visit(tutti_list *l, tutti_bytes key, void *ctx)
{
    unsigned page;
    CHECK(ctx == &web);
    CHECK_INT(key.size, sizeof page + 3);
    memcpy(&page, key.data, sizeof page);
    gauge_in(&web.all);
    gauge_in(&web.group[page % 4]);
    if (web.width)
        CHECK(web.all.now <= (int)web.width);
    if (web.per_group)
        CHECK(web.group[page % 4].now <= (int)web.per_group);
    web.visits[page]++;
    shuffle(page);
    unsigned links[] = { page * 2, page * 2 + 1, page / 3, page + 7, 0 };
    for (int i = 0; i < 5; i++) {
        char link[sizeof page + 3] = "";
        unsigned to = links[i] % web.n;
        memcpy(link, &to, sizeof to);
        int rc = tutti_list_add(l, (tutti_bytes){ link, sizeof link });
        CHECK(rc >= 0);
        web.added += (unsigned)rc;
    }
    gauge_out(&web.group[page % 4]);
    gauge_out(&web.all);
    return web.fail_every && page % web.fail_every == 1
               ? tutti_fail(-ENOENT, "page %u", page) : (int)page;
}

static int web_run(tutti_scope *s, size_t most, int strict)
{
    tutti_work w = { .size = sizeof w, .width = web.width, .per_group = web.per_group,
                     .most = most, .visit = visit, .ctx = &web, .strict = strict,
                     .group = web.per_group ? group_of : NULL };
    char first[sizeof(unsigned) + 3] = "";
    memset((void *)web.visits, 0, sizeof web.visits);
    memset(&web.all, 0, sizeof web.all);
    memset(web.group, 0, sizeof web.group);
    web.added = 0;
    return tutti_worklist(s, &w, (tutti_bytes){ first, sizeof first });
}

static void worklists(tutti_scope *s)
{
    static const unsigned widths[] = { 0, 1, 5, 64 }, groups[] = { 0, 1, 3 };
    for (int i = 0; i < 24; i++) {
        web.n = i % 2 ? 1 : PAGES;
        web.width = widths[i / 6];
        web.per_group = groups[i / 2 % 3];
        web.fail_every = i % 5 == 4 ? 10 : 0;
        unsigned fail = web.fail_every ? (web.n + 8) / 10 : 0;
        CHECK_INT(web_run(s, 0, 0), fail);
        for (unsigned p = 0; p < web.n; p++)
            CHECK_INT(web.visits[p], 1);
        CHECK_INT(web.added, web.n - 1);
    }
}
TEST(worklist_visits_each_key_once)
{
    everywhere(worklists);
}

static void worklist_most(tutti_scope *s)
{
    web = (struct web){ .n = PAGES, .width = 4 };
    CHECK_INT(web_run(s, 100, 0), 0);
    unsigned visited = 0;
    for (unsigned p = 0; p < web.n; p++)
        visited += web.visits[p];
    CHECK_INT(visited, 100);
    CHECK_INT(web.added, 99);
}
TEST(worklist_takes_no_more_keys_than_most)
{
    everywhere(worklist_most);
}

static void worklist_strict(tutti_scope *s)
{
    web = (struct web){ .n = PAGES, .width = 4, .fail_every = PAGES };
    CHECK_INT(web_run(s, 0, 1), -ENOENT);
    CHECK_STR(tutti_why(), "page 1");
    CHECK_INT(web_run(s, 0, 0), 1);
}
TEST(a_strict_worklist_ends_at_the_first_failure)
{
    everywhere(worklist_strict);
}

/* Keys of group 0 wait for those of group 1, which come after them: with a width of
 * two, a full group must not hold a place. */
static _Atomic int ones;
static tutti_event ones_done;
static int visit_groups(tutti_list *l, tutti_bytes key, void *ctx)
{
    (void)ctx;
    unsigned page;
    memcpy(&page, key.data, sizeof page);
    if (page == 2)
        for (unsigned i = 0; i < 40; i++) {
            unsigned next = i < 20 ? 4 + i * 4 : 4 + i * 4 + 1;
            CHECK_INT(tutti_list_add(l, (tutti_bytes){ &next, sizeof next }), 1);
        }
    if (page % 4 == 1 && ++ones == 20)
        tutti_event_set(&ones_done);
    return page != 2 && page % 4 == 0 ? tutti_event_wait(&ones_done) : 0;
}
static void worklist_groups(tutti_scope *s)
{
    tutti_work w = { .size = sizeof w, .width = 2, .per_group = 1,
                     .visit = visit_groups,
                     .group = group_of };
    unsigned first = 2;
    ones = 0;
    tutti_event_clear(&ones_done);
    CHECK_INT(tutti_worklist(s, &w, (tutti_bytes){ &first, sizeof first }), 0);
    CHECK_INT(ones, 20);
}
TEST(a_full_group_holds_no_place)
{
    everywhere(worklist_groups);
}

static int visit_stuck(tutti_list *l, tutti_bytes key, void *ctx)
{
    char next = 'a';
    (void)ctx;
    for (int i = 0; key.size == 0 && i < 20; i++, next++)
        CHECK_INT(tutti_list_add(l, (tutti_bytes){ &next, 1 }), 1);
    waiting++;
    int rc = tutti_event_wait(&never);
    shuffle(3);
    waiting--;
    return rc;
}
static void worklist_cut(tutti_scope *outer)
{
    for (int late = 0; late < 2; late++) {
        tutti_work w = { .size = sizeof w, .width = 6, .visit = visit_stuck };
        waiting = 0;
        TUTTI_SCOPE(helpers, tutti_scope_executor(outer), TUTTI_NEVER, 0);
        TUTTI_SCOPE(s, tutti_scope_executor(outer),
                    late ? tutti_after(5 * TUTTI_MS) : TUTTI_NEVER, 0);
        if (!late)
            CHECK_INT(tutti_go(&helpers, cancel_when_4_wait, &s), 0);
        CHECK_INT(tutti_worklist(&s, &w, (tutti_bytes){ NULL, 0 }),
                  late ? -ETIMEDOUT : -ECANCELED);
        CHECK_INT(waiting, 0);
        CHECK_INT(tutti_scope_close(&s), late ? -ETIMEDOUT : 0);
        CHECK_INT(tutti_scope_close(&helpers), 0);
    }
}
TEST(worklist_is_cut_off_with_its_scope)
{
    everywhere(worklist_cut);
}

/* Keys that differ in a byte, in length, or are long. */
static _Atomic int long_visits;
static int visit_long(tutti_list *l, tutti_bytes key, void *ctx)
{
    static char text[100000];
    (void)ctx;
    long_visits++;
    if (key.size)
        return 0;
    memset(text, 'x', sizeof text);
    for (size_t n = 1; n <= sizeof text; n = n * 2 + 1) {
        CHECK_INT(tutti_list_add(l, (tutti_bytes){ text, n }), 1);
        CHECK_INT(tutti_list_add(l, (tutti_bytes){ text, n }), 0);
        text[n - 1] = 0;
        CHECK_INT(tutti_list_add(l, (tutti_bytes){ text, n }), 1);
        CHECK_INT(tutti_list_add(l, (tutti_bytes){ text, n }), 0);
        text[n - 1] = 'x';
    }
    CHECK_INT(tutti_list_add(l, (tutti_bytes){ NULL, 0 }), 0);
    return 0;
}
static void worklist_keys(tutti_scope *s)
{
    tutti_work w = { .size = sizeof w, .visit = visit_long };
    long_visits = 0;
    CHECK_INT(tutti_worklist(s, &w, (tutti_bytes){ NULL, 0 }), 0);
    CHECK_INT(long_visits, 1 + 2 * 16);
    w.visit = NULL;
    CHECK_INT(tutti_worklist(s, &w, (tutti_bytes){ NULL, 0 }), -EINVAL);
}
TEST(worklist_tells_keys_apart_by_all_their_bytes)
{
    everywhere(worklist_keys);
}

TEST_MAIN
