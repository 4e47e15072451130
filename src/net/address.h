/* net/address.h - addresses as text: "tcp:host:port", "udp:host:port", "unix:path". */
#ifndef NET_ADDRESS_H
#define NET_ADDRESS_H
#include <sys/socket.h>
#include <sys/un.h>
#include <stdbool.h>

enum { ADDRESS_HOST = 256, ADDRESS_PORT = 32, ADDRESS_MOST = 16 };
enum address_kind { ADDRESS_TCP, ADDRESS_UDP, ADDRESS_UNIX };

/* Holds: size bytes of `at` are the address, and size <= sizeof at. */
struct address {
    socklen_t size;
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
        struct sockaddr_un local;
    } at;
};

/* A text taken apart. */
struct address_text {
    enum address_kind kind;
    char host[ADDRESS_HOST], port[ADDRESS_PORT];
    struct address local; /* of unix: */
};

/* 0; -EINVAL, and tutti_why names what is wrong. */
int address_parse(struct address_text *t, const char *text);
/* What it stands for, those of both families in turn: how many, up to ADDRESS_MOST; or an
 * error with words.  passive: to listen at.  Parks for the name service. */
int address_resolve(const struct address_text *t, bool passive, struct address *out);
/* Open a socket at one of these, which t stands for, where another is refused: `at` opens it,
 * a descriptor or -errno.  Where t says no host that is IPv6's "all of this machine" first,
 * which takes IPv4 in.  A descriptor, or the error of the last. */
int address_open(const struct address_text *t, const struct address *found, int n,
                 int (*at)(const struct address *a));
/* So that it does, before it is bound. */
void address_both_families(int fd, const struct address *a);
/* The text that stands for it, with numbers; cut at n - 1 bytes.  0 or an error. */
int address_tell(const struct address *a, bool datagrams, char *text, size_t n);
#endif
