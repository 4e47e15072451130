/* examples/common/serve.h - the life of a server: accepting until it is told to end,
 * and the demonstration in which it has clients of its own.  Tests:
 * tests/examples_test.sh, tests/httpd_test.py. */
#ifndef EXAMPLES_SERVE_H
#define EXAMPLES_SERVE_H
#include "example.h"

/* Serve what comes at listener, a task on ex for each connection, until SIGTERM or
 * SIGINT; then accept no more and give those that are there five seconds.  serve(fd)
 * owns fd.  0 or a negative code. */
int serve_until_told(struct example *e, tutti_executor *ex, int listener,
                     int (*serve)(int fd));

/* Serve `count` clients of ours, each a task: talk(at the i-th of clients, which are
 * size bytes each).  The clock of *e runs from the first to the last.  0, or what
 * failed. */
int serve_clients(struct example *e, tutti_executor *ex, int listener,
                  int (*serve)(int fd), tutti_fn *talk, void *clients, size_t size,
                  int count);
#endif
