/* bench/hook_calls.c - calls through libpq, libcurl and hiredis, as any program writes them.
 * See hook_calls.h. */
#include "hook_calls.h"
#include "common/server.h"
#include <curl/curl.h>
#include <hiredis/hiredis.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>

enum { PG_CALLS = 60, CALLS = 100 };

static struct server server, behind;
static char why[256];

const char *hook_calls_why(void)
{
    return why;
}

static int fail(const char *words)
{
    snprintf(why, sizeof why, "%s", words);
    return -1;
}

static int begun(int rc, const struct server *s)
{
    return rc ? fail(s->why) : 0;
}

static void end(void)
{
    server_stop(&server);
    server_stop(&behind);
}

/* --- libpq ------------------------------------------------------------------------- */

static PGconn *pg_open(void)
{
    char dsn[128];
    snprintf(dsn, sizeof dsn, "host=127.0.0.1 port=%d dbname=postgres user=postgres",
             server.port);
    return PQconnectdb(dsn);
}

static int pg_done(PGconn *c, PGresult *r)
{
    ExecStatusType got = PQresultStatus(r);
    PQclear(r);
    return got == PGRES_TUPLES_OK || got == PGRES_COMMAND_OK ? 0 : fail(PQerrorMessage(c));
}

/* A session of one or two commands. */
static int pg_do(const char *first, const char *second)
{
    PGconn *c = pg_open();
    int rc = PQstatus(c) == CONNECTION_OK ? 0 : fail(PQerrorMessage(c));
    if (!rc)
        rc = pg_done(c, PQexec(c, first));
    if (!rc && second)
        rc = pg_done(c, PQexec(c, second));
    PQfinish(c);
    return rc;
}

static int pg_begin(void)
{
    int rc = begun(server_postgres(&server, PG_CALLS), &server);
    return rc ? rc : pg_do("create table met(n int)", NULL);
}

static int pg_call(void *arg)
{
    (void)arg;
    return pg_do("select pg_sleep(0.5)", NULL);
}

/* Each session is one more that has begun; it ends when all have. */
static int pg_meet(void *arg)
{
    char text[200];
    (void)arg;
    snprintf(text, sizeof text,
             "do $$ begin while (select count(*) from met) < %d loop commit; "
             "perform pg_sleep(0.01); end loop; end $$",
             PG_CALLS);
    return pg_do("insert into met values (1)", text);
}

/* --- libcurl ------------------------------------------------------------------------- */

static size_t swallow(char *from, size_t size, size_t n, void *unused)
{
    (void)from;
    (void)unused;
    return size * n;
}

static int curl_get(const char *scheme, const char *path, const char *authority)
{
    char url[128], words[CURL_ERROR_SIZE] = "";
    long status = 0;
    CURL *c = curl_easy_init();
    snprintf(url, sizeof url, "%s://127.0.0.1:%d%s", scheme, server.port, path);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, swallow);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, words);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    if (authority) {
        curl_easy_setopt(c, CURLOPT_CAINFO, authority);
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L);
        curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L);
    }
    CURLcode rc = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(c);
    if (rc)
        return fail(*words ? words : curl_easy_strerror(rc));
    return status == 200 ? 0 : fail("the answer was not 200");
}

static int curl_begin(void)
{
    static const struct slow_options options = { NULL, 0, 0 };
    curl_global_init(CURL_GLOBAL_ALL);
    return begun(server_slow(&server, &options), &server);
}

static int curl_call(void *arg)
{
    (void)arg;
    return curl_get("http", "/wait/500", NULL);
}

static int curl_meet(void *arg)
{
    (void)arg;
    return curl_get("http", "/meet/100", NULL);
}

static char authority[128];

static int https_begin(void)
{
    static const struct slow_options options = { NULL, 0, 0 };
    curl_global_init(CURL_GLOBAL_ALL);
    if (begun(server_slow(&behind, &options), &behind))
        return -1;
    struct nginx_options o = { NULL, 1, behind.port };
    int rc = begun(server_nginx(&server, &o), &server);
    snprintf(authority, sizeof authority, "%s/cert.pem", server.folder.path);
    return rc;
}

static int https_call(void *arg)
{
    (void)arg;
    return curl_get("https", "/wait/500", authority);
}

static int https_meet(void *arg)
{
    (void)arg;
    return curl_get("https", "/meet/100", authority);
}

/* --- hiredis ---------------------------------------------------------------------------- */

static int redis_begin(void)
{
    return begun(server_redis(&server), &server);
}

static redisContext *redis_open(void)
{
    redisContext *c = redisConnect("127.0.0.1", server.port);
    if (c && c->err) {
        fail(c->errstr);
        redisFree(c);
        c = NULL;
    }
    return c;
}

/* A command whose answer is of that type. */
static int redis_do(redisContext *c, int type, const char *command, int number)
{
    redisReply *r = redisCommand(c, command, number);
    int rc = r && r->type == type ? 0
             : fail(r && r->type == REDIS_REPLY_ERROR ? r->str : c->errstr);
    if (r)
        freeReplyObject(r);
    return rc;
}

static int redis_call(void *arg)
{
    redisContext *c = redis_open();
    if (!c)
        return -1;
    int rc = redis_do(c, REDIS_REPLY_NIL, "BLPOP nobody%d 0.5", *(int *)arg);
    redisFree(c);
    return rc;
}

/* The last to come gives each of the others what it waits for. */
static int redis_meet(void *arg)
{
    redisContext *c = redis_open();
    int number = *(int *)arg, rc = 0;
    if (!c)
        return -1;
    if (number < CALLS - 1)
        rc = redis_do(c, REDIS_REPLY_ARRAY, "BLPOP key%d 0", number);
    for (int i = 0; number == CALLS - 1 && i < CALLS - 1 && !rc; i++)
        rc = redis_do(c, REDIS_REPLY_INTEGER, "RPUSH key%d x", i);
    redisFree(c);
    return rc;
}

static const struct hook_calls all[] = {
    { "hook-libpq", PG_CALLS, pg_begin, pg_call, pg_meet, end },
    { "hook-curl", CALLS, curl_begin, curl_call, curl_meet, end },
    { "hook-https", CALLS, https_begin, https_call, https_meet, end },
    { "hook-hiredis", CALLS, redis_begin, redis_call, redis_meet, end },
};

const struct hook_calls *hook_calls_find(const char *name)
{
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!strcmp(all[i].name, name))
            return &all[i];
    return NULL;
}
