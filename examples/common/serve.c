/* examples/common/serve.c - see serve.h. */
#include "serve.h"
#include <signal.h>
#include <tutti/io.h>
#include <tutti/sync.h>

enum { PATIENCE_S = 5 };

/* Clients are in a scope of their own, so that accepting can end before they do. */
struct server {
    tutti_scope *clients;
    int listener;
    int (*serve)(int fd);
};

static int accept_all(void *arg)
{
    struct server *k = arg;
    return tutti_serve(k->clients, k->listener, k->serve);
}

int serve_until_told(struct example *e, tutti_executor *ex, int listener,
                     int (*serve)(int fd))
{
    tutti_event stop = { { 0 } };
    TUTTI_SCOPE(clients, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    TUTTI_SCOPE(front, ex, TUTTI_NEVER, 0);
    struct server k = { &clients, listener, serve };
    int rc = tutti_event_on_signal(&front, &stop, SIGTERM);
    rc = rc < 0 ? rc : tutti_event_on_signal(&front, &stop, SIGINT);
    example_start(e);
    rc = rc < 0 ? rc : tutti_go(&front, accept_all, &k);
    rc = rc < 0 ? rc : tutti_event_wait(&stop);
    tutti_scope_cancel(&front);
    int closed = tutti_scope_close(&front);
    tutti_scope_expire(&clients, tutti_after(PATIENCE_S * TUTTI_SEC));
    tutti_scope_close(&clients);
    example_stop(e);
    return rc < 0 ? rc : closed;
}

int serve_clients(struct example *e, tutti_executor *ex, int listener,
                  int (*serve)(int fd), tutti_fn *talk, void *clients, size_t size,
                  int count)
{
    TUTTI_SCOPE(served, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    TUTTI_SCOPE(front, ex, TUTTI_NEVER, 0);
    struct server k = { &served, listener, serve };
    TUTTI_SCOPE(talking, ex, TUTTI_NEVER, 0);
    int rc = tutti_go(&front, accept_all, &k);
    example_start(e);
    for (int i = 0; i < count && rc >= 0; i++)
        rc = tutti_go(&talking, talk, (char *)clients + (size_t)i * size);
    int talked = tutti_scope_close(&talking);
    example_stop(e);
    tutti_scope_cancel(&front);
    tutti_scope_close(&front);
    tutti_scope_close(&served);
    return rc < 0 ? rc : talked;
}
