/* examples/common/web.h - pages over HTTP through libcurl, and the links in them
 * through libxml2.  Both are used as in any program: it is libtutti-hook in front of
 * libc that makes a transfer park its task. */
#ifndef EXAMPLES_WEB_H
#define EXAMPLES_WEB_H
#include <stddef.h>

/* What came back.  Zero before the first web_get; reused by the next; web_free at the
 * end. */
struct web_page {
    char *data; /* NULL: nothing */
    size_t size, room;
    long status;     /* of HTTP; 0: none came, see why */
    long moved;      /* how many redirections led to it */
    int is_html;
    char why[128];
};
/* head: only its head.  Redirections are followed, ten at most.  0 when an answer came,
 * whatever its status; -ENOMEM; else -EIO, and p->why says why. */
int web_get(const char *url, int head, struct web_page *p);
void web_free(struct web_page *p);
/* Call each(ctx, url) for every link of a page, absolute and without its fragment; ends
 * at the first negative answer and returns it. */
int web_links(const struct web_page *p, const char *url,
              int (*each)(void *ctx, const char *url), void *ctx);
/* Before the first: trust the certificates in this file and no others; and wait so many
 * seconds at most for each answer, 30 by default. */
void web_trust(const char *file);
void web_patience(long seconds);
/* How many transfers, `most` of them, may be under way at once for the descriptors that the
 * program may have, whose soft limit it raises.  Leaves, with a sentence, where one is too
 * many. */
struct example;
unsigned web_at_once(const struct example *e, unsigned most);
/* Once, while the program has one thread; and at its end. */
void web_begin(void);
void web_end(void);
#endif
