/* examples/common/site.h - the files of httpd: found by the target of a request, small
 * ones kept in memory.  Each worker keeps its own, so nothing here is shared or
 * locked. */
#ifndef EXAMPLES_SITE_H
#define EXAMPLES_SITE_H
#include <stddef.h>
#include <stdint.h>
#include <tutti/stream.h>

/* A file as it is sent.  Holds: body is size bytes, or NULL and fd is open. */
struct page {
    char *head, *body; /* head: all header lines but Connection */
    size_t head_size, size;
    int fd;
    unsigned users; /* the table, and each answer under way */
    struct page *next, *newer, *older; /* the table's */
    uint64_t hash;
    int64_t checked;           /* when the file was last looked at */
    int64_t changed, changed_ns; /* its time of change then */
    char path[];
};

/* Serve what lies below directory.  0 or a negative code with words. */
int site_open(const char *directory);
void site_close(void);
/* The page for a request's target, to be given back; NULL and *status.  May park. */
struct page *site_find(const char *target, size_t n, int *status);
void site_release(struct page *p); /* NULL is fine */

/* One connection of httpd, until its end: examples/httpd.c.  A negative code if the
 * stream failed. */
int httpd_talk(tutti_stream *stream);
#endif
