/* examples/common/server.h - servers for programs that need one: nginx, PostgreSQL,
 * Redis as Debian has them, each started on loopback with a folder of its own and a
 * free port, and ended with the program, whatever becomes of it.  Nothing of the
 * machine's own servers is touched.  And a small one of ours, which takes its time: its
 * clients are what is looked at.
 *
 * To be started before the program has threads of its own.  Tests:
 * tests/server_test.c. */
#ifndef EXAMPLES_SERVER_H
#define EXAMPLES_SERVER_H
#include "folder.h"
#include <stddef.h>
#include <sys/types.h>

/* Holds: pid is 0 when none runs. */
struct server {
    pid_t pid;
    int end; /* the signal that ends it; 0: SIGTERM */
    int port; /* on 127.0.0.1 */
    struct folder folder;
    char why[160]; /* when one could not be started: a sentence */
};

/* Each gives 0 when it accepts connections; -1 and why: it is not installed, or would
 * not start.  Whatever it gave, server_stop cleans up. */

/* The files below root. */
struct nginx_options {
    const char *root; /* NULL: none */
    int tls;          /* 1: over HTTPS, with a certificate for 127.0.0.1 in
                         FOLDER/cert.pem, which is its own authority */
    int behind;       /* a port of server_slow, for /wait/ and /meet/; 0: none */
};
int server_nginx(struct server *s, const struct nginx_options *o);
/* Trusts everybody on loopback; user and database "postgres". */
int server_postgres(struct server *s, int connections);
int server_redis(struct server *s);

/* Ours: the files below root, each answer after a delay.  The first asking for one of
 * sixteen files, chosen by name, gets 503.  /wait/MS answers "waited" after that time,
 * /meet/N "met" once N have asked; /moved/N/FILE leads to FILE over N redirections,
 * /moved/round in a circle. */
struct slow_options {
    const char *root; /* NULL: no files */
    int delay_ms;
    int falters;      /* 0: no 503 */
};
int server_slow(struct server *s, const struct slow_options *o);

/* End it and remove its folder.  Fine if it never ran. */
void server_stop(struct server *s);
#endif
