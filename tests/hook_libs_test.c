/* tests/hook_libs_test.c - libtutti-hook under libraries that know nothing of it, with real
 * servers: all calls of a case wait at once, on one thread, or none would ever end.  And
 * the locks that they hold meanwhile. */
#include "hook_common.h"
#include "common/server.h"
#include "hook_calls.h"
#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>

static const struct hook_calls *calls;

static int meet_once(void *arg)
{
    int rc = calls->meet(arg);
    if (rc < 0)
        printf("# %s\n", hook_calls_why());
    return rc;
}

static int meet_all(void *unused)
{
    int numbers[200];
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < calls->count; i++) {
        numbers[i] = i;
        tutti_go(&s, meet_once, &numbers[i]);
    }
    return tutti_scope_close(&s);
}

static void meet(const char *name)
{
    calls = hook_calls_find(name);
    int rc = calls->begin();
    if (rc && strstr(hook_calls_why(), "not installed")) {
        calls->end();
        check_skip(hook_calls_why());
    }
    if (rc)
        printf("# %s\n", hook_calls_why());
    fflush(stdout);
    CHECK_INT(rc, 0);
    rc = tutti_run("loop://", meet_all, NULL);
    calls->end();
    CHECK_INT(rc, 0);
}

TEST(sessions_of_libpq_wait_side_by_side)
{
    meet("hook-libpq");
}

TEST(transfers_of_libcurl_wait_side_by_side)
{
    meet("hook-curl");
}

TEST(transfers_over_https_wait_side_by_side)
{
    meet("hook-https");
}

TEST(commands_of_hiredis_wait_side_by_side)
{
    meet("hook-hiredis");
}

/* --- one share of libcurl's, locked as its manual says -------------------------------- */

static pthread_mutex_t share_locks[CURL_LOCK_DATA_LAST];
static struct server slow, secure;
static CURLSH *share;

static void share_lock(CURL *c, curl_lock_data what, curl_lock_access how, void *unused)
{
    (void)c;
    (void)how;
    (void)unused;
    pthread_mutex_lock(&share_locks[what]);
}

static void share_unlock(CURL *c, curl_lock_data what, void *unused)
{
    (void)c;
    (void)unused;
    pthread_mutex_unlock(&share_locks[what]);
}

static size_t swallow(char *from, size_t size, size_t n, void *unused)
{
    (void)from;
    (void)unused;
    return size * n;
}

static int get_shared(void *arg)
{
    char url[100], authority[128];
    snprintf(authority, sizeof authority, "%s/cert.pem", secure.folder.path);
    snprintf(url, sizeof url, "https://127.0.0.1:%d/wait/%d", secure.port, *(int *)arg % 20);
    for (int i = 0; i < 3; i++) {
        CURL *c = curl_easy_init();
        curl_easy_setopt(c, CURLOPT_URL, url);
        curl_easy_setopt(c, CURLOPT_SHARE, share);
        curl_easy_setopt(c, CURLOPT_CAINFO, authority);
        curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, swallow);
        curl_easy_setopt(c, CURLOPT_COOKIEFILE, "");
        CHECK_INT(curl_easy_perform(c), CURLE_OK);
        curl_easy_cleanup(c);
    }
    return 0;
}

enum { SHARERS = 40 };

static int share_all(void *unused)
{
    int numbers[SHARERS];
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < SHARERS; i++) {
        numbers[i] = i;
        tutti_go(&s, get_shared, &numbers[i]);
    }
    return tutti_scope_close(&s);
}

static void secure_begin(void)
{
    static const struct slow_options options = { NULL, 0, 0 };
    CHECK_INT(server_slow(&slow, &options), 0);
    struct nginx_options o = { NULL, 1, slow.port };
    if (server_nginx(&secure, &o)) {
        char why[sizeof secure.why];
        strcpy(why, secure.why);
        server_stop(&secure);
        server_stop(&slow);
        check_skip(why);
    }
}

static void secure_end(void)
{
    server_stop(&secure);
    server_stop(&slow);
}

TEST(transfers_share_what_libcurl_can_share)
{
    static const curl_lock_data kinds[] = { CURL_LOCK_DATA_COOKIE, CURL_LOCK_DATA_DNS,
                                            CURL_LOCK_DATA_SSL_SESSION };
    secure_begin();
    curl_global_init(CURL_GLOBAL_ALL);
    for (int i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_init(&share_locks[i], NULL);
    share = curl_share_init();
    curl_share_setopt(share, CURLSHOPT_LOCKFUNC, share_lock);
    curl_share_setopt(share, CURLSHOPT_UNLOCKFUNC, share_unlock);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        CHECK_INT(curl_share_setopt(share, CURLSHOPT_SHARE, kinds[i]), CURLSHE_OK);
    int rc = tutti_run("loop://", share_all, NULL);
    curl_share_cleanup(share);
    secure_end();
    CHECK_INT(rc, 0);
}

/* --- OpenSSL on descriptors that block -------------------------------------------------- */

static SSL_CTX *context;

static int tls_get(void *arg)
{
    char text[200], got[400] = "";
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)secure.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0), used = 0, n;
    CHECK_INT(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    SSL *ssl = SSL_new(context);
    SSL_set_fd(ssl, fd);
    CHECK_INT(SSL_connect(ssl), 1);
    CHECK_INT(SSL_get_verify_result(ssl), X509_V_OK);
    n = snprintf(text, sizeof text, "GET /wait/%d HTTP/1.0\r\n\r\n", *(int *)arg % 30);
    CHECK_INT(SSL_write(ssl, text, n), n);
    while ((n = SSL_read(ssl, got + used, (int)sizeof got - 1 - used)) > 0)
        used += n;
    CHECK_HAS(got, "waited");
    SSL_shutdown(ssl);
    SSL_free(ssl);
    close(fd);
    return 0;
}

static int tls_all(void *unused)
{
    int numbers[SHARERS];
    (void)unused;
    TUTTI_SCOPE(s, NULL, TUTTI_NEVER, 0);
    for (int i = 0; i < SHARERS; i++) {
        numbers[i] = i;
        tutti_go(&s, tls_get, &numbers[i]);
    }
    return tutti_scope_close(&s);
}

TEST(openssl_on_blocking_sockets_waits_side_by_side)
{
    char authority[128];
    secure_begin();
    signal(SIGPIPE, SIG_IGN);
    snprintf(authority, sizeof authority, "%s/cert.pem", secure.folder.path);
    context = SSL_CTX_new(TLS_client_method());
    CHECK_INT(SSL_CTX_load_verify_locations(context, authority, NULL), 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    int rc = tutti_run("loop://", tls_all, NULL);
    SSL_CTX_free(context);
    secure_end();
    CHECK_INT(rc, 0);
}
TEST_MAIN
