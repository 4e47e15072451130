/* tests/url_test.c - the strings that open executors: the good ones are resolved, the bad ones
 * refused in a sentence that names the word. */
#include "urls.h"

static void check_good(const char *url, const char *resolved, unsigned workers)
{
    tutti_executor *ex = urls_open(url);
    CHECK_STR(tutti_executor_url(ex), resolved);
    CHECK_INT(tutti_executor_workers(ex), workers);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(good_urls_are_resolved)
{
    check_good("loop://", "loop://", 1);
    check_good("loop://1", "loop://", 1);
    check_good("loop://?workers=1&stack=64k", "loop://?stack=64k", 1);
    check_good("threads://3", "threads://3", 3);
    check_good("threads://?workers=3", "threads://3", 3);
    check_good("threads://003", "threads://3", 3);
    check_good("threads://2?stack=1m", "threads://2?stack=1024k", 2);
    check_good("threads://2?stack=16K", "threads://2?stack=16k", 2);
    check_good("threads://2?stack=65536", "threads://2?stack=64k", 2);
    check_good("threads://2?stack=256k", "threads://2", 2); /* the default */
    check_good("threads://2?io=epoll&stack=64k", "threads://2?stack=64k&io=epoll", 2);
    check_good("threads://2?lock=interpreter&stack=64k",
               "threads://2?stack=64k&lock=interpreter", 2);
}

/* All that may be said, in as many digits as there may be. */
TEST(a_long_url_is_told_to_its_end)
{
#define MOST "4398046510080"
    static const char text[] =
        "processes://1?stack=1048576k&io=epoll"
        "&inner=threads://0000000000000000001024?stack=1048576k&arena=" MOST "&recycle=" MOST
        "&recycle-memory=" MOST "&grace-ms=" MOST "&quarantine=" MOST "&output=inherit&memory="
        MOST "&file-size=" MOST "&cpu-seconds=" MOST "&sandbox=noexec,nonet,readonly";
    tutti_executor *ex;
    if (tutti_executor_open(&ex, text) < 0)
        check_skip(tutti_why()); /* an emulator, perhaps */
    CHECK_STR(tutti_executor_url(ex), text);
    CHECK_INT(tutti_executor_close(ex), 0);
}

TEST(without_a_number_there_are_as_many_as_granted)
{
    tutti_executor *ex = urls_open("threads://");
    unsigned n = tutti_executor_workers(ex);
    char text[40];
    CHECK(n >= 1 && n <= 1024);
    snprintf(text, sizeof text, "threads://%u", n);
    CHECK_STR(tutti_executor_url(ex), text);
    CHECK_INT(tutti_executor_close(ex), 0);
    ex = urls_open("auto://");
    CHECK(strlen(tutti_executor_url(ex)) > 6);
    CHECK_INT(tutti_executor_close(ex), 0);
    CHECK_STR(tutti_executor_url(NULL), "");
    CHECK_INT(tutti_executor_workers(NULL), 0);
}

static void check_bad(const char *url, int code, const char *word)
{
    tutti_executor *ex = (tutti_executor *)1;
    int rc = tutti_executor_open(&ex, url);
    if (rc != code)
        check_fail(__FILE__, __LINE__, "%s gave %d, want %d", url, rc, code);
    CHECK(ex == NULL);
    CHECK_HAS(tutti_why(), word);
    CHECK(strlen(tutti_why()) < 300);
    CHECK(!strchr(tutti_why(), '\n'));
}

TEST(bad_urls_are_refused_by_the_word)
{
    static const struct {
        const char *url, *word;
    } bad[] = {
        { "", "\"\"" },
        { "threads", "\"threads\"" },
        { "threads:", "\"threads:\"" },
        { "threads:/2", "threads:/2" },
        { "://", "unknown scheme \"\"" },
        { "treads://2", "unknown scheme \"treads\"" },
        { "THREADS://2", "unknown scheme \"THREADS\"" },
        { " threads://2", "unknown scheme \" threads\"" },
        { "threads://0", "\"0\" is no number of workers" },
        { "threads://-1", "\"-1\"" },
        { "threads://+1", "\"+1\"" },
        { "threads://two", "\"two\"" },
        { "threads://2 ", "\"2 \"" },
        { "threads://1025", "\"1025\"" },
        { "threads://18446744073709551617", "\"18446744073709551617\"" },
        { "threads://4294967297", "\"4294967297\"" },
        { "threads://2/", "\"2/\"" },
        { "threads://2&stack=64k", "\"2&stack=64k\"" },
        { "threads://2?", "unknown option \"\"" },
        { "threads://2?&", "unknown option \"\"" },
        { "threads://2?stack=64k&", "unknown option \"\"" },
        { "threads://2?&stack=64k", "unknown option \"\"" },
        { "threads://2?stack", "\"\" is no size of a stack" },
        { "threads://2?stack=", "\"\" is no size of a stack" },
        { "threads://2?stack=k", "\"k\"" },
        { "threads://2?stack=15k", "\"15k\"" },
        { "threads://2?stack=2g", "\"2g\"" },
        { "threads://2?stack=1025m", "\"1025m\"" },
        { "threads://2?stack=99999999999999999999k", "\"99999999999999999999k\"" },
        { "threads://2?stack=64kb", "\"64kb\"" },
        { "threads://2?stack=-64k", "\"-64k\"" },
        { "threads://2?stak=64k", "unknown option \"stak\"" },
        { "threads://2?stack64k", "unknown option \"stack64k\"" },
        { "threads://?workers=0", "\"0\"" },
        { "threads://?workers=", "\"\" is no number" },
        { "threads://2?lock", "unknown lock \"\"" },
        { "threads://2?lock=gil", "unknown lock \"gil\"" },
        { "threads://2?lock=interpreter=1", "unknown lock \"interpreter=1\"" },
        { "threads://2?stack=64k?lock=interpreter", "\"64k?lock=interpreter\"" },
        { "threads://2?io", "unknown io \"\"" },
        { "threads://2?io=", "unknown io \"\"" },
        { "loop://?io=kqueue", "unknown io \"kqueue\"; there are io=epoll" },
        { "loop://2", "a loop has one worker, not 2" },
        { "loop://?lock=interpreter", "unknown option \"lock\"" },
        { "loop://?workers=4", "not 4" },
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        check_bad(bad[i].url, -EINVAL, bad[i].word);
        CHECK_INT(tutti_run(bad[i].url, NULL, NULL), -EINVAL);
        CHECK_HAS(tutti_why(), bad[i].word);
    }
    check_bad(NULL, -EINVAL, "NULL");
    check_bad("celery+amqp://host/queue", -ENOTSUP, "celery+amqp://");
    check_bad("sim://", -EINVAL, "\"\" is no seed");
    check_bad("sim://one", -EINVAL, "\"one\" is no seed");
    check_bad("sim://4294967296", -EINVAL, "is no seed");
    check_bad("sim://1?workers=2", -EINVAL, "a simulation takes stack");
    CHECK_INT(tutti_run("loop://", NULL, NULL), -EINVAL);
    CHECK_INT(tutti_executor_open(NULL, "loop://"), -EINVAL);
    char text[3000];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = 0;
    check_bad(text, -EINVAL, "xxx");
    memcpy(text, "threads://", 10);
    check_bad(text, -EINVAL, "xxx");
    memcpy(text, "threads://2?", 12);
    check_bad(text, -EINVAL, "xxx");
}

/* Words put together at random: a code and a sentence or an executor, nothing else. */
TEST(random_urls_do_no_harm)
{
    static const char *const part[] = { "loop", "threads", "://", "2", "?", "&", "stack", "=",
                                        "64k", "lock", "interpreter", "workers", "0", "\xff",
                                        "%", ":", "/", "1", "-", "auto" };
    unsigned seed = check_seed();
    for (int i = 0; i < 3000; i++) {
        char url[200] = "";
        int n = (int)(check_random(&seed) % 9);
        if (check_random(&seed) % 2)
            strcpy(url, check_random(&seed) % 2 ? "threads://" : "loop://");
        while (n--)
            strcat(url, part[check_random(&seed) % (sizeof part / sizeof *part)]);
        tutti_executor *ex;
        int rc = tutti_executor_open(&ex, url);
        CHECK(rc == 0 || rc == -EINVAL || rc == -ENOTSUP);
        CHECK((rc == 0) == (ex != NULL));
        CHECK(rc == 0 || *tutti_why());
        CHECK_INT(tutti_executor_close(ex), 0);
    }
}

TEST_MAIN
