/* net/stream.h - what the files of a stream share.  stream.c opens and closes, stream_read.c
 * and stream_write.c have a direction each, and touch nothing of the other's, so that two
 * tasks on two workers may use one stream. */
#ifndef NET_STREAM_H
#define NET_STREAM_H
#include "io/block.h"
#include "net/net.h"
#include <tutti/stream.h>

enum { STREAM_OPEN = 0x57ea40 };
enum { STREAM_LIMIT = 64 << 10, STREAM_OUT = BLOCK_SIZE };

/* Holds: data lies in block, and data + have <= block + room; shown <= have: the last view;
 * block is NULL if and only if have == 0 and nothing is shown. */
struct stream_in {
    char *data, *block;
    size_t have, shown, room, limit;
    int64_t until;         /* reading waits no longer */
    struct lender *lender; /* whose block it is; NULL: ours, and if it is longer than
                              BLOCK_SIZE memory of its own */
    uint8_t run;           /* reads since it last waited */
    bool ended;
    bool dry;              /* the last read took all there was */
    enum { FLOW_UNKNOWN, FLOW_BYTES, FLOW_PIECES } flow; /* of a short read BYTES say so */
    bool much;             /* ... filled the buffer it was lent: take a larger one */
    bool no_socket;        /* read it as any descriptor */
};

/* Written bytes.  Holds: gathered has gathered_size bytes; sending those that the kernel is
 * given now, from sending_at on.  corked: cork is in its context's list. */
struct stream_out {
    struct cork cork;
    struct context *context; /* in whose list cork is */
    char *gathered, *sending;
    size_t gathered_size, sending_at, sending_size;
    struct poller *poller;   /* where op or node is; NULL: neither is */
    union {
        struct ring_op op;
        struct poll_node node;
    } as;
    int error;
    _Atomic int broken;      /* error, where it has ended the connection; the reader looks */
    enum stream_way { WAY_SEND, WAY_WRITE, WAY_TRY } way; /* with a ring; SEND: a socket */
    bool corked;
};

/* Holds: open, fd carries it and ops is NULL, or ops does and fd is -1. */
struct stream {
    uint32_t state;
    int fd;
    const tutti_stream_ops *ops; /* NULL: fd carries it */
    void *ctx;
    struct stream_in in;
    struct stream_out out;
};
_Static_assert(sizeof(struct stream) <= sizeof(tutti_stream), "grow tutti_stream");

static inline struct stream *stream_of(tutti_stream *s)
{
    return (struct stream *)(void *)s;
}
/* The open stream, or NULL after saying what is wrong: -EINVAL then. */
struct stream *stream_check(tutti_stream *s, const char *call);

/* Around a call of the ops: whether it has found words for its failure, which then stay. */
static inline int words_begin(struct context *c)
{
    int kept = c->why_code;
    c->why_code = 0;
    return kept;
}
static inline void words_end(struct context *c, int kept, int rc)
{
    if (rc >= 0 && c->why_code == 0)
        c->why_code = kept;
}
/* Note that call failed with rc, unless what carries s has said why. */
int stream_failed(const struct stream *s, const char *call, int rc);

void stream_in_begin(struct stream_in *in);
void stream_in_end(struct stream_in *in);
/* All out: 0 or an error. */
int stream_flush(struct stream *s);
/* What could not be sent is lost; the kernel is done with it. */
void stream_out_end(struct stream *s);
#endif
