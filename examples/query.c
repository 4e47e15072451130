/* examples/query.c - many questions to a PostgreSQL server that is far away: each takes
 * a while, most of it on the way.
 *
 * The server is started for the program, on loopback; the way is played by pg_sleep.
 * libpq asks, as it is; libtutti-hook makes its waiting cooperative.  A few connections
 * serve many tasks: they wait in a channel for whoever comes next. */
#include "common/example.h"
#include "common/server.h"
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

static const struct example_about about = {
    .name = "query",
    .kind = "I/O",
    .summary =
        "Asks a PostgreSQL server for sums over groups of a table, one question a\n"
        "group, each 20 ms away, over 25 connections.  The server is Debian's,\n"
        "started for this run in a folder of its own.",
    .size_means = "questions",
    .size = 150,
    .size_least = 1,
    .size_most = 1000000,
};

enum { CONNECTIONS = 25, ROWS = 20000 };

/* What is known of one group. */
struct group {
    long number;
    long long count, sum;
};

static struct server server;

static PGconn *open_connection(void)
{
    char dsn[128];
    snprintf(dsn, sizeof dsn, "host=127.0.0.1 port=%d dbname=postgres user=postgres",
             server.port);
    PGconn *c = PQconnectdb(dsn);
    if (PQstatus(c) == CONNECTION_OK)
        return c;
    tutti_fail(-EIO, "%s", PQerrorMessage(c));
    PQfinish(c);
    return NULL;
}

static int ask(PGconn *c, struct group *g)
{
    char number[24];
    const char *values[] = { number };
    snprintf(number, sizeof number, "%ld", g->number);
    PGresult *r = PQexecParams(c,
                               "select count(*), coalesce(sum(value), 0), "
                               "pg_sleep(0.02) "
                               "from item where grp = $1",
                               1, NULL, values, NULL, NULL, 0);
    int good = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) == 1;
    if (good) {
        g->count = atoll(PQgetvalue(r, 0, 0));
        g->sum = atoll(PQgetvalue(r, 0, 1));
    }
    PQclear(r);
    return good ? 0 : tutti_fail(-EIO, "%s", PQerrorMessage(c));
}

/* The table: the same on every machine. */
static int fill(long groups)
{
    char text[400];
    PGconn *c = open_connection();
    if (!c)
        return -EIO;
    snprintf(text, sizeof text,
             "create unlogged table item as select i %% %ld as grp, "
             "(i::bigint * 7919) %% 10007 as value from generate_series(1, %d) i; "
             "create index on item(grp)",
             groups, ROWS);
    PGresult *r = PQexec(c, text);
    int rc = PQresultStatus(r) == PGRES_COMMAND_OK
                 ? 0
                 : tutti_fail(-EIO, "%s", PQerrorMessage(c));
    PQclear(r);
    PQfinish(c);
    return rc;
}

/* --- with tasks ------------------------------------------------------------------ */

static tutti_chan *idle; /* of PGconn *: connections that nobody uses now */

static int connect_one(void *unused)
{
    (void)unused;
    PGconn *c = open_connection();
    return c ? tutti_chan_send(idle, &c) : -EIO;
}

static int ask_one(void *arg)
{
    PGconn *c;
    int rc = tutti_chan_recv(idle, &c);
    if (rc <= 0)
        return rc;
    rc = ask(c, arg);
    int back = tutti_chan_send(idle, &c); /* there is room for all of them */
    if (back < 0)
        PQfinish(c);
    return rc < 0 ? rc : back;
}

static void drop_connection(void *item)
{
    PQfinish(*(PGconn **)item);
}

static int ask_tasks(struct example *e, struct group *g)
{
    TUTTI_SCOPE(s, e->executor, TUTTI_NEVER, 0);
    int rc = tutti_chan_open(&idle, &s, sizeof(PGconn *), CONNECTIONS, drop_connection);
    for (int i = 0; rc >= 0 && i < CONNECTIONS; i++)
        rc = tutti_go(&s, connect_one, NULL);
    for (uint64_t i = 0; rc >= 0 && i < e->size; i++)
        rc = tutti_go(&s, ask_one, &g[i]);
    int closed = tutti_scope_close(&s);
    return rc < 0 ? rc : closed;
}

/* --- without ---------------------------------------------------------------------- */

static int ask_serial(struct example *e, struct group *g)
{
    PGconn *c = open_connection();
    int rc = c ? 0 : -EIO;
    for (uint64_t i = 0; rc == 0 && i < e->size; i++)
        rc = ask(c, &g[i]);
    PQfinish(c);
    return rc;
}

int main(int argc, char **argv)
{
    struct example e;
    char what[64];
    example_open(&e, &about, argc, argv);
    struct group *g = calloc(e.size, sizeof *g);
    if (!g || server_postgres(&server, CONNECTIONS + 5)) {
        char why[sizeof server.why];
        strcpy(why, g ? server.why : "no memory");
        server_stop(&server);
        free(g);
        example_lacks(&e, "%s", why);
    }
    for (uint64_t i = 0; i < e.size; i++)
        g[i].number = (long)i;
    int rc = fill((long)e.size);
    if (rc >= 0) {
        example_start(&e);
        rc = e.serial ? ask_serial(&e, g) : ask_tasks(&e, g);
        example_stop(&e);
    }
    server_stop(&server);
    long long count = 0, sum = 0;
    for (uint64_t i = 0; i < e.size; i++) {
        count += g[i].count;
        sum += g[i].sum;
    }
    snprintf(what, sizeof what, "%llu questions", (unsigned long long)e.size);
    free(g);
    return example_close(&e, rc, what, "%lld rows, sum %lld", count, sum);
}
