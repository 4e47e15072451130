/* net/address.c - see address.h.  Numbers are read here; names are the name service's, which
 * blocks, so it is asked on another thread.  Tests: tests/io_test.c,
 * tests/fuzz/address_fuzz.c. */
#include "net/address.h"
#include "base/memory.h"
#include "net/net.h"
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

/* --- reading ------------------------------------------------------------------ */

static int bad(const char *text, const char *what)
{
    return why_set(-EINVAL, "\"%.80s\" is no address: %s", text, what);
}

static int parse_unix(struct address_text *t, const char *path, const char *text)
{
    struct sockaddr_un *un = &t->local.at.local;
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof un->sun_path)
        return bad(text, n ? "the path is longer than 107 bytes" : "it has no path");
    t->host[0] = t->port[0] = 0; /* it has neither */
    memset(un, 0, sizeof *un);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, n);
    t->local.size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    if (*path == '@')
        un->sun_path[0] = 0;
    else
        t->local.size++;
    return 0;
}

static int parse_host(struct address_text *t, const char *host, size_t n, const char *text)
{
    if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
        host++;
        n -= 2;
    } else if (memchr(host, ':', n)) {
        return bad(text, "an IPv6 host needs brackets, as in tcp:[::1]:80");
    }
    if (n >= ADDRESS_HOST)
        return bad(text, "the host is longer than 255 bytes");
    memcpy(t->host, host, n);
    t->host[n] = 0;
    return 0;
}

int address_parse(struct address_text *t, const char *text)
{
    if (!text)
        return why_static(-EINVAL, "the address is NULL; give one such as tcp:localhost:80");
    if (!strncmp(text, "unix:", 5)) {
        t->kind = ADDRESS_UNIX;
        return parse_unix(t, text + 5, text);
    }
    if (strncmp(text, "tcp:", 4) && strncmp(text, "udp:", 4))
        return bad(text, "it begins with tcp:, udp: or unix:");
    t->kind = *text == 't' ? ADDRESS_TCP : ADDRESS_UDP;
    const char *host = text + 4, *colon = strrchr(host, ':');
    if (!colon || !colon[1] || strlen(colon + 1) >= ADDRESS_PORT)
        return bad(text, "it has no port, as in tcp:localhost:80");
    strcpy(t->port, colon + 1);
    if (strspn(t->port, "0123456789") == strlen(t->port) && strtoul(t->port, NULL, 10) > 65535)
        return bad(text, "a port is at most 65535"); /* the name service would cut it */
    return parse_host(t, host, (size_t)(colon - host), text);
}

/* --- asking -------------------------------------------------------------------- */

/* One question.  Holds: refs is 2 while both may look at it. */
struct question {
    _Atomic int refs;
    struct address_text text;
    int flags, result; /* of getaddrinfo(3) */
    struct addrinfo *found;
};

static void question_drop(void *arg)
{
    struct question *q = arg;
    /* acq_rel: the last to go sees all that the other did with it */
    if (sub_acqrel(&q->refs, 1) != 1)
        return;
    if (q->found)
        freeaddrinfo(q->found);
    memory_free(q);
}

static int question_ask(void *arg)
{
    struct question *q = arg;
    struct addrinfo hints = { .ai_flags = q->flags,
                              .ai_socktype = q->text.kind == ADDRESS_TCP ? SOCK_STREAM
                                                                         : SOCK_DGRAM };
    q->result = getaddrinfo(*q->text.host ? q->text.host : NULL, q->text.port, &hints,
                            &q->found);
    return 0;
}

static int question_code(const struct question *q)
{
    const char *words = gai_strerror(q->result);
    int code = q->result == EAI_MEMORY ? -ENOMEM
               : q->result == EAI_AGAIN ? -EAGAIN
               : q->result == EAI_SERVICE ? -EINVAL
                                          : -ENOENT;
    return why_set(code, "%s%s%s: %s", q->text.host, *q->text.host ? ":" : "port ",
                   q->text.port, words);
}

/* The answer in turns: one of the first one's family, one of the other... */
static int take_in_turns(const struct addrinfo *found, struct address *out)
{
    const struct addrinfo *at[2] = { found, found };
    int n = 0, first = found->ai_family;
    for (int turn = 0; n < ADDRESS_MOST && (at[0] || at[1]); turn ^= 1) {
        const struct addrinfo **a = &at[turn];
        while (*a && ((*a)->ai_family == first) == (turn == 1))
            *a = (*a)->ai_next;
        if (!*a)
            continue;
        if ((*a)->ai_addrlen <= sizeof out->at) {
            out[n].size = (*a)->ai_addrlen;
            memcpy(&out[n++].at, (*a)->ai_addr, (*a)->ai_addrlen);
        }
        *a = (*a)->ai_next;
    }
    return n;
}

int address_resolve(const struct address_text *t, bool passive, struct address *out)
{
    if (t->kind == ADDRESS_UNIX) {
        *out = t->local;
        return 1;
    }
    struct question *q = memory_zalloc(sizeof *q);
    if (!q)
        return why_static(-ENOMEM, "no memory to ask for a name");
    store_relaxed(&q->refs, 1); /* nobody else knows it yet */
    q->text = *t;
    q->flags = AI_NUMERICHOST | (passive ? AI_PASSIVE : 0);
    question_ask(q);
    int rc = 0;
    if (q->result == EAI_NONAME) { /* no number */
        q->flags = (passive ? AI_PASSIVE : 0) | AI_ADDRCONFIG;
        store_relaxed(&q->refs, 2); /* tutti_blocking hands it over */
        rc = tutti_blocking(question_ask, q, question_drop);
    }
    if (rc == 0)
        rc = q->result ? question_code(q) : take_in_turns(q->found, out);
    question_drop(q);
    return rc;
}

/* --- opening sockets ---------------------------------------------------------------- */

int address_open(const struct address_text *t, const struct address *found, int n,
                 int (*at)(const struct address *a))
{
    int rc = -ENOENT, kept = errno, first = *t->host ? AF_INET : AF_INET6;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < n && rc < 0; i++)
            if ((found[i].at.any.sa_family == first) == (pass == 0))
                rc = at(&found[i]);
    errno = kept;
    return rc;
}

void address_both_families(int fd, const struct address *a)
{
    int off = 0;
    if (a->at.any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
}

/* --- telling --------------------------------------------------------------------- */

static int tell_unix(const struct address *a, char *text, size_t n)
{
    const char *path = a->at.local.sun_path;
    size_t size = a->size > offsetof(struct sockaddr_un, sun_path)
                      ? a->size - offsetof(struct sockaddr_un, sun_path) : 0;
    if (size && !*path)
        snprintf(text, n, "unix:@%.*s", (int)size - 1, path + 1);
    else
        snprintf(text, n, "unix:%.*s", (int)strnlen(path, size), path);
    return 0;
}

/* Is it IPv4's, as a socket for both families has it? */
static bool unmap(const struct address *a, struct address *plain)
{
    struct sockaddr_in6 six;
    struct sockaddr_in four = { .sin_family = AF_INET };
    memcpy(&six, &a->at, sizeof six);
    if (a->at.any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&six.sin6_addr))
        return false;
    four.sin_port = six.sin6_port;
    memcpy(&four.sin_addr, six.sin6_addr.s6_addr + 12, sizeof four.sin_addr);
    *plain = (struct address){ .size = sizeof four };
    memcpy(&plain->at, &four, sizeof four);
    return true;
}

int address_tell(const struct address *a, bool datagrams, char *text, size_t n)
{
    char host[ADDRESS_HOST], port[ADDRESS_PORT];
    struct address plain;
    if (a->at.any.sa_family == AF_UNIX)
        return tell_unix(a, text, n);
    if (unmap(a, &plain))
        a = &plain;
    if (getnameinfo(&a->at.any, a->size, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV))
        return net_failed("an address", -EAFNOSUPPORT);
    bool brackets = a->at.any.sa_family == AF_INET6;
    snprintf(text, n, "%s:%s%s%s:%s", datagrams ? "udp" : "tcp", brackets ? "[" : "", host,
             brackets ? "]" : "", port);
    return 0;
}

static int tell(int fd, int (*which)(int, struct sockaddr *, socklen_t *), char *text,
                size_t n)
{
    struct address a = { .size = sizeof a.at };
    int kind = 0, kept = errno;
    socklen_t size = sizeof kind;
    if (!text || !n)
        return why_static(-EINVAL, "there is no room for an address");
    *text = 0;
    int rc = which(fd, &a.at.any, &a.size) < 0
                     || getsockopt(fd, SOL_SOCKET, SO_TYPE, &kind, &size) < 0
                 ? -errno : 0;
    errno = kept;
    return rc < 0 ? net_failed("the address of a descriptor", rc)
                  : address_tell(&a, kind == SOCK_DGRAM, text, n);
}

int tutti_address_local(int fd, char *text, size_t n)
{
    return tell(fd, getsockname, text, n);
}

int tutti_address_peer(int fd, char *text, size_t n)
{
    return tell(fd, getpeername, text, n);
}
