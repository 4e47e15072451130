/* Blocks for bytes on their way: each is one's alone, none is lost, and streams that were cut
 * off anywhere hold none. */
#include "io/block.h"
#include "base/memory.h"
#include "io.h"
#include "io/poll.h"
#include <sys/socket.h>
#include <tutti/stream.h>

enum { MANY = 400 };

TEST(blocks_are_apart_and_come_back)
{
    static char *b[MANY];
    struct block_cache cache = { 0 };
    for (int turn = 0; turn < 3; turn++) {
        struct block_cache *from = turn == 1 ? NULL : &cache;
        for (int i = 0; i < MANY; i++) {
            b[i] = block_get(from);
            CHECK(b[i] != NULL);
            memset(b[i], i, BLOCK_SIZE);
        }
        CHECK_INT(cache.lent + blocks_lent_elsewhere(), MANY);
        for (int i = 0; i < MANY; i++)
            CHECK(b[i][0] == (char)i && b[i][BLOCK_SIZE - 1] == (char)i);
        for (int i = 0; i < MANY; i++)
            block_put(turn == 2 ? NULL : from, b[i]); /* also where it did not come from */
        CHECK(cache.count < MANY);
        CHECK_INT(cache.lent + blocks_lent_elsewhere(), 0);
    }
    block_put(&cache, NULL);
    block_cache_end(&cache);
    CHECK_INT(blocks_lent_elsewhere(), 0);
}

TEST(without_memory_there_is_none)
{
    fault_arm(1, true);
    CHECK(block_get(NULL) == NULL);
    CHECK_INT(blocks_lent_elsewhere(), 0);
    fault_arm(0, false);
    void *b = block_get(NULL);
    CHECK(b != NULL);
    block_put(NULL, b);
}

static int babble(void *fd)
{
    static const char much[40000];
    TUTTI_STREAM(t, (int)(intptr_t)fd);
    tutti_bytes b;
    int rc = 0;
    for (int i = 0; i < 50 && rc >= 0; i++) {
        rc = tutti_stream_write(&t, much, (size_t)(i * 797));
        if (i % 3 == 0)
            rc = rc < 0 ? rc : tutti_stream_more(&t, &b);
        else
            rc = rc < 0 ? rc : tutti_stream_some(&t, &b);
    }
    return rc;
}

static void cut_babble(tutti_scope *s)
{
    unsigned seed = check_seed();
    for (int i = 0; i < 200; i++) {
        int ends[2];
        CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        TUTTI_SCOPE(work, tutti_scope_executor(s),
                    tutti_after((int64_t)(check_random(&seed) % 2000) * 1000),
                    TUTTI_KEEP_GOING);
        for (int k = 0; k < 2; k++)
            tutti_go(&work, babble, (void *)(intptr_t)ends[k]);
        tutti_scope_close(&work);
        close(ends[0]); /* of those cut before they began; else EBADF */
        close(ends[1]);
    }
}

static void check_cut(const char *url)
{
    io_run(cut_babble, url, true);
    CHECK_INT(pollers_blocks_lent(), 0);
}
TEST(streams_cut_off_anywhere_hold_no_block__epoll)
{
    check_cut("loop://?io=epoll");
}
TEST(streams_cut_off_anywhere_hold_no_block__uring)
{
    check_cut("loop://?io=uring");
}

TEST_MAIN
