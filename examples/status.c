/* examples/status.c - asks thousands of addresses whether they are there: a link checker.
 *
 * Without an argument the addresses are files of a folder, served on loopback by a small
 * server of ours that takes its time, some that it does not have, and some where nobody
 * listens.  One closure an address, so many at once; libcurl asks, as it is, and
 * libtutti-hook makes its waiting cooperative. */
#include "common/example.h"
#include "common/server.h"
#include "common/web.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static const struct example_about about = {
    .name = "status",
    .kind = "I/O",
    .summary = "Asks many addresses whether they are there.  FILE has one on each line;\n"
               "without it they are files of /usr/share/doc, served on loopback by a slow\n"
               "server, with some that are missing and some where nobody listens.",
    .size_means = "how many addresses at most",
    .size = 150,
    .size_least = 1,
    .size_most = 10000000,
    .arguments = "[FILE]",
    .arguments_most = 1,
};

enum { AT_ONCE = 100, DELAY_MS = 20, URL_MOST = 2048 };
#define DIRECTORY "/usr/share/doc"

/* One address and what it said. */
struct address {
    char *url;
    long status; /* of HTTP; 0: no answer */
};

static struct {
    struct address *list;
    size_t count, room;
} all;

static void add(const struct example *e, const char *url)
{
    if (all.count == all.room) {
        all.room = all.room * 2 + 256;
        all.list = realloc(all.list, all.room * sizeof *all.list);
    }
    char *copy = all.list ? strdup(url) : NULL;
    if (!copy)
        example_refuse(e, "no memory for so many addresses");
    all.list[all.count++] = (struct address){ copy, 0 };
}

static void read_file(const struct example *e, const char *path)
{
    char line[URL_MOST];
    FILE *f = fopen(path, "r");
    if (!f)
        example_refuse(e, "cannot read \"%s\": %s", path, strerror(errno));
    while (all.count < e->size && fgets(line, sizeof line, f)) {
        line[strcspn(line, "\r\n")] = 0;
        if (*line)
            add(e, line);
    }
    fclose(f);
    if (!all.count)
        example_refuse(e, "no address in \"%s\"", path);
}

static int is_plain(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

/* Every twentieth is missing, every fiftieth at a port where nobody listens: 1 is root's. */
static void make_addresses(const struct example *e, int port)
{
    struct dirent **list;
    int n = scandir(DIRECTORY, &list, is_plain, alphasort);
    if (n <= 0)
        example_refuse(e, "nothing in " DIRECTORY);
    for (uint64_t i = 0; i < e->size; i++) {
        char url[URL_MOST];
        snprintf(url, sizeof url, "http://127.0.0.1:%d/%s/%s?%llu", i % 50 == 7 ? 1 : port,
                 list[i % (uint64_t)n]->d_name, i % 20 == 3 ? "missing" : "copyright",
                 (unsigned long long)i);
        add(e, url);
    }
    while (n)
        free(list[--n]);
    free(list);
}

static int check(void *arg)
{
    struct address *a = arg;
    struct web_page p = { 0 };
    int rc = web_get(a->url, 1, &p);
    a->status = rc == 0 ? p.status : 0;
    web_free(&p);
    return rc == -ENOMEM ? rc : 0;
}

static int check_all(struct example *e)
{
    TUTTI_SCOPE(s, e->executor, TUTTI_NEVER, 0);
    tutti_scope_limit(&s, AT_ONCE);
    for (size_t i = 0; i < all.count; i++)
        tutti_go(&s, check, &all.list[i]);
    return tutti_scope_close(&s);
}

static int check_serial(void)
{
    int rc = 0;
    for (size_t i = 0; i < all.count && rc == 0; i++)
        rc = check(&all.list[i]);
    return rc;
}

/* By the first digit of their status. */
static void words(char *out, size_t size)
{
    static const char *const names[] = { "without an answer", "1xx", "2xx", "3xx", "4xx",
                                         "5xx" };
    size_t count[6] = { 0 }, used = 0;
    for (size_t i = 0; i < all.count; i++)
        count[all.list[i].status / 100 < 6 ? all.list[i].status / 100 : 0]++;
    for (int k = 0; k < 6; k++)
        if (count[k] && used < size)
            used += (size_t)snprintf(out + used, size - used, "%s%zu %s",
                                     used ? ", " : "", count[k], names[k]);
}

int main(int argc, char **argv)
{
    struct example e;
    struct server ours;
    struct slow_options slow = { DIRECTORY, DELAY_MS, 0 };
    char what[64], answer[256] = "";
    memset(&ours, 0, sizeof ours);
    example_open(&e, &about, argc, argv);
    if (e.argument_count)
        read_file(&e, e.arguments[0]);
    else if (server_slow(&ours, &slow))
        example_refuse(&e, "%s", ours.why);
    else
        make_addresses(&e, ours.port);
    web_begin();
    example_start(&e);
    int rc = e.serial ? check_serial() : check_all(&e);
    example_stop(&e);
    web_end();
    server_stop(&ours);
    words(answer, sizeof answer);
    snprintf(what, sizeof what, "%zu addresses", all.count);
    int status = example_close(&e, rc, what, "%s", answer);
    while (all.count)
        free(all.list[--all.count].url);
    free(all.list);
    return status;
}
