/* exec/url.h - the string that says where work runs, taken apart. */
#ifndef EXEC_URL_H
#define EXEC_URL_H
#include <stdbool.h>
#include <stddef.h>

enum url_scheme { URL_LOOP, URL_THREADS, URL_AUTO };

struct url {
    enum url_scheme scheme;
    unsigned workers; /* 0: not given */
    size_t stack;
    bool lock;        /* lock=interpreter */
    int io;           /* enum io_kind of io/poll.h */
};

enum { URL_STACK = 256 << 10, URL_WORKERS_MOST = 1024 };

/* 0, or -EINVAL, -ENOTSUP, and the caller's tutti_why names the word that is wrong. */
int url_parse(struct url *u, const char *text);
/* The URL that u stands for, in full; to be freed with memory_free; NULL: no memory. */
char *url_print(const struct url *u);
#endif
