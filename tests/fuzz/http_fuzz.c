/* Requests in pieces, for examples/httpd: whatever comes, the answers are whole responses with
 * statuses that it knows, and the last one says so when it hangs up. */
#include "../../examples/common/site.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct wire {
    const uint8_t *at;
    size_t left;
    char out[1 << 16];
    size_t size;
};

static int wire_read(void *ctx, void *buf, size_t n)
{
    struct wire *w = ctx;
    size_t piece = w->left ? 1 + w->at[0] % 61 : 0;
    piece = piece < w->left ? piece : w->left;
    piece = piece < n ? piece : n;
    memcpy(buf, w->at, piece);
    w->at += piece;
    w->left -= piece;
    return (int)piece;
}
static int wire_write(void *ctx, const void *data, size_t n)
{
    struct wire *w = ctx;
    if (n > sizeof w->out - 1 - w->size)
        return -EPIPE;
    memcpy(w->out + w->size, data, n);
    w->size += n;
    return 0;
}
static int wire_end(void *ctx)
{
    (void)ctx;
    return 0;
}

/* --- what it serves --------------------------------------------------------------- */

static char root[] = "/tmp/tutti-http-fuzz-XXXXXX", path[80];
static pid_t maker;

static void remove_site(void)
{
    if (getpid() != maker)
        return;
    unlink(path);
    rmdir(root);
}

static void make_site(void)
{
    if (maker)
        return;
    assert(mkdtemp(root));
    maker = getpid();
    atexit(remove_site);
    snprintf(path, sizeof path, "%s/a", root);
    FILE *f = fopen(path, "w");
    assert(f && fputs("alpha", f) >= 0 && fclose(f) == 0);
    assert(site_open(root) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const tutti_stream_ops ops = { sizeof ops, wire_read, wire_write, NULL, NULL,
                                          wire_end };
    static struct wire w;
    make_site();
    w.at = data;
    w.left = size;
    w.size = 0;
    tutti_stream s;
    tutti_stream_open_over(&s, &ops, &w);
    httpd_talk(&s);
    tutti_stream_close(&s);
    w.out[w.size] = 0;
    for (char *at = w.out; (at = strstr(at, "HTTP/1.1 ")); at += 9)
        assert(strspn(at + 9, "0123456789") == 3);
    return 0;
}
