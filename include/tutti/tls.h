/* tutti/tls.h - TLS 1.2 and 1.3 for streams, through OpenSSL 3: a library of its own,
 * libtutti-tls (pkg-config tutti-tls), so that libtutti needs no OpenSSL.
 *
 * A connection is a tutti_stream like any other.  Bytes go through a stream below it, so they
 * wait, gather and are cut off as those do.  One task at a time uses a TLS stream, in either
 * direction: reading may have to write. */
#ifndef TUTTI_TLS_H
#define TUTTI_TLS_H
#include <tutti/stream.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct tutti_tls tutti_tls;

typedef struct tutti_tls_options { /* set size before the call; zero: the default */
    size_t size;
    const char *certificates, *key; /* PEM files: our chain and its key; servers need both */
    const char *authorities; /* PEM file of those to trust; NULL: the system's */
    const char *protocols;   /* ALPN, best first, with commas: "h2,http/1.1" */
    int unverified;          /* client: take any certificate (for tests); server: 0 asks no
                                client for one, -1 demands one of the authorities' */
} tutti_tls_options;

/* What clients, or servers, share: read the files once.  0; on error *out is NULL: -EINVAL and
 * tutti_why() has OpenSSL's words; -ENOENT, -ENOMEM.  [any] */
TUTTI_API int tutti_tls_client_open(tutti_tls **out, const tutti_tls_options *o);
TUTTI_API int tutti_tls_server_open(tutti_tls **out, const tutti_tls_options *o);
/* Its streams go on without.  NULL is fine.  [any] */
TUTTI_API void tutti_tls_close(tutti_tls *t);

/* Open *s over the connected socket fd, which is the stream's from now on, and greet the peer,
 * whose certificate must be for `host` (sent as its name too; NULL only if unverified).  0; on
 * error *s is not open and fd is closed: -EACCES: the certificate is not trusted, tutti_why()
 * says why; -EPROTO: what came was no TLS, or was refused; -EINVAL: no host; or as
 * tutti_stream_some.  Later reading gives -EPIPE where the connection ended without a goodbye,
 * as it does when somebody cuts it.  [any] [wait] */
TUTTI_API int tutti_tls_connect(tutti_tls *t, tutti_stream *s, int fd, const char *host);
/* The same from the server's side.  [any] [wait] */
TUTTI_API int tutti_tls_accept(tutti_tls *t, tutti_stream *s, int fd);
/* The protocol agreed on by ALPN, "" if none, in text of n bytes: 0; -EINVAL: s is no TLS
 * stream.  [any] */
TUTTI_API int tutti_tls_protocol(const tutti_stream *s, char *text, size_t n);

#ifdef __cplusplus
}
#endif
#endif
