/* hook/rescue.c - calls that only a thread can wait for: names, and data on its way to the
 * disk.  Tests: tests/hook_test.c. */
#include "hook/hook.h"
#include <stdlib.h>
#include <string.h>

/* On the stack of the task, which waits for its end. */
struct call {
    void (*run)(void *arg);
    void *arg;
    int error, h_error;
};

static int call_run(void *arg)
{
    struct call *c = arg;
    errno = 0;
    c->run(c->arg);
    c->error = errno;
    c->h_error = h_errno;
    return 0;
}

int hook_rescue(void (*run)(void *arg), void *arg)
{
    int kept = errno;
    struct call c = { run, arg, 0, 0 };
    int rc = tutti_blocking(call_run, &c, NULL);
    if (rc < 0)
        return rc;
    errno = c.error ? c.error : kept;
    h_errno = c.h_error;
    return 0;
}

/* --- data to the disk ---------------------------------------------------------- */

struct sync {
    int fd, result;
    int (*call)(int fd);
};

static void sync_run(void *arg)
{
    struct sync *s = arg;
    s->result = s->call(s->fd);
}

static int sync_on_rescue(int (*call)(int fd), int fd)
{
    struct sync s = { fd, -1, call };
    int rc = hook_rescue(sync_run, &s);
    return rc < 0 ? hook_fail(rc) : s.result;
}

HOOK int fsync(int fd)
{
    return HOOK_CALLER() ? sync_on_rescue(libc()->fsync, fd) : libc()->fsync(fd);
}

HOOK int fdatasync(int fd)
{
    return HOOK_CALLER() ? sync_on_rescue(libc()->fdatasync, fd) : libc()->fdatasync(fd);
}

/* --- names to addresses ---------------------------------------------------------- */

/* A look-up may take long, and its task may not be willing to wait: then it goes on without
 * it, on copies.  Holds: owners counts the task and the rescue thread; the last one frees. */
struct lookup {
    _Atomic int owners;
    int result, error;
    struct addrinfo hints, *found;
    bool hinted;
    char *host, *service; /* in texts; NULL: none */
    char texts[];
};

static void lookup_drop(void *arg)
{
    struct lookup *l = arg;
    if (sub_acqrel(&l->owners, 1) > 1) /* pairs with itself: what the other wrote is seen */
        return;
    if (l->found)
        freeaddrinfo(l->found);
    free(l);
}

static int lookup_run(void *arg)
{
    struct lookup *l = arg;
    errno = 0;
    l->result = libc()->getaddrinfo(l->host, l->service, l->hinted ? &l->hints : NULL,
                                    &l->found);
    l->error = errno;
    if (l->result)
        l->found = NULL;
    return 0;
}

static struct lookup *lookup_new(const char *host, const char *service,
                                 const struct addrinfo *hints)
{
    size_t h = host ? strlen(host) + 1 : 0, s = service ? strlen(service) + 1 : 0;
    struct lookup *l = malloc(sizeof *l + h + s);
    if (!l)
        return NULL;
    memset(l, 0, sizeof *l);
    store_relaxed(&l->owners, 2); /* nobody else has it yet */
    if (hints)
        l->hints = *hints;
    l->hinted = hints != NULL;
    if (host)
        l->host = memcpy(l->texts, host, h);
    if (service)
        l->service = memcpy(l->texts + h, service, s);
    return l;
}

static int lookup_on_rescue(const char *host, const char *service,
                            const struct addrinfo *hints, struct addrinfo **out)
{
    int kept = errno;
    struct lookup *l = lookup_new(host, service, hints);
    if (!l)
        return EAI_MEMORY;
    int rc = tutti_blocking(lookup_run, l, lookup_drop);
    int result = rc < 0 ? EAI_SYSTEM : l->result;
    int error = rc < 0 ? -rc : l->error;
    if (rc == 0 && result == 0) {
        *out = l->found;
        l->found = NULL;
    }
    lookup_drop(l);
    errno = result == EAI_SYSTEM ? error : kept;
    return result;
}

HOOK int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                     struct addrinfo **out)
{
    if (!HOOK_CALLER())
        return libc()->getaddrinfo(host, service, hints, out);
    return lookup_on_rescue(host, service, hints, out);
}

struct nameinfo {
    const struct sockaddr *address;
    socklen_t size, host_size, service_size;
    char *host, *service;
    int flags, result;
};

static void nameinfo_run(void *arg)
{
    struct nameinfo *n = arg;
    n->result = libc()->getnameinfo(n->address, n->size, n->host, n->host_size, n->service,
                                    n->service_size, n->flags);
}

HOOK int getnameinfo(const struct sockaddr *address, socklen_t size, char *host,
                     socklen_t host_size, char *service, socklen_t service_size, int flags)
{
    struct nameinfo n = { address, size,    host_size, service_size,
                          host,    service, flags,     EAI_SYSTEM };
    if (!HOOK_CALLER() || flags & NI_NUMERICHOST) { /* numbers alone ask nobody */
        nameinfo_run(&n);
        return n.result;
    }
    int rc = hook_rescue(nameinfo_run, &n);
    if (rc < 0)
        hook_fail(rc);
    return n.result;
}

/* The older family.  Those without _r answer in memory of libc's that all threads share, so
 * they are as safe on another thread as on this one. */
struct host {
    const void *name;
    socklen_t size;
    int family;
    struct hostent *room, *found;
    char *buffer;
    size_t buffer_size;
    struct hostent **out;
    int *error, result;
};

static void by_name_run(void *arg)
{
    struct host *h = arg;
    h->found = libc()->gethostbyname2(h->name, h->family);
}

static void by_name_r_run(void *arg)
{
    struct host *h = arg;
    h->result = libc()->gethostbyname2_r(h->name, h->family, h->room, h->buffer,
                                         h->buffer_size, h->out, h->error);
}

static void by_address_run(void *arg)
{
    struct host *h = arg;
    h->found = libc()->gethostbyaddr(h->name, h->size, h->family);
}

static void by_address_r_run(void *arg)
{
    struct host *h = arg;
    h->result = libc()->gethostbyaddr_r(h->name, h->size, h->family, h->room, h->buffer,
                                        h->buffer_size, h->out, h->error);
}

static struct hostent *host_found(struct host *h, void (*run)(void *arg))
{
    int rc = hook_rescue(run, h);
    if (rc == 0)
        return h->found;
    h_errno = TRY_AGAIN;
    hook_fail(rc);
    return NULL;
}

static int host_result(struct host *h, void (*run)(void *arg))
{
    int rc = hook_rescue(run, h);
    if (rc == 0)
        return h->result;
    *h->out = NULL;
    *h->error = TRY_AGAIN;
    return -rc;
}

HOOK struct hostent *gethostbyname(const char *name)
{
    struct host h = { .name = name, .family = AF_INET };
    return HOOK_CALLER() ? host_found(&h, by_name_run) : libc()->gethostbyname(name);
}

HOOK struct hostent *gethostbyname2(const char *name, int family)
{
    struct host h = { .name = name, .family = family };
    return HOOK_CALLER() ? host_found(&h, by_name_run)
                         : libc()->gethostbyname2(name, family);
}

HOOK struct hostent *gethostbyaddr(const void *address, socklen_t size, int family)
{
    struct host h = { .name = address, .size = size, .family = family };
    return HOOK_CALLER() ? host_found(&h, by_address_run)
                         : libc()->gethostbyaddr(address, size, family);
}

HOOK int gethostbyname_r(const char *name, struct hostent *room, char *buffer, size_t size,
                         struct hostent **out, int *error)
{
    struct host h = { .name = name, .family = AF_INET, .room = room, .buffer = buffer,
                      .buffer_size = size, .out = out, .error = error };
    return HOOK_CALLER() ? host_result(&h, by_name_r_run)
                         : libc()->gethostbyname_r(name, room, buffer, size, out, error);
}

HOOK int gethostbyname2_r(const char *name, int family, struct hostent *room, char *buffer,
                          size_t size, struct hostent **out, int *error)
{
    struct host h = { .name = name, .family = family, .room = room, .buffer = buffer,
                      .buffer_size = size, .out = out, .error = error };
    return HOOK_CALLER()
               ? host_result(&h, by_name_r_run)
               : libc()->gethostbyname2_r(name, family, room, buffer, size, out, error);
}

HOOK int gethostbyaddr_r(const void *address, socklen_t address_size, int family,
                         struct hostent *room, char *buffer, size_t size,
                         struct hostent **out, int *error)
{
    struct host h = { .name = address, .size = address_size, .family = family,
                      .room = room, .buffer = buffer, .buffer_size = size, .out = out,
                      .error = error };
    return HOOK_CALLER() ? host_result(&h, by_address_r_run)
                         : libc()->gethostbyaddr_r(address, address_size, family, room,
                                                   buffer, size, out, error);
}
