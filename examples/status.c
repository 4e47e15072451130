/* examples/status.c - asks thousands of addresses whether they are there: a link
 * checker.
 *
 *     status                    2000 addresses on loopback, of all kinds
 *     status links.txt          the addresses in that file; names those not well
 *     status links.txt 5        and waits five seconds at most for each
 *
 * One closure an address, a hundred at once; libcurl asks, as it is, and libtutti-hook
 * makes its waiting cooperative. */
#include "common/example.h"
#include "common/server.h"
#include "common/web.h"
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

static const struct example_about about = {
    .name = "status",
    .kind = "I/O",
    .summary =
        "Asks many addresses whether they are there, a hundred at once.  FILE has one\n"
        "on each line, and those that are not well are named; each may take SECONDS\n"
        "(30).  Without FILE they are made up, on loopback: files that are there and\n"
        "files that are not, some slow, some moved, ports where nobody listens, and\n"
        "where nginx is installed some over TLS.",
    .size_means = "how many addresses at most",
    .size = 2000,
    .size_least = 1,
    .size_most = 10000000,
    .arguments = "[FILE [SECONDS]]",
    .arguments_most = 2,
};

enum { AT_ONCE = 100, DELAY_MS = 2, URL_MOST = 2048 };
#define DIRECTORY "/usr/share/doc"

/* One address and what it said. */
struct address {
    char *url, *why; /* why: set when there was no answer */
    long status;     /* of HTTP; 0: no answer */
    int moved;
};

static struct {
    struct address *list;
    size_t count, room;
} all;

/* --- addresses -------------------------------------------------------------------- */

static void add(const struct example *e, const char *url)
{
    if (all.count == all.room) {
        all.room = all.room * 2 + 256;
        all.list = realloc(all.list, all.room * sizeof *all.list);
    }
    char *copy = all.list ? strdup(url) : NULL;
    if (!copy)
        example_refuse(e, "no memory for so many addresses");
    all.list[all.count++] = (struct address){ .url = copy };
}

static void read_file(const struct example *e, const char *path)
{
    char line[URL_MOST];
    FILE *f = fopen(path, "r");
    if (!f)
        example_refuse(e, "cannot read \"%s\": %s", path, strerror(errno));
    while (all.count < e->size && fgets(line, sizeof line, f)) {
        if (!strchr(line, '\n') && !feof(f))
            example_refuse(e, "\"%s\": an address of more than %d bytes", path,
                           URL_MOST - 2);
        line[strcspn(line, "\r\n")] = 0;
        if (*line && *line != '#')
            add(e, line);
    }
    int bad = ferror(f);
    fclose(f);
    if (bad || !all.count)
        example_refuse(e, bad ? "cannot read \"%s\"" : "no address in \"%s\"", path);
}

static int is_plain(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

/* The i-th: of every hundred, 4 are missing, 4 have moved twice, 2 are at a port where
 * nobody listens (1 is root's), 1 is slow, and 10 are over TLS if there is a port. */
static void make_address(char url[URL_MOST], uint64_t i, const char *name, int port,
                         int tls)
{
    int k = (int)(i % 100);
    const char *file = k % 20 == 3 ? "missing" : "copyright";
    if (k % 50 == 7)
        snprintf(url, URL_MOST, "http://127.0.0.1:1/%s", name);
    else if (k == 43)
        snprintf(url, URL_MOST, "http://127.0.0.1:%d/wait/50", port);
    else if (k % 25 == 11)
        snprintf(url, URL_MOST, "http://127.0.0.1:%d/moved/2/%s/%s", port, name, file);
    else
        snprintf(url, URL_MOST, "http%s://127.0.0.1:%d/%s/%s?%llu",
                 tls && k % 10 == 5 ? "s" : "", tls && k % 10 == 5 ? tls : port, name,
                 file, (unsigned long long)i);
}

static void make_addresses(const struct example *e, int port, int tls)
{
    struct dirent **list;
    char url[URL_MOST];
    int n = scandir(DIRECTORY, &list, is_plain, alphasort);
    if (n <= 0)
        example_lacks(e, "nothing in " DIRECTORY);
    for (uint64_t i = 0; i < e->size; i++) {
        make_address(url, i, list[i % (uint64_t)n]->d_name, port, tls);
        add(e, url);
    }
    while (n)
        free(list[--n]);
    free(list);
}

/* --- asking ----------------------------------------------------------------------- */

static int check(void *arg)
{
    struct address *a = arg;
    struct web_page p = { 0 };
    int rc = web_get(a->url, 1, &p);
    a->status = rc == 0 ? p.status : 0;
    a->moved = p.moved > 0;
    if (rc == -EIO)
        a->why = strdup(p.why);
    web_free(&p);
    return rc == -ENOMEM ? rc : 0;
}

static int check_all(struct example *e)
{
    TUTTI_SCOPE(s, e->executor, TUTTI_NEVER, 0);
    tutti_scope_limit(&s, web_at_once(e, AT_ONCE));
    int rc = 0;
    for (size_t i = 0; i < all.count && rc >= 0; i++)
        rc = tutti_go(&s, check, &all.list[i]);
    int closed = tutti_scope_close(&s);
    return rc < 0 ? rc : closed;
}

static int check_serial(void)
{
    int rc = 0;
    for (size_t i = 0; i < all.count && rc == 0; i++)
        rc = check(&all.list[i]);
    return rc;
}

/* --- what they said --------------------------------------------------------------- */

/* By the first digit of their status, and how they were reached. */
static void words(char *out, size_t size)
{
    static const char *const names[] = {
        "without an answer", "1xx", "2xx", "3xx", "4xx", "5xx"
    };
    size_t count[6] = { 0 }, used = 0, tls = 0, moved = 0;
    for (size_t i = 0; i < all.count; i++) {
        const struct address *a = &all.list[i];
        count[a->status / 100 < 6 ? a->status / 100 : 0]++;
        tls += a->status && !strncmp(a->url, "https:", 6);
        moved += a->status && a->moved;
    }
    for (int k = 0; k < 6; k++)
        if (count[k] && used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%zu %s",
                                     used ? ", " : "", count[k], names[k]);
    if (moved && used < size)
        used += (size_t)snprintf(out + used, size - used, "; %zu had moved", moved);
    if (tls && used < size)
        snprintf(out + used, size - used, "; %zu over TLS", tls);
}

/* A terminal must not be told anything by a list of addresses. */
static void make_plain(char *url)
{
    for (unsigned char *c = (unsigned char *)url; *c; c++)
        if (*c < ' ' || *c > '~')
            *c = '?';
}

static void name_the_bad(void)
{
    for (size_t i = 0; i < all.count; i++) {
        const struct address *a = &all.list[i];
        make_plain(a->url);
        if (!a->status)
            printf("---  %s  %s\n", a->url, a->why ? a->why : "no answer");
        else if (a->status >= 400)
            printf("%ld  %s\n", a->status, a->url);
    }
}

static void forget_all(void)
{
    while (all.count) {
        free(all.list[--all.count].url);
        free(all.list[all.count].why);
    }
    free(all.list);
}

int main(int argc, char **argv)
{
    struct example e;
    struct server ours = { 0 }, nginx = { 0 };
    struct slow_options slow = { DIRECTORY, DELAY_MS, 0 };
    struct nginx_options tls = { .root = DIRECTORY, .tls = 1 };
    char what[64], answer[256] = "", trusted[PATH_MAX];
    example_open(&e, &about, argc, argv);
    web_at_once(&e, AT_ONCE); /* before others share what there is */
    if (e.argument_count > 1)
        web_patience((long)example_number(&e, "SECONDS", e.arguments[1], 1, 86400));
    if (e.argument_count) {
        read_file(&e, e.arguments[0]);
    } else {
        if (server_slow(&ours, &slow))
            example_lacks(&e, "%s", ours.why);
        int there = server_nginx(&nginx, &tls) == 0;
        snprintf(trusted, sizeof trusted, "%s/cert.pem", nginx.folder.path);
        if (there)
            web_trust(trusted);
        make_addresses(&e, ours.port, there ? nginx.port : 0);
    }
    web_begin();
    example_start(&e);
    int rc = e.serial ? check_serial() : check_all(&e);
    example_stop(&e);
    web_end();
    server_stop(&nginx);
    server_stop(&ours);
    if (e.argument_count && !e.json && rc >= 0)
        name_the_bad();
    words(answer, sizeof answer);
    snprintf(what, sizeof what, "%zu addresses", all.count);
    int status = example_close(&e, rc, what, "%s", answer);
    forget_all();
    return status;
}
