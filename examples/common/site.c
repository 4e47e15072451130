/* examples/common/site.c - see site.h.  A target is decoded, must not lead above the
 * directory, and names a file, or a directory with an index.html. */
#include "site.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <tutti/io.h>

enum { BUCKETS = 256, KEPT_MOST = 64 << 10, PAGES_MOST = 256 };
#define CHECK_EVERY TUTTI_SEC

/* Holds: each page is in its bucket and in the chain from newest to oldest by last use; count
 * of them, at most PAGES_MOST: each has up to KEPT_MOST bytes, or a descriptor. */
struct pages {
    struct page *bucket[BUCKETS];
    struct page *newest, *oldest;
    size_t count;
};

static char *site_directory;

/* --- paths --------------------------------------------------------------------- */

static int digit(char c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* The path below the directory that a target stands for; 0, or the status. */
static int decode(const char *target, size_t n, char *path)
{
    size_t at = 0;
    if (!n || *target != '/')
        return 400;
    for (size_t i = 0; i < n && target[i] != '?' && target[i] != '#'; i++) {
        char c = target[i];
        if (c == '%') {
            int high = i + 2 < n ? digit(target[i + 1]) : -1,
                low = i + 2 < n ? digit(target[i + 2]) : -1;
            if (high < 0 || low < 0 || !(high | low))
                return 400;
            c = (char)(high << 4 | low);
            i += 2;
        }
        path[at++] = c;
    }
    path[at] = 0;
    if (at >= 3 && (strstr(path, "/../") || !strcmp(path + at - 3, "/..")))
        return 403;
    if (path[at - 1] == '/')
        strcpy(path + at, "index.html");
    return 0;
}

static const char *type_of(const char *path)
{
    static const char *const types[][2] = {
        { ".html", "text/html" }, { ".txt", "text/plain" }, { ".css", "text/css" },
        { ".js", "text/javascript" }, { ".png", "image/png" }, { ".jpg", "image/jpeg" },
        { ".svg", "image/svg+xml" },
    };
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (!strcmp(dot, types[i][0]))
            return types[i][1];
    return "application/octet-stream";
}

static uint64_t hash_of(const char *path)
{
    uint64_t h = 14695981039346656037u;
    for (; *path; path++)
        h = (h ^ (unsigned char)*path) * 1099511628211u;
    return h ^ h >> 32;
}

/* --- pages ------------------------------------------------------------------------ */

void site_release(struct page *p)
{
    if (!p || --p->users)
        return;
    if (p->fd >= 0)
        tutti_close(p->fd);
    free(p->head);
    free(p->body);
    free(p);
}

static int page_fill(struct page *p)
{
    int n = asprintf(&p->head,
                     "HTTP/1.1 200 OK\r\nServer: tutti\r\nContent-Type: %s\r\n"
                     "Content-Length: %zu\r\n",
                     type_of(p->path), p->size);
    if (n < 0) {
        p->head = NULL;
        return 500;
    }
    p->head_size = (size_t)n;
    if (p->size > KEPT_MOST)
        return 0;
    p->body = malloc(p->size + 1);
    size_t have = 0;
    for (int rc = 1; p->body && have < p->size && rc > 0;
         have += rc > 0 ? (size_t)rc : 0)
        rc = tutti_pread(p->fd, p->body + have, p->size - have, (int64_t)have);
    tutti_close(p->fd);
    p->fd = -1;
    return p->body && have == p->size ? 0 : 500;
}

static int status_of(int code)
{
    return code == -ENOENT || code == -ENOTDIR || code == -ENAMETOOLONG ? 404
           : code == -EACCES ? 403
                             : 500;
}

static struct page *page_open(const char *path, int *status)
{
    struct stat st;
    struct page *p = calloc(1, sizeof *p + strlen(path) + 1);
    *status = 500;
    if (!p)
        return NULL;
    strcpy(p->path, path);
    p->users = 1;
    p->fd = tutti_open(path, O_RDONLY | O_NONBLOCK, 0);
    if (p->fd < 0)
        *status = status_of(p->fd);
    else if (fstat(p->fd, &st) < 0 || !S_ISREG(st.st_mode))
        *status = 404;
    else {
        p->size = (size_t)st.st_size;
        p->changed = st.st_mtim.tv_sec;
        p->changed_ns = st.st_mtim.tv_nsec;
        p->checked = tutti_now();
        p->hash = hash_of(path);
        *status = page_fill(p);
    }
    if (!*status)
        return p;
    site_release(p);
    return NULL;
}

static int page_is_fresh(struct page *p)
{
    struct stat st;
    int64_t now = tutti_now();
    if (now - p->checked < CHECK_EVERY)
        return 1;
    p->checked = now;
    return stat(p->path, &st) == 0 && st.st_mtim.tv_sec == p->changed
           && st.st_mtim.tv_nsec == p->changed_ns && (size_t)st.st_size == p->size;
}

/* --- the worker's pages ----------------------------------------------------------- */

static void age_out(struct pages *all, struct page *p)
{
    *(p->newer ? &p->newer->older : &all->newest) = p->older;
    *(p->older ? &p->older->newer : &all->oldest) = p->newer;
    p->newer = p->older = NULL;
    all->count--;
}

static void age_in(struct pages *all, struct page *p)
{
    p->older = all->newest;
    *(p->older ? &p->older->newer : &all->oldest) = p;
    all->newest = p;
    all->count++;
}

static void drop(struct pages *all, struct page *p)
{
    struct page **at = &all->bucket[p->hash % BUCKETS];
    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    age_out(all, p);
    site_release(p);
}

static struct page *known(struct pages *all, const char *path, uint64_t hash)
{
    struct page *p = all->bucket[hash % BUCKETS];
    while (p && (p->hash != hash || strcmp(p->path, path)))
        p = p->next;
    if (p && !page_is_fresh(p)) {
        drop(all, p);
        return NULL;
    }
    if (p && p != all->newest) {
        age_out(all, p);
        age_in(all, p);
    }
    return p;
}

static struct page *page_keep(struct pages *all, struct page *p)
{
    struct page **bucket = &all->bucket[p->hash % BUCKETS];
    if (all->count == PAGES_MOST)
        drop(all, all->oldest);
    p->next = *bucket;
    age_in(all, p);
    return *bucket = p;
}

static void *pages_make(void)
{
    return calloc(1, sizeof(struct pages));
}
static void pages_drop(void *arg)
{
    struct pages *all = arg;
    while (all->oldest)
        drop(all, all->oldest);
    free(all);
}
static tutti_local local = { pages_make, pages_drop, { 0 } };

struct page *site_find(const char *target, size_t n, int *status)
{
    char path[PATH_MAX];
    struct pages *all = tutti_per_worker(&local);
    size_t root = strlen(site_directory);
    *status = !all ? 500 : root + n + 16 > sizeof path ? 414 : 0;
    if (!*status) {
        memcpy(path, site_directory, root);
        *status = decode(target, n, path + root);
    }
    if (*status)
        return NULL;
    uint64_t hash = hash_of(path);
    struct page *p = known(all, path, hash);
    if (!p) {
        struct page *made = page_open(path, status); /* parks: */
        if (!made)
            return NULL;
        p = known(all, path, hash); /* another may have come by the same page */
        if (p)
            site_release(made);
        else
            p = page_keep(all, made);
    }
    p->users++;
    return p;
}

int site_open(const char *directory)
{
    struct stat st;
    if (stat(directory, &st) < 0 || !S_ISDIR(st.st_mode))
        return tutti_fail(-ENOTDIR, "%s is no directory", directory);
    site_directory = strdup(directory);
    return site_directory ? 0 : -ENOMEM;
}

void site_close(void)
{
    free(site_directory);
    site_directory = NULL;
}
