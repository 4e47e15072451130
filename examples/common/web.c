/* examples/common/web.c - see web.h.  A handle of libcurl's keeps its connection open,
 * so they are used again, by whichever task comes next.  Tests:
 * tests/examples_io_test.sh. */
#include "web.h"
#include "example.h"
#include <curl/curl.h>
#include <errno.h>
#include <libxml/HTMLparser.h>
#include <libxml/uri.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <tutti/sync.h>

enum { PAGE_MOST = 64 << 20, MOVED_MOST = 10 };
/* Descriptors: what libcurl keeps open with a handle, and what there is beside. */
enum { A_TRANSFER = 8, OTHERS = 24 };

/* Handles that nobody uses now.  Holds: under mutex. */
struct spare {
    struct spare *next;
    CURL *curl;
};
static tutti_mutex mutex;
static struct spare *spares;
static const char *trusted; /* NULL: what the system trusts */
static long patience = 30;

void web_trust(const char *file)
{
    trusted = file;
}

void web_patience(long seconds)
{
    patience = seconds;
}

unsigned web_at_once(const struct example *e, unsigned most)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) || files.rlim_max == RLIM_INFINITY)
        return most;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (files.rlim_max < OTHERS + A_TRANSFER)
        example_refuse(e, "only %llu descriptors may be open at once, and one transfer takes "
                       "%d: see ulimit -n", (unsigned long long)files.rlim_max,
                       OTHERS + A_TRANSFER);
    rlim_t fit = (files.rlim_max - OTHERS) / A_TRANSFER;
    return fit < most ? (unsigned)fit : most;
}

void web_begin(void)
{
    curl_global_init(CURL_GLOBAL_ALL);
    xmlInitParser();
}

void web_end(void)
{
    while (spares) {
        struct spare *s = spares;
        spares = s->next;
        curl_easy_cleanup(s->curl);
        free(s);
    }
    /* libxml2 keeps something for each thread that ends with it: no xmlCleanupParser
     * here. */
    curl_global_cleanup();
}

static struct spare *handle_take(void)
{
    tutti_mutex_lock(&mutex);
    struct spare *s = spares;
    if (s)
        spares = s->next;
    tutti_mutex_unlock(&mutex);
    if (s)
        return s;
    s = calloc(1, sizeof *s);
    if (s && !(s->curl = curl_easy_init())) {
        free(s);
        s = NULL;
    }
    return s;
}

static void handle_back(struct spare *s)
{
    curl_easy_reset(s->curl); /* its connections stay */
    tutti_mutex_lock(&mutex);
    s->next = spares;
    spares = s;
    tutti_mutex_unlock(&mutex);
}

static void handle_prepare(CURL *curl)
{
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MOVED_MOST);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, patience);
    if (trusted)
        curl_easy_setopt(curl, CURLOPT_CAINFO, trusted);
}

/* --- getting -------------------------------------------------------------------- */

static size_t page_append(char *from, size_t size, size_t n, void *arg)
{
    struct web_page *p = arg;
    size_t more = size * n;
    if (p->size + more > p->room) {
        size_t room =
            p->room * 2 > p->size + more ? p->room * 2 : p->size + more + 4096;
        char *data = room <= PAGE_MOST ? realloc(p->data, room) : NULL;
        if (!data)
            return 0;
        p->data = data;
        p->room = room;
    }
    memcpy(p->data + p->size, from, more);
    p->size += more;
    return more;
}

int web_get(const char *url, int head, struct web_page *p)
{
    struct spare *s = handle_take();
    char words[CURL_ERROR_SIZE] = "", *type = NULL;
    p->size = 0;
    p->status = p->moved = p->is_html = 0;
    p->why[0] = 0;
    if (!s)
        return -ENOMEM;
    handle_prepare(s->curl);
    curl_easy_setopt(s->curl, CURLOPT_URL, url);
    curl_easy_setopt(s->curl, CURLOPT_NOBODY, (long)head);
    curl_easy_setopt(s->curl, CURLOPT_WRITEFUNCTION, page_append);
    curl_easy_setopt(s->curl, CURLOPT_WRITEDATA, p);
    curl_easy_setopt(s->curl, CURLOPT_ERRORBUFFER, words);
    CURLcode rc = curl_easy_perform(s->curl);
    if (rc == CURLE_OK) {
        curl_easy_getinfo(s->curl, CURLINFO_RESPONSE_CODE, &p->status);
        curl_easy_getinfo(s->curl, CURLINFO_REDIRECT_COUNT, &p->moved);
        curl_easy_getinfo(s->curl, CURLINFO_CONTENT_TYPE, &type);
        p->is_html = type && !strncmp(type, "text/html", 9);
    } else {
        snprintf(p->why, sizeof p->why, "%s", *words ? words : curl_easy_strerror(rc));
    }
    handle_back(s);
    return rc == CURLE_OK ? 0 : rc == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EIO;
}

void web_free(struct web_page *p)
{
    free(p->data);
    *p = (struct web_page){ 0 };
}

/* --- links ------------------------------------------------------------------------ */

struct links {
    const char *base;
    int (*each)(void *ctx, const char *url);
    void *ctx;
    int code;
};

static void link_found(struct links *l, const xmlChar *href)
{
    xmlChar *url = xmlBuildURI(href, (const xmlChar *)l->base);
    if (!url)
        return; /* no address at all */
    char *fragment = strchr((char *)url, '#');
    if (fragment)
        *fragment = 0;
    int rc = l->each(l->ctx, (char *)url);
    if (rc < 0)
        l->code = rc;
    xmlFree(url);
}

static void on_element(void *ctx, const xmlChar *name, const xmlChar **attributes)
{
    struct links *l = ctx;
    if (strcmp((const char *)name, "a") || l->code < 0)
        return;
    for (; attributes && attributes[0]; attributes += 2)
        if (!strcmp((const char *)attributes[0], "href") && attributes[1])
            link_found(l, attributes[1]);
}

/* Elements are looked at as they come; no tree is built. */
int web_links(const struct web_page *p, const char *url,
              int (*each)(void *ctx, const char *url), void *ctx)
{
    struct links l = { url, each, ctx, 0 };
    htmlSAXHandler sax;
    memset(&sax, 0, sizeof sax);
    sax.startElement = on_element;
    htmlParserCtxtPtr parser = htmlCreatePushParserCtxt(&sax, &l, NULL, 0, url,
                                                        XML_CHAR_ENCODING_UTF8);
    if (!parser)
        return -ENOMEM;
    htmlParseChunk(parser, p->data ? p->data : "", (int)p->size, 1);
    htmlFreeParserCtxt(parser);
    return l.code;
}
