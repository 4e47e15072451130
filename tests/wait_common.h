/* tests/wait_common.h - what the tests of waiting for any of several share. */
#ifndef TESTS_WAIT_COMMON_H
#define TESTS_WAIT_COMMON_H
#include "crew.h"
#include <fcntl.h>

__attribute__((unused)) static tutti_chan *open_ints(tutti_scope *s, size_t capacity)
{
    tutti_chan *ch;
    CHECK_INT(tutti_chan_open(&ch, s, sizeof(int), capacity, NULL), 0);
    return ch;
}
__attribute__((unused)) static void send_now(tutti_chan *ch, int item)
{
    tutti_case k[] = { tutti_on_send(ch, &item), tutti_on_none() };
    CHECK_INT(tutti_wait(k, 2), 0);
    CHECK_INT(k[0].code, 0);
}

__attribute__((unused)) static void open_pipe(int p[2])
{
    CHECK_INT(pipe2(p, O_CLOEXEC | O_NONBLOCK), 0);
}
__attribute__((unused)) static void put_byte(int fd)
{
    CHECK_INT(write(fd, "x", 1), 1);
}
__attribute__((unused)) static void get_byte(int fd)
{
    char x;
    CHECK_INT(read(fd, &x, 1), 1);
}
#endif
