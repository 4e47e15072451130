/* tls/inside.h - what the files of libtutti-tls share. */
#ifndef TLS_INSIDE_H
#define TLS_INSIDE_H
#include <openssl/ssl.h>
#include <tutti/tls.h>

/* Holds: alpn has a length before each name, as on the wire; NULL: none. */
struct tutti_tls {
    SSL_CTX *context;
    int server;
    unsigned char *alpn;
    unsigned alpn_size;
};

/* OpenSSL's last words, for a code of ours, which it returns. */
int tls_fail(int code, const char *what);
#endif
