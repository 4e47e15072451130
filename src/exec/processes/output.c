/* exec/processes/output.c - what workers print comes out in whole lines, of one worker at a
 * time, tagged with its number on request.  By the keeper alone, without latch: whoever reads
 * our output may be slow.  Tests: tests/processes_test.c. */
#include "base/memory.h"
#include "exec/processes/procs.h"
#include <poll.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

enum { LINE = 16384 };

/* Holds: used <= LINE; text[0..used) has no end of line but perhaps a last one. */
struct line {
    size_t used;
    char text[LINE];
};

/* All of it, or as much as can be had. */
static void write_all(int fd, struct iovec *v, int n)
{
    while (n) {
        ssize_t done = writev(fd, v, n);
        if (done < 0 && errno == EAGAIN) { /* somebody has made it non-blocking */
            struct pollfd ready = { fd, POLLOUT, 0 };
            poll(&ready, 1, -1);
            continue;
        }
        if (done < 0 && errno != EINTR)
            return;
        for (; n && done >= 0 && (size_t)done >= v->iov_len; v++, n--)
            done -= (ssize_t)v->iov_len;
        if (n && done > 0) {
            v->iov_base = (char *)v->iov_base + done;
            v->iov_len -= (size_t)done;
        }
    }
}

static void line_write(const struct procs *p, unsigned i, int which, const char *text,
                       size_t size)
{
    char tag[40];
    bool whole = size && text[size - 1] == '\n';
    int n = p->url->output == URL_TAGGED ? snprintf(tag, sizeof tag, "[worker %u] ", i) : 0;
    struct iovec v[3] = { { tag, (size_t)n },
                          { (char *)(uintptr_t)text, size },
                          { (char *)(uintptr_t)"\n", whole ? 0 : 1 } };
    write_all(which ? STDERR_FILENO : STDOUT_FILENO, v, 3);
}

static void line_flush(const struct procs *p, unsigned i, int which, struct line *l)
{
    if (l->used)
        line_write(p, i, which, l->text, l->used);
    l->used = 0;
}

static void line_add(const struct procs *p, unsigned i, int which, struct line *l,
                     const char *text, size_t size)
{
    while (size) {
        const char *end = memchr(text, '\n', size);
        size_t n = end ? (size_t)(end - text) + 1 : size;
        n = n < LINE - l->used ? n : LINE - l->used;
        memcpy(l->text + l->used, text, n);
        l->used += n;
        text += n;
        size -= n;
        if (l->text[l->used - 1] == '\n' || l->used == LINE)
            line_flush(p, i, which, l);
    }
}

void lane_output(struct procs *p, unsigned i, int which, bool last)
{
    struct lane *l = &p->lane[i];
    char text[LINE];
    ssize_t n;
    if (l->output[which] < 0)
        return;
    if (!l->line[which] && !(l->line[which] = memory_zalloc(sizeof(struct line))))
        return; /* looked at again, as long as there is something */
    while ((n = read(l->output[which], text, sizeof text)) > 0)
        line_add(p, i, which, l->line[which], text, (size_t)n);
    if (n == 0 || last)
        line_flush(p, i, which, l->line[which]);
    if (n == 0) { /* a task has closed it: no more will come, and epoll would not rest */
        close(l->output[which]);
        l->output[which] = -1;
    }
}
