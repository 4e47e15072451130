/* examples/crawl.c - a web crawler: follows the links of two hosts, each page once.
 *
 * The hosts serve a folder of HTML that Debian ships, on loopback: a small server of
 * ours that takes its time for each answer and falters now and then, and nginx where it
 * is installed.  libcurl fetches and libxml2 parses, both as they are: libtutti-hook
 * makes their waiting cooperative.  The pages to visit are a work-list, which drops
 * what it has seen and keeps to so many visits of one host; what falters is tried
 * again. */
#include "common/example.h"
#include "common/server.h"
#include "common/web.h"
#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <tutti/patterns.h>
#include <tutti/sync.h>
#include <unistd.h>

static const struct example_about about = {
    .name = "crawl",
    .kind = "I/O",
    .summary =
        "Crawls a folder of HTML (Debian's postgresql-doc-15) that two servers on\n"
        "loopback serve, one of them slow: each page once, so many of a host at\n"
        "a time, again what falters.  --picture: which page links to which.",
    .size_means = "about how many pages of each host",
    .size = 200,
    .size_least = 1,
    .size_most = 1000000,
    .arguments = "[DIRECTORY]",
    .arguments_most = 1,
    .draws = 1,
};

enum { HOSTS = 2, PER_HOST = 50, DELAY_MS = 20, TRIES = 4, PAGES_MOST = 4096 };
#define DIRECTORY "/usr/share/doc/postgresql-doc-15/html"

/* One host and what came of it. */
struct host {
    const char *name;
    char root[64]; /* "http://127.0.0.1:4711/" */
    size_t root_size;
    _Atomic uint64_t pages, failed, bytes, links, seen, again;
};

/* Holds: names is sorted; links[i * count + j] is 1 if a visit found that names[i]
 * links to names[j]; visits of both hosts may set it at once, to the same. */
struct site {
    struct host host[HOSTS];
    int hosts;
    char **names;
    size_t count;
    uint64_t share; /* of 2^32: pages whose hash is below it belong to the crawl */
    _Atomic uint8_t *links, *visited; /* count x count; count */
};
static struct site site;

/* --- which pages there are ------------------------------------------------------- */

static int is_html(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    return n > 5 && !strcmp(d->d_name + n - 5, ".html");
}

static void read_names(struct example *e, const char *directory)
{
    struct dirent **list;
    int n = scandir(directory, &list, is_html, alphasort);
    if (n <= 0 && e->argument_count)
        example_refuse(e, "no HTML in \"%s\"", directory);
    if (n <= 0)
        example_lacks(e, "Debian's postgresql-doc-15 is not installed");
    site.count = (size_t)n < PAGES_MOST ? (size_t)n : PAGES_MOST;
    site.names = calloc(site.count, sizeof *site.names);
    site.links = calloc(site.count, site.count);
    site.visited = calloc(site.count, 1);
    for (int i = 0; i < n; i++) {
        if ((size_t)i < site.count && site.names)
            site.names[i] = strdup(list[i]->d_name);
        free(list[i]);
    }
    free(list);
    if (!site.names || !site.links || !site.visited)
        example_refuse(e, "no memory for %d pages", n);
    double share = (double)e->size / n;
    site.share = share < 1 ? (uint64_t)(share * 4294967296.0) : 4294967296u;
}

static int by_name(const void *key, const void *item)
{
    return strcmp(key, *(char *const *)item);
}

static long number_of(const char *name)
{
    char **at = bsearch(*name ? name : "index.html", site.names, site.count,
                        sizeof *site.names, by_name);
    return at ? at - site.names : -1;
}

static struct host *host_of(const char *url)
{
    for (int i = 0; i < site.hosts; i++)
        if (!strncmp(url, site.host[i].root, site.host[i].root_size))
            return &site.host[i];
    return NULL;
}

/* By its name alone, so that every executor visits the same ones in whatever order. */
static int is_wanted(const struct host *h, const char *url)
{
    const char *name = url + h->root_size;
    uint32_t hash = 2166136261u;
    if (!*name)
        return 1;
    if (strcspn(name, "/?") != strlen(name) || number_of(name) < 0)
        return 0;
    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * 16777619u;
    return (hash * 2654435761u ^ hash >> 7) < site.share;
}

/* --- one visit -------------------------------------------------------------------- */

/* Where the links of a page go: the work-list, or the plain loop's queue. */
struct visit {
    struct host *host;
    const char *url;
    struct web_page page;
    long from;
    int (*add)(void *list, const char *url); /* 1 new, 0 seen before */
    void *list;
};

static int follow(void *ctx, const char *url)
{
    struct visit *v = ctx;
    if (host_of(url) != v->host || !is_wanted(v->host, url))
        return 0;
    long to = number_of(url + v->host->root_size);
    if (v->from >= 0 && to >= 0)
        site.links[(size_t)v->from * site.count + (size_t)to] = 1;
    atomic_fetch_add(&v->host->links, 1);
    int rc = v->add(v->list, url);
    if (rc == 0)
        atomic_fetch_add(&v->host->seen, 1);
    return rc;
}

/* -EAGAIN: it faltered. */
static int fetch(void *arg)
{
    struct visit *v = arg;
    int rc = web_get(v->url, 0, &v->page);
    if (rc < 0)
        return tutti_fail(rc, "%s: %s", v->url, v->page.why);
    if (v->page.status == 503) {
        atomic_fetch_add(&v->host->again, 1);
        return -EAGAIN;
    }
    return 0;
}

static int is_worth(int code)
{
    return code == -EAGAIN;
}

static int visit_page(struct visit *v, int serial)
{
    static const tutti_retry retry = { .size = sizeof retry, .tries = TRIES,
                                       .pause = 2 * TUTTI_MS, .worth = is_worth };
    int rc = -EAGAIN;
    if (serial)
        for (int i = 0; i < TRIES && rc == -EAGAIN; i++)
            rc = fetch(v);
    else
        rc = tutti_again(&retry, fetch, v);
    if (rc == -EIO || rc == -EAGAIN || (rc == 0 && v->page.status != 200)) {
        atomic_fetch_add(&v->host->failed, 1);
        rc = 0;
    } else if (rc == 0) {
        atomic_fetch_add(&v->host->pages, 1);
        atomic_fetch_add(&v->host->bytes, v->page.size);
        v->from = number_of(v->url + v->host->root_size);
        if (v->from >= 0)
            site.visited[v->from] = 1;
        rc = web_links(&v->page, v->url, follow, v);
    }
    web_free(&v->page);
    return rc;
}

/* --- all of them, by tasks -------------------------------------------------------- */

static int list_add(void *list, const char *url)
{
    return tutti_list_add(list, (tutti_bytes){ url, strlen(url) + 1 });
}

/* The first key is empty: it stands for the hosts. */
static int visit_key(tutti_list *l, tutti_bytes key, void *ctx)
{
    const char *url = key.data;
    (void)ctx;
    for (int i = 0; !*url && i < site.hosts; i++)
        if (list_add(l, site.host[i].root) < 0)
            return -ENOMEM;
    if (!*url)
        return 0;
    struct visit v = { .host = host_of(url), .url = url, .add = list_add, .list = l };
    return visit_page(&v, 0);
}

static uint64_t group_of(tutti_bytes key)
{
    const char *url = key.data;
    return *url ? (uint64_t)(host_of(url) - site.host) + 1 : 0;
}

static int crawl_tasks(struct example *e)
{
    TUTTI_SCOPE(s, e->executor, TUTTI_NEVER, 0);
    tutti_work work = { .size = sizeof work, .width = web_at_once(e, PER_HOST * HOSTS),
                        .per_group = PER_HOST, .visit = visit_key, .group = group_of,
                        .strict = 1 };
    int rc = tutti_worklist(&s, &work, (tutti_bytes){ "", 1 });
    int closed = tutti_scope_close(&s);
    return rc < 0 ? rc : closed;
}

/* --- all of them, in a plain loop ------------------------------------------------- */

struct queue {
    char **urls;
    size_t count, room;
    uint8_t *known; /* by host and number of the page */
};

static int queue_add(void *list, const char *url)
{
    struct queue *q = list;
    struct host *h = host_of(url);
    long number = number_of(url + h->root_size);
    /* "" and "index.html" are two addresses, as they are for the work-list. */
    size_t at = (size_t)(h - site.host) * (site.count + 1)
                + (url[h->root_size] ? (size_t)number : site.count);
    if (q->known[at])
        return 0;
    if (q->count == q->room) {
        char **urls = realloc(q->urls, (q->room * 2 + 64) * sizeof *urls);
        if (!urls)
            return -ENOMEM;
        q->urls = urls;
        q->room = q->room * 2 + 64;
    }
    q->known[at] = 1;
    q->urls[q->count] = strdup(url);
    return q->urls[q->count] ? (q->count++, 1) : -ENOMEM;
}

static int crawl_serial(void)
{
    struct queue q = { .known = calloc(HOSTS, site.count + 1) };
    int rc = q.known ? 0 : -ENOMEM;
    for (int i = 0; rc >= 0 && i < site.hosts; i++)
        rc = queue_add(&q, site.host[i].root);
    for (size_t i = 0; rc >= 0 && i < q.count; i++) {
        struct visit v = { .host = host_of(q.urls[i]), .url = q.urls[i],
                           .add = queue_add, .list = &q };
        rc = visit_page(&v, 1);
    }
    while (q.count)
        free(q.urls[--q.count]);
    free(q.urls);
    free(q.known);
    return rc;
}

/* --- the picture ------------------------------------------------------------------ */

enum { PICTURE = 720 };

/* A square for each pair of pages that were visited: row links to column. */
static int draw(const struct example *e)
{
    static const uint8_t paper[3] = { 250, 249, 245 }, ink[3] = { 176, 58, 20 };
    size_t *page = calloc(site.count, sizeof *page), n = 0;
    for (size_t i = 0; page && i < site.count; i++)
        if (site.visited[i])
            page[n++] = i;
    size_t cell = n && n < PICTURE ? PICTURE / n : 1, side = n * cell;
    uint8_t *pixels = malloc(side * side * 3 + 1);
    if (!page || !pixels) {
        free(page);
        free(pixels);
        return tutti_fail(-ENOMEM, "no memory for the picture");
    }
    for (size_t y = 0; y < side; y++)
        for (size_t x = 0; x < side; x++) {
            int linked = site.links[page[y / cell] * site.count + page[x / cell]];
            memcpy(pixels + 3 * (y * side + x), linked ? ink : paper, 3);
        }
    int rc = example_draw(e, pixels, (uint32_t)side, (uint32_t)side);
    free(page);
    free(pixels);
    return rc;
}

/* --- hosts ------------------------------------------------------------------------ */

static void host_add(const char *name, const struct server *s)
{
    struct host *h = &site.host[site.hosts++];
    h->name = name;
    h->root_size =
        (size_t)snprintf(h->root, sizeof h->root, "http://127.0.0.1:%d/", s->port);
}

static size_t host_words(const struct host *h, char *out, size_t size)
{
    int n = snprintf(out, size,
                     "%s%s: %llu pages, %llu kB, %llu links, %llu of them seen "
                     "before, %llu tried again, %llu failed",
                     h == site.host ? "" : "; ", h->name, (unsigned long long)h->pages,
                     (unsigned long long)h->bytes / 1000, (unsigned long long)h->links,
                     (unsigned long long)h->seen, (unsigned long long)h->again,
                     (unsigned long long)h->failed);
    return n > 0 && (size_t)n < size ? (size_t)n : 0;
}

int main(int argc, char **argv)
{
    struct example e;
    struct server ours, nginx;
    char what[64], answer[1024];
    size_t used = 0;
    example_open(&e, &about, argc, argv);
    web_at_once(&e, PER_HOST * HOSTS); /* before others share what there is */
    const char *directory = e.argument_count ? e.arguments[0] : DIRECTORY;
    read_names(&e, directory);
    struct slow_options slow = { directory, DELAY_MS, 1 };
    if (server_slow(&ours, &slow))
        example_refuse(&e, "%s", ours.why);
    host_add("slow", &ours);
    struct nginx_options fast = { .root = directory };
    if (!server_nginx(&nginx, &fast))
        host_add("nginx", &nginx);
    web_begin();
    example_start(&e);
    int rc = e.serial ? crawl_serial() : crawl_tasks(&e);
    example_stop(&e);
    web_end();
    server_stop(&ours);
    server_stop(&nginx);
    if (rc >= 0 && e.picture)
        rc = draw(&e);
    for (int i = 0; i < site.hosts; i++)
        used += host_words(&site.host[i], answer + used, sizeof answer - used);
    snprintf(what, sizeof what, "%d hosts", site.hosts);
    int status = example_close(&e, rc, what, "%s", answer);
    for (size_t i = 0; i < site.count; i++)
        free(site.names[i]);
    free(site.names);
    free(site.links);
    free(site.visited);
    return status;
}
