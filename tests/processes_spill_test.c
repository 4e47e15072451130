/* tests/processes_spill_test.c - what the arena has no room for: an error that says so, or with
 * ?spill= a file, of which nothing is left behind, and whose disk may be full. */
#include "processes.h"
#include <dirent.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <tutti/shared.h>

enum { LARGE = 6 << 20, SMALL_ARENA = 1 << 20 };

struct part {
    tutti_ref items;
    long n;
};
TUTTI_TASK(sum, "spill.sum", struct part, long);
static int sum(const struct part *in, long *out)
{
    const int *at = tutti_ref_view(&in->items);
    for (uint64_t i = 0; at && i < in->items.count; i++)
        *out += at[i];
    return at ? 0 : -ENOENT;
}
TUTTI_TASK(fill, "spill.fill", struct part, int);
static int fill(const struct part *in, int *out)
{
    int *at = tutti_ref_edit(&in->items);
    *out = at != NULL;
    for (uint64_t i = 0; at && i < in->items.count; i++)
        at[i] = (int)(in->items.from + i);
    return 0;
}
/* What nobody may. */
TUTTI_TASK(spoil, "spill.spoil", struct part, int);
static int spoil(const struct part *in, int *out)
{
    *(int *)(uintptr_t)tutti_ref_view(&in->items) = 1;
    *out = 1;
    return 0;
}
TUTTI_TASK_BYTES(turned, "spill.turned");
static int turned(tutti_bytes in, tutti_out *out)
{
    char *to = tutti_reserve(out, in.size);
    for (size_t i = 0; to && i < in.size; i++)
        to[i] = (char)(((const char *)in.data)[i] + 1);
    return to ? 0 : tutti_fail(-ENOMEM, "%s", tutti_why());
}
TUTTI_TASK(die, "spill.die", int, int);
static int die(const int *in, int *out)
{
    *out = *in;
    return raise(SIGKILL);
}
struct board {
    tutti_mutex lock;
    long sum;
};
TUTTI_TASK(add, "spill.add", tutti_ref, int);
static int add(const tutti_ref *in, int *out)
{
    struct board *b = tutti_ref_edit(in);
    for (*out = 0; *out < 1000; ++*out) {
        tutti_mutex_lock(&b->lock);
        b->sum++;
        tutti_mutex_unlock(&b->lock);
    }
    return 0;
}

static char dir[100], url[300];
static tutti_executor *ex;
static tutti_scope s;
static char *large;

static void begin_in(const char *where)
{
    snprintf(url, sizeof url, "processes://2?arena=1m&spill=%s", where);
    ex = processes_open_bounded(url);
    CHECK_HAS(tutti_executor_url(ex), where);
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    large = calloc(1, LARGE);
}
static void folder(void)
{
    const char *tmp = getenv("TMPDIR");
    snprintf(dir, sizeof dir, "%s/spill-XXXXXX", tmp ? tmp : "/tmp");
    CHECK(mkdtemp(dir) != NULL);
}
static void begin(void)
{
    folder();
    begin_in(dir);
}
static int end(void)
{
    int rc = tutti_scope_close(&s);
    CHECK_INT(tutti_executor_close(ex), 0);
    CHECK_INT(rmdir(dir), 0); /* it is empty */
    free(large);
    return rc;
}
static int entries(const char *path)
{
    DIR *d = opendir(path);
    int n = -2; /* . and .. */
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

/* A result of n bytes; its code. */
static int turn(size_t n)
{
    tutti_future f;
    tutti_bytes b;
    memset(large, 'a', n);
    tutti_submit(&s, &turned_task, (tutti_bytes){ large, n }, &f);
    int rc = tutti_future_await(f, &b);
    if (rc == 0)
        CHECK(b.size == n && !memcmp(b.data, memset(large, 'b', n), n));
    tutti_future_release(f);
    return rc;
}

/* --- with a file ------------------------------------------------------------------------ */

TEST(items_inputs_and_results_spill)
{
    struct part in = { .n = 0 };
    long out = 0, want = 0;
    int done;
    begin();
    for (unsigned flags = TUTTI_READ; flags <= TUTTI_WRITE; flags++) {
        int *at = tutti_share(&s, LARGE / sizeof *at, sizeof *at, flags, &in.items);
        CHECK(at != NULL);
        want = 0;
        for (int i = 0; i < LARGE / (int)sizeof *at; i++) {
            CHECK_INT(at[i], 0);
            want += at[i] = i % 1000;
        }
        CHECK_INT(sum_call(&s, &in, &out), 0);
        CHECK_INT(out, want);
    }
    struct part half = in;
    half.items = tutti_ref_slice(in.items, 1000, in.items.count);
    CHECK_INT(fill_call(&s, &half, &done), 0);
    CHECK_INT(((const int *)tutti_ref_view(&in.items))[999], 999);
    CHECK_INT(((const int *)tutti_ref_view(&in.items))[123456], 123456);
    for (int i = 0; i < 10; i++)
        CHECK_INT(turn(LARGE - (size_t)i * 100000), 0);
    CHECK_INT(entries(dir), 0);
    CHECK_INT(end(), 0);
}

/* Used again and again, the file does not grow. */
TEST(blocks_go_back)
{
    struct statvfs before, after;
    begin();
    statvfs(dir, &before);
    for (int i = 0; i < 40; i++) {
        tutti_scope inner;
        tutti_ref r;
        tutti_scope_open(&inner, ex, TUTTI_NEVER, 0);
        char *at = tutti_share(&inner, LARGE, 1, TUTTI_READ, &r);
        CHECK(at && !at[0] && !at[LARGE - 1]);
        memset(at, 1, LARGE);
        CHECK_INT(tutti_scope_close(&inner), 0);
        CHECK_INT(turn(LARGE / 2), 0);
    }
    statvfs(dir, &after);
    /* Others use the disk as well, but 360 MB would be seen. */
    if (after.f_bfree < before.f_bfree)
        CHECK((before.f_bfree - after.f_bfree) * before.f_bsize < 150 << 20);
    CHECK_INT(end(), 0);
}

TEST(results_of_the_dead_stay)
{
    tutti_future f[8];
    tutti_bytes b;
    int n = 0;
    begin();
    memset(large, 'a', LARGE);
    for (int i = 0; i < 8; i++)
        CHECK_INT(tutti_submit(&s, &turned_task, (tutti_bytes){ large, LARGE / 3 }, &f[i]), 0);
    for (int i = 0; i < 8; i++)
        CHECK_INT(tutti_future_await(f[i], &b), 0);
    for (int i = 0; i < 6; i++)
        CHECK_INT(die_call(&s, &n, &n), -TUTTI_ECRASH);
    memset(large, 'b', LARGE);
    for (int i = 0; i < 8; i++) {
        CHECK_INT(tutti_future_await(f[i], &b), 0);
        CHECK(b.size == LARGE / 3 && !memcmp(b.data, large, b.size));
        tutti_future_release(f[i]);
    }
    CHECK_INT(turn(LARGE), 0);
    end();
}

TEST(sealed_items_are_sealed_in_the_file_too)
{
    struct part in = { .n = 0 };
    int done;
    begin();
    tutti_task_name_set("the_maker");
    CHECK(tutti_share(&s, LARGE, 1, TUTTI_READ, &in.items) != NULL);
    CHECK_INT(spoil_call(&s, &in, &done), -TUTTI_ECRASH);
    CHECK_HAS(tutti_why(), "it wrote to items that the_maker has shared with TUTTI_READ");
    end();
}

TEST(locks_work_there)
{
    tutti_ref r, room;
    tutti_future f[4];
    int n;
    begin();
    CHECK(tutti_share(&s, SMALL_ARENA - 8192, 1, TUTTI_WRITE, &room) != NULL);
    struct board *b = tutti_share(&s, 10000, sizeof *b, TUTTI_WRITE, &r);
    CHECK(b != NULL);
    CHECK_INT(tutti_mutex_share(&s, &b[9999].lock), 0);
    tutti_ref last = tutti_ref_slice(r, 9999, 1);
    for (int i = 0; i < 4; i++)
        CHECK_INT(add_submit(&s, &last, &f[i]), 0);
    for (int i = 0; i < 4; i++)
        CHECK_INT(add_take(f[i], &n), 0);
    CHECK_INT(b[9999].sum, 4000);
    CHECK_INT(end(), 0);
}

/* --- without, or without room ---------------------------------------------------------------- */

TEST(without_a_file_it_is_an_error_that_says_so)
{
    tutti_ref r;
    folder();
    rmdir(dir);
    large = calloc(1, LARGE);
    ex = processes_open_bounded("processes://2?arena=1m");
    for (unsigned flags = TUTTI_READ; flags <= TUTTI_WRITE; flags++) {
        tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
        CHECK(!tutti_share(&s, LARGE, 1, flags, &r));
        CHECK_HAS(tutti_why(), "?arena=, or a file by ?spill=");
        CHECK_INT(tutti_scope_close(&s), -ENOMEM);
    }
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(turn(900 << 10), 0);
    CHECK_INT(turn(LARGE), -ENOMEM);
    CHECK_HAS(tutti_why(), "room");
    CHECK_INT(turn(900 << 10), 0);
    CHECK_INT(tutti_scope_close(&s), -ENOMEM);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TUTTI_TASK_BYTES(grow, "spill.grow");
static int grow(tutti_bytes in, tutti_out *out)
{
    size_t n;
    memcpy(&n, in.data, sizeof n);
    return tutti_reserve(out, n) ? 0 : tutti_fail(-ENOMEM, "%s", tutti_why());
}
static int grown(size_t n)
{
    tutti_future f;
    tutti_submit(&s, &grow_task, (tutti_bytes){ &n, sizeof n }, &f);
    int rc = tutti_future_await(f, NULL);
    tutti_future_release(f);
    return rc;
}

TEST(a_result_without_room_says_so)
{
    ex = processes_open_bounded("processes://1?arena=1m");
    tutti_scope_open(&s, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    CHECK_INT(grown(LARGE), -ENOMEM);
    CHECK_HAS(tutti_why(), "spill.grow: the arena has no room for its result");
    CHECK_INT(tutti_scope_close(&s), 0);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(folders_that_will_not_do_are_named)
{
    const struct {
        const char *path;
        int rc;
    } bad[] = { { "/no/such/folder", -ENOENT }, { "/dev/null", -ENOTDIR }, { "", -EINVAL } };
    processes_needed();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        snprintf(url, sizeof url, "processes://1?spill=%s", bad[i].path);
        CHECK_INT(tutti_executor_open(&ex, url), bad[i].rc);
        CHECK(ex == NULL);
        CHECK_HAS(tutti_why(), *bad[i].path ? bad[i].path : "folder");
    }
    CHECK_INT(tutti_executor_open(&ex, "threads://2?spill=/tmp"), -EINVAL);
}

/* A disk of our own, of that size. */
static void disk(const char *size)
{
    folder();
    if ((unshare(CLONE_NEWNS) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
        || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
        || mount("spill", dir, "tmpfs", 0, size) < 0) {
        rmdir(dir);
        check_skip("no disk can be mounted here");
    }
}

TEST(a_full_disk_is_an_error_that_says_so)
{
    tutti_ref r;
    processes_needed();
    disk("size=4m");
    begin_in(dir);
    CHECK_INT(turn(LARGE / 3), 0);
    CHECK(!tutti_share(&s, LARGE, 1, TUTTI_READ, &r));
    CHECK_HAS(tutti_why(), dir);
    CHECK_HAS(tutti_why(), "No space left");
    CHECK(!tutti_share(&s, LARGE, 1, TUTTI_WRITE, &r));
    CHECK_INT(turn(LARGE), -ENOMEM);
    CHECK_INT(grown(LARGE), -ENOMEM);
    CHECK_HAS(tutti_why(), "neither the arena nor the file of spill= has room");
    for (int i = 0; i < 10; i++) /* what could not be had has not been kept */
        CHECK_INT(turn(LARGE / 4), 0);
    CHECK_INT(tutti_scope_close(&s), -ENOMEM);
    tutti_scope_open(&s, ex, TUTTI_NEVER, 0);
    CHECK(tutti_share(&s, LARGE / 2, 1, TUTTI_READ, &r) != NULL);
    CHECK_INT(grown(LARGE / 2), -ENOMEM); /* this one and that are too much together */
    CHECK(!tutti_share(&s, LARGE / 2, 1, TUTTI_WRITE, &r));
    CHECK_HAS(tutti_why(), "No space left");
    CHECK_INT(tutti_scope_close(&s), -ENOMEM);
    CHECK_INT(tutti_executor_close(ex), 0);
    struct statvfs after;
    CHECK_INT(statvfs(dir, &after), 0);
    CHECK(after.f_bfree + 4 >= after.f_blocks); /* but for the folder's own */
    umount(dir);
    rmdir(dir);
}

TEST(limits_of_files_and_workers_that_are_replaced)
{
    int n = 0;
    struct rlimit most = { 64 << 20, 64 << 20 };
    processes_needed();
    setrlimit(RLIMIT_FSIZE, &most);
    begin();
    for (int i = 0; i < 5; i++) {
        CHECK_INT(turn(LARGE), 0);
        CHECK_INT(die_call(&s, &n, &n), -TUTTI_ECRASH);
    }
    end();
}
TEST_MAIN
