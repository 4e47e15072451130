/* tests/io_echo.h - a server that sends back what it gets, for the tests of sockets. */
#ifndef TESTS_IO_ECHO_H
#define TESTS_IO_ECHO_H
#include "io.h"

static char address[200];

static int listen_somewhere(const char *where)
{
    int l = tutti_listen(where);
    if (l < 0)
        check_fail(__FILE__, __LINE__, "%s", tutti_why());
    CHECK_INT(tutti_address_local(l, address, sizeof address), 0);
    return l;
}

static int echo(int fd)
{
    char buf[5000];
    int n;
    while ((n = tutti_read(fd, buf, sizeof buf)) > 0)
        if ((n = tutti_write_all(fd, buf, (size_t)n)) < 0)
            break;
    tutti_close(fd);
    return n;
}

static int serve(void *listener)
{
    TUTTI_SCOPE(clients, NULL, TUTTI_NEVER, TUTTI_KEEP_GOING);
    int rc = tutti_serve(&clients, (int)(intptr_t)listener, echo);
    CHECK(rc == -ECANCELED);
    return tutti_scope_close(&clients);
}

static void until_parked(tutti_scope *s, unsigned n)
{
    tutti_scope_stats st = { .size = sizeof st };
    do {
        tutti_yield();
        CHECK_INT(tutti_scope_stat(s, &st), 0);
    } while (st.parked < n);
}
#endif
