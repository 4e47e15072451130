/* tests/stream_common.h - what the tests of streams share. */
#ifndef TESTS_STREAM_COMMON_H
#define TESTS_STREAM_COMMON_H
#include "io.h"
#include <sys/socket.h>
#include <tutti/stream.h>
#include <tutti/sync.h>

static int pair_of(int type, int ends[2])
{
    CHECK_INT(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
    return 0;
}
static void check_view(tutti_bytes b, const char *want)
{
    if (b.size != strlen(want) || memcmp(b.data, want, b.size))
        check_fail(__FILE__, __LINE__, "a view of \"%.*s\", want \"%s\"", (int)b.size,
                   (const char *)b.data, want);
}
static tutti_bytes bytes_of(const char *text)
{
    return (tutti_bytes){ text, strlen(text) };
}
#endif
