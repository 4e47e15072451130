/* tests/hook_socket_test.c - libtutti-hook: recv and send in all their forms. */
#include "hook_common.h"
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/un.h>

enum { BIG = 1 << 20 };
static char big[BIG], back[BIG];

static int send_word(void *unused)
{
    (void)unused;
    let_others();
    CHECK_INT(send(pair.fd[1], "word", 4, 0), 4);
    return 0;
}

static int recv_word(void *unused)
{
    (void)unused;
    char text[8] = "";
    errno = 77;
    CHECK_INT(recv(pair.fd[0], text, 7, 0), 4);
    CHECK_STR(text, "word");
    CHECK_INT(errno, 77);
    return 0;
}

TEST(recv_parks)
{
    pair_sockets(SOCK_STREAM);
    pair_on("loop://", recv_word, send_word);
}

TEST(recv_of_a_datagram_parks)
{
    pair_sockets(SOCK_DGRAM);
    pair_on("loop://", recv_word, send_word);
}

TEST(recv_of_packets_parks)
{
    pair_sockets(SOCK_SEQPACKET);
    pair_on("loop://", recv_word, send_word);
}

static int recv_flags(void *unused)
{
    (void)unused;
    char text[8] = "";
    CHECK_INT(recv(pair.fd[0], text, 7, MSG_DONTWAIT), -1);
    CHECK_INT(errno, EAGAIN);
    CHECK_INT(recv(pair.fd[0], text, 2, MSG_PEEK), 2); /* parks */
    CHECK_INT(recv(pair.fd[0], text, 7, 0), 4);
    CHECK_STR(text, "word");
    CHECK_INT(recv(0x7fffffff, text, 7, 0), -1);
    CHECK_INT(errno, EBADF);
    int p[2];
    CHECK_INT(pipe(p), 0);
    CHECK_INT(recv(p[0], text, 7, 0), -1);
    CHECK_INT(errno, ENOTSOCK);
    return 0;
}

TEST(recv_keeps_its_flags_and_errors)
{
    pair_sockets(SOCK_STREAM);
    pair_on("loop://", recv_flags, send_word);
}

static int recv_all(void *unused)
{
    (void)unused;
    char text[9] = "";
    CHECK_INT(recv(pair.fd[0], text, 8, MSG_WAITALL), 8);
    CHECK_STR(text, "wordword");
    CHECK_INT(recv(pair.fd[0], text, 8, MSG_WAITALL), 3); /* all until the end */
    return 0;
}

/* Each piece when the one before has been taken. */
static int send_in_pieces(void *unused)
{
    (void)unused;
    for (int i = 0; i < 3; i++) {
        int left = 1;
        CHECK_INT(send(pair.fd[1], i < 2 ? "word" : "end", i < 2 ? 4 : 3, 0), i < 2 ? 4 : 3);
        while (left && ioctl(pair.fd[0], FIONREAD, &left) == 0)
            tutti_yield();
    }
    close(pair.fd[1]);
    return 0;
}

TEST(waitall_waits_for_all)
{
    pair_sockets(SOCK_STREAM);
    pair_on("loop://", recv_all, send_in_pieces);
}

static int peek_all(void *unused)
{
    (void)unused;
    char text[9] = "";
    CHECK_INT(recv(pair.fd[0], text, 8, MSG_WAITALL | MSG_PEEK), 8);
    CHECK_STR(text, "wordword");
    CHECK_INT(recv(pair.fd[0], text, 8, 0), 8);
    return 0;
}

static int send_twice(void *unused)
{
    send_word(unused);
    return send_word(unused);
}

static void pair_tcp(void)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;
    int l = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(bind(l, (struct sockaddr *)&a, sizeof a), 0);
    CHECK_INT(listen(l, 4), 0);
    getsockname(l, (struct sockaddr *)&a, &size);
    pair.fd[1] = socket(AF_INET, SOCK_STREAM, 0);
    CHECK_INT(connect(pair.fd[1], (struct sockaddr *)&a, sizeof a), 0);
    pair.fd[0] = accept(l, NULL, NULL);
    CHECK(pair.fd[0] >= 0);
    close(l);
}

TEST(a_look_at_all_waits_for_all)
{
    pair_tcp();
    pair_on("loop://", peek_all, send_twice);
}

static int recvfrom_names(void *unused)
{
    (void)unused;
    char text[8] = "";
    struct sockaddr_un from;
    socklen_t size = sizeof from;
    CHECK_INT(recvfrom(pair.fd[0], text, 7, 0, (struct sockaddr *)&from, &size), 4);
    CHECK_INT(size, offsetof(struct sockaddr_un, sun_path) + 6);
    CHECK_INT(memcmp(from.sun_path, "\0hook", 5), 0);
    return 0;
}

TEST(recvfrom_gives_the_address)
{
    pair_sockets(SOCK_DGRAM);
    struct sockaddr_un name = { .sun_family = AF_UNIX };
    memcpy(name.sun_path, "\0hookX", 6);
    name.sun_path[5] = (char)('A' + getpid() % 26);
    CHECK_INT(bind(pair.fd[1], (struct sockaddr *)&name,
                   offsetof(struct sockaddr_un, sun_path) + 6), 0);
    pair_on("loop://", recvfrom_names, send_word);
}

/* A descriptor that is sent along arrives. */
static int recv_descriptor(void *unused)
{
    (void)unused;
    char text[8], room[CMSG_SPACE(sizeof(int))] = "";
    struct iovec v = { text, sizeof text };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = room,
                        .msg_controllen = sizeof room };
    CHECK_INT(recvmsg(pair.fd[0], &m, MSG_WAITALL), 3); /* not for all: it ends there */
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    CHECK(c && c->cmsg_type == SCM_RIGHTS);
    int fd;
    memcpy(&fd, CMSG_DATA(c), sizeof fd);
    CHECK(fcntl(fd, F_GETFD) >= 0);
    return 0;
}

static int send_descriptor(void *unused)
{
    (void)unused;
    char room[CMSG_SPACE(sizeof(int))] = "";
    struct iovec v = { (void *)(uintptr_t)"fd!", 3 };
    struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = room,
                        .msg_controllen = sizeof room };
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    int fd = STDIN_FILENO;
    memcpy(CMSG_DATA(c), &fd, sizeof fd);
    let_others();
    CHECK_INT(sendmsg(pair.fd[1], &m, 0), 3);
    return 0;
}

TEST(recvmsg_brings_descriptors)
{
    pair_sockets(SOCK_STREAM);
    pair_on("loop://", recv_descriptor, send_descriptor);
}

static int recv_several(void *unused)
{
    (void)unused;
    char text[3][8] = { "" };
    struct iovec v[3];
    struct mmsghdr m[3];
    memset(m, 0, sizeof m);
    for (int i = 0; i < 3; i++) {
        v[i] = (struct iovec){ text[i], 7 };
        m[i].msg_hdr = (struct msghdr){ .msg_iov = &v[i], .msg_iovlen = 1 };
    }
    CHECK_INT(recvmmsg(pair.fd[0], m, 2, 0, NULL), 2);
    CHECK_INT(m[1].msg_len, 4);
    CHECK_STR(text[1], "word");
    CHECK_INT(recvmmsg(pair.fd[0], m, 3, MSG_WAITFORONE, NULL), 1);
    return 0;
}

static int send_several(void *unused)
{
    (void)unused;
    struct iovec v = { (void *)(uintptr_t)"word", 4 };
    struct mmsghdr m[2];
    memset(m, 0, sizeof m);
    m[0].msg_hdr = m[1].msg_hdr = (struct msghdr){ .msg_iov = &v, .msg_iovlen = 1 };
    let_others();
    CHECK_INT(sendmmsg(pair.fd[1], m, 2, 0), 2);
    CHECK_INT(m[1].msg_len, 4);
    return send_word(NULL);
}

TEST(several_datagrams_at_once)
{
    pair_sockets(SOCK_DGRAM);
    pair_on("loop://", recv_several, send_several);
}

static int send_big(void *unused)
{
    (void)unused;
    for (int i = 0; i < BIG; i++)
        big[i] = (char)(i * 11 + i / 257);
    CHECK_INT(send(pair.fd[1], big, BIG, 0), BIG);
    shutdown(pair.fd[1], SHUT_WR);
    return 0;
}

static int recv_big(void *unused)
{
    (void)unused;
    size_t all = 0;
    ssize_t n;
    while ((n = recv(pair.fd[0], back + all, BIG - all + 1, 0)) > 0)
        all += (size_t)n;
    CHECK_INT(all, BIG);
    CHECK_INT(memcmp(big, back, BIG), 0);
    return 0;
}

TEST(send_of_much_is_whole)
{
    pair_tcp();
    pair_on("loop://", send_big, recv_big);
}

/* A datagram socket's far end is full, and nobody but send knows. */
static struct sockaddr_un full_name;
static socklen_t full_size;

static int sendto_full(void *unused)
{
    (void)unused;
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    for (int i = 0; i < 600; i++)
        CHECK_INT(sendto(fd, "x", 1, 0, (struct sockaddr *)&full_name, full_size), 1);
    return 0;
}

static int drain_full(void *unused)
{
    (void)unused;
    char c;
    for (int i = 0; i < 600; i++)
        CHECK_INT(recv(pair.fd[0], &c, 1, 0), 1);
    return 0;
}

TEST(sendto_waits_for_a_full_receiver)
{
    full_name.sun_family = AF_UNIX;
    pair.fd[0] = socket(AF_UNIX, SOCK_DGRAM, 0);
    CHECK_INT(bind(pair.fd[0], (struct sockaddr *)&full_name, sizeof(sa_family_t)), 0);
    full_size = sizeof full_name;
    getsockname(pair.fd[0], (struct sockaddr *)&full_name, &full_size);
    pair_on("loop://", sendto_full, drain_full);
}

static int recv_in_time(void *unused)
{
    (void)unused;
    struct timeval tv = { 0, 20000 };
    char c;
    setsockopt(pair.fd[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
    setsockopt(pair.fd[1], SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
    tutti_time began = tutti_now();
    CHECK_INT(recv(pair.fd[0], &c, 1, 0), -1);
    CHECK_INT(errno, EAGAIN);
    CHECK(tutti_now() - began >= 20 * TUTTI_MS);
    CHECK_INT(read(pair.fd[0], &c, 1), -1);
    CHECK_INT(errno, EAGAIN);
    ssize_t n = send(pair.fd[1], big, BIG, 0); /* what has gone counts */
    CHECK(n > 0 && n < BIG);
    while ((n = write(pair.fd[1], big, 4096)) > 0) /* the last gap */
        ;
    CHECK_INT(n, -1);
    CHECK_INT(errno, EAGAIN);
    return 0;
}

TEST(time_limits_of_the_socket_hold)
{
    pair_sockets(SOCK_STREAM);
    alone(recv_in_time);
}

TEST_MAIN
