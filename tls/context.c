/* tls/context.c - what the connections of clients, or of servers, share: files read once, and
 * what is spoken.  Tests: tests/tls_test.c. */
#include "inside.h"
#include <openssl/err.h>
#include <stdlib.h>
#include <unistd.h>

int tls_fail(int code, const char *what)
{
    char words[160] = "";
    unsigned long e = ERR_peek_last_error();
    if (e)
        ERR_error_string_n(e, words, sizeof words);
    ERR_clear_error();
    return tutti_fail(code, "%s%s%s", what, *words ? ": " : "", words);
}

static int read_files(SSL_CTX *x, const tutti_tls_options *o, int server)
{
    if (server && (!o->certificates || !o->key))
        return tutti_fail(-EINVAL, "TLS: a server needs certificates and their key");
    const char *files[] = { o->certificates, o->key, o->authorities };
    for (int i = 0; i < 3; i++)
        if (files[i] && access(files[i], R_OK))
            return tutti_fail(-ENOENT, "TLS: %.200s cannot be read", files[i]);
    if (o->certificates && SSL_CTX_use_certificate_chain_file(x, o->certificates) != 1)
        return tls_fail(-EINVAL, "TLS: the certificates");
    if (o->key && (SSL_CTX_use_PrivateKey_file(x, o->key, SSL_FILETYPE_PEM) != 1
                   || SSL_CTX_check_private_key(x) != 1))
        return tls_fail(-EINVAL, "TLS: the key");
    int trusted = o->authorities ? SSL_CTX_load_verify_locations(x, o->authorities, NULL)
                                 : SSL_CTX_set_default_verify_paths(x);
    return trusted == 1 ? 0 : tls_fail(-EINVAL, "TLS: the authorities");
}

/* The server's choice: the first of its own that the client knows. */
static int choose(SSL *ssl, const unsigned char **out, unsigned char *size,
                  const unsigned char *offered, unsigned n, void *arg)
{
    const tutti_tls *t = arg;
    unsigned char *chosen;
    (void)ssl;
    if (SSL_select_next_proto(&chosen, size, t->alpn, t->alpn_size, offered, n)
        != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int read_protocols(tutti_tls *t, const char *names)
{
    size_t n = names ? strlen(names) : 0;
    if (!n)
        return 0;
    t->alpn = malloc(n + 1);
    if (!t->alpn)
        return tutti_fail(-ENOMEM, "TLS: no memory");
    for (const char *at = names; *at;) {
        size_t size = strcspn(at, ",");
        if (size == 0 || size > 255)
            return tutti_fail(-EINVAL, "TLS: \"%.60s\" is no list of protocols", names);
        t->alpn[t->alpn_size++] = (unsigned char)size;
        memcpy(t->alpn + t->alpn_size, at, size);
        t->alpn_size += (unsigned)size;
        at += size + (at[size] == ',');
    }
    if (t->server)
        SSL_CTX_set_alpn_select_cb(t->context, choose, t);
    else if (SSL_CTX_set_alpn_protos(t->context, t->alpn, t->alpn_size))
        return tls_fail(-EINVAL, "TLS: the protocols");
    return 0;
}

static int tls_context(tutti_tls *t, const tutti_tls_options *given)
{
    tutti_tls_options o = { .size = sizeof o };
    if (given)
        memcpy(&o, given, given->size < sizeof o ? given->size : sizeof o);
    ERR_clear_error();
    t->context = SSL_CTX_new(t->server ? TLS_server_method() : TLS_client_method());
    if (!t->context)
        return tls_fail(-ENOMEM, "TLS");
    SSL_CTX_set_min_proto_version(t->context, TLS1_2_VERSION);
    SSL_CTX_set_mode(t->context, SSL_MODE_RELEASE_BUFFERS); /* idle ones hold none */
    int verify = t->server ? (o.unverified < 0 ? SSL_VERIFY_PEER
                                                     | SSL_VERIFY_FAIL_IF_NO_PEER_CERT
                                               : SSL_VERIFY_NONE)
                           : (o.unverified ? SSL_VERIFY_NONE : SSL_VERIFY_PEER);
    SSL_CTX_set_verify(t->context, verify, NULL);
    int rc = read_files(t->context, &o, t->server);
    return rc < 0 ? rc : read_protocols(t, o.protocols);
}

static int tls_make(tutti_tls **out, const tutti_tls_options *o, int server)
{
    if (!out || (o && !o->size))
        return tutti_fail(-EINVAL, "TLS: set size first, and say where to");
    *out = NULL;
    tutti_tls *t = calloc(1, sizeof *t);
    if (!t)
        return tutti_fail(-ENOMEM, "TLS: no memory");
    t->server = server;
    int rc = tls_context(t, o);
    if (rc < 0)
        tutti_tls_close(t);
    else
        *out = t;
    return rc;
}

int tutti_tls_client_open(tutti_tls **out, const tutti_tls_options *o)
{
    return tls_make(out, o, 0);
}

int tutti_tls_server_open(tutti_tls **out, const tutti_tls_options *o)
{
    return tls_make(out, o, 1);
}

void tutti_tls_close(tutti_tls *t)
{
    if (!t)
        return;
    SSL_CTX_free(t->context);
    free(t->alpn);
    free(t);
}
