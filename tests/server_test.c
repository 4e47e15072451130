/* tests/server_test.c - the servers that programs start for themselves: they answer, and
 * nothing of them is left. */
#include "check.h"
#include "common/server.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

static int port_open(int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&a, sizeof a)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* What the server says to this until it closes or has said enough. */
static const char *ask(int port, const char *text, int shut)
{
    static char got[8192];
    size_t used = 0;
    ssize_t n;
    int fd = port_open(port);
    CHECK(fd >= 0);
    CHECK_INT(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    if (shut)
        shutdown(fd, SHUT_WR);
    while ((n = read(fd, got + used, sizeof got - 1 - used)) > 0)
        used += (size_t)n;
    got[used] = 0;
    close(fd);
    return got;
}

static void begun(int rc, struct server *s)
{
    char why[sizeof s->why];
    strcpy(why, s->why);
    if (rc)
        server_stop(s);
    if (rc && strstr(why, "not installed"))
        check_skip(why);
    if (rc)
        printf("# %s\n", why);
    CHECK_INT(rc, 0);
}

static void ended(struct server *s)
{
    struct stat st;
    char folder[sizeof s->folder.path];
    int port = s->port;
    pid_t pid = s->pid;
    strcpy(folder, s->folder.path);
    server_stop(s);
    CHECK_INT(port_open(port), -1);
    CHECK_INT(kill(pid, 0), -1);
    CHECK(!*folder || stat(folder, &st) != 0);
    server_stop(s); /* once more: nothing */
}

TEST(ours_serves_files_in_its_own_time)
{
    struct server s;
    struct slow_options o = { "/usr/share/common-licenses", 1, 0 };
    begun(server_slow(&s, &o), &s);
    CHECK_HAS(ask(s.port, "HEAD /GPL-3 HTTP/1.1\r\n\r\n", 1), "HTTP/1.1 200 OK");
    CHECK_HAS(ask(s.port, "GET /none HTTP/1.1\r\n\r\n", 1), "404 Not Found");
    CHECK_HAS(ask(s.port, "GET /../shadow HTTP/1.1\r\n\r\n", 1), "404 Not Found");
    CHECK_HAS(ask(s.port, "PUT /GPL-3 HTTP/1.1\r\n\r\n", 1), "405 ");
    CHECK_HAS(ask(s.port, "rubbish\r\n\r\n", 1), "400 Bad Request");
    const char *two = ask(s.port, "GET /wait/3 HTTP/1.1\r\n\r\nGET /wait/1 HTTP/1.1\r\n\r\n", 1);
    CHECK_HAS(two, "waited");
    CHECK_HAS(strstr(two, "waited") + 6, "waited");
    CHECK_STR(ask(s.port, "GET /x", 1), "");
    ended(&s);
}

TEST(ours_falters_once)
{
    struct server s;
    struct slow_options o = { "/usr/share/common-licenses", 0, 1 };
    char text[64];
    int faltered = 0;
    begun(server_slow(&s, &o), &s);
    for (int i = 0; i < 200; i++) {
        snprintf(text, sizeof text, "HEAD /page%d HTTP/1.1\r\n\r\n", i % 100);
        int now = strstr(ask(s.port, text, 1), " 503 ") != NULL;
        CHECK(!now || i < 100);
        faltered += now;
    }
    CHECK(faltered > 0 && faltered < 30);
    ended(&s);
}

TEST(nginx_serves_files_and_passes_on)
{
    struct server slow, s;
    struct slow_options behind = { NULL, 0, 0 };
    begun(server_slow(&slow, &behind), &slow);
    struct nginx_options o = { "/usr/share/common-licenses", 0, slow.port };
    int rc = server_nginx(&s, &o);
    if (rc)
        server_stop(&slow);
    begun(rc, &s);
    CHECK_HAS(ask(s.port, "HEAD /GPL-3 HTTP/1.0\r\n\r\n", 0), "200 OK");
    CHECK_HAS(ask(s.port, "GET /wait/1 HTTP/1.0\r\n\r\n", 0), "waited");
    ended(&s);
    ended(&slow);
}

TEST(postgres_accepts_connections)
{
    struct server s;
    begun(server_postgres(&s, 10), &s);
    CHECK(port_open(s.port) >= 0);
    ended(&s);
}

TEST(redis_answers)
{
    struct server s;
    begun(server_redis(&s), &s);
    CHECK_HAS(ask(s.port, "PING\r\nQUIT\r\n", 0), "+PONG");
    ended(&s);
}

/* The program is killed: its servers end with it. */
TEST(servers_end_with_the_program)
{
    int p[2];
    CHECK_INT(pipe(p), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct server s;
        struct slow_options o = { NULL, 0, 0 };
        int port = server_slow(&s, &o) ? -1 : s.port;
        CHECK_INT(write(p[1], &port, sizeof port), sizeof port);
        pause();
    }
    int port = 0;
    CHECK_INT(read(p[0], &port, sizeof port), sizeof port);
    CHECK(port > 0);
    int fd = port_open(port);
    CHECK(fd >= 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    char c;
    CHECK(read(fd, &c, 1) <= 0); /* ends with the server, however long that takes */
}
TEST_MAIN
