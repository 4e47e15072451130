/* tutti/stream.h - buffered bytes in both directions over a socket, a pipe, or what else
 * carries them (TLS: tutti/tls.h).
 *
 * Over a file or a terminal it works as well; without an io_uring such a one is written to on
 * the task's own thread, which may block.
 *
 * A stream that waits for bytes holds no buffer: one is taken when they have come and goes
 * back when they were used up.  What is written is gathered until the task parks or
 * ends, then goes out in one piece; a peer that does not read holds the writer up.
 *
 * Each direction is one task's at a time; before another task writes, flush.  Calls fail as
 * those of io.h; a connection that failed stays failed. */
#ifndef TUTTI_STREAM_H
#define TUTTI_STREAM_H
#include <tutti/io.h>
#ifdef __cplusplus
extern "C" {
#endif

typedef struct tutti_stream {
    uint64_t _[40];
} tutti_stream; /* do not move it while open */

/* ---- opening and closing -------------------------------------------------- */

/* Open *s over fd, which is the stream's from now on.  Cannot fail.  [any] */
TUTTI_API void tutti_stream_open(tutti_stream *s, int fd);
/* Send what was written, close the descriptor, give back all buffers.  0, or the first error
 * of writing, or why not all could be sent; closed all the same.  0 for one that is not open.
 * [any] [wait] */
TUTTI_API int tutti_stream_close(tutti_stream *s);
/* Declare and open a stream that no return can leave open. */
#define TUTTI_STREAM(s, fd)                                                   \
    tutti_stream s __attribute__((cleanup(tutti_stream_leave)));              \
    tutti_stream_open(&s, fd)
/* tutti_stream_close for TUTTI_STREAM and destructors: nobody hears of an error.
 * [any] [wait] */
TUTTI_API void tutti_stream_leave(tutti_stream *s);
/* Its descriptor; -1: it has none.  [any] */
TUTTI_API int tutti_stream_fd(const tutti_stream *s);

/* What carries a stream that is not a descriptor's.  Each call gets ctx. */
typedef struct tutti_stream_ops {
    size_t size;                                          /* of this structure */
    int (*read)(void *ctx, void *buf, size_t n);          /* as tutti_read */
    int (*write)(void *ctx, const void *data, size_t n);  /* as tutti_write_all */
    int (*flush)(void *ctx);                              /* all of it is out; or NULL */
    int (*finish)(void *ctx);                             /* no more is written; or NULL */
    int (*close)(void *ctx);                              /* free it */
} tutti_stream_ops;
/* Open *s over that; *ops must outlive it.  [any] */
TUTTI_API void tutti_stream_open_over(tutti_stream *s, const tutti_stream_ops *ops,
                                      void *ctx);

/* The ctx of a stream that was opened over that; NULL: it is over something else.  [any] */
TUTTI_API void *tutti_stream_over(const tutti_stream *s, const tutti_stream_ops *ops);

/* ---- reading -------------------------------------------------------------- */

/* A view (*b) is valid until the next reading call on the stream, which takes it for used up:
 * see tutti_stream_back. */

/* Whatever is there, waiting until something is: 1; 0 at the end.  [any] [wait] */
TUTTI_API int tutti_stream_some(tutti_stream *s, tutti_bytes *b);
/* The last view again, longer by what came since, waiting until something does: 1; 0 at the
 * end, and *b is the last view; -EMSGSIZE beyond the limit.  [any] [wait] */
TUTTI_API int tutti_stream_more(tutti_stream *s, tutti_bytes *b);
/* n bytes: 1; 0: it ended before the first; -ENODATA: it ended among them, and nothing was
 * used up; -EMSGSIZE: n is beyond the limit.  [any] [wait] */
TUTTI_API int tutti_stream_exactly(tutti_stream *s, size_t n, tutti_bytes *b);
/* All up to the first delimiter and it: 1; 0: it ended before the first byte; -ENODATA: it
 * ended without, -EMSGSIZE: the limit came first; nothing was used up.  -EINVAL: the delimiter
 * is empty.  [any] [wait] */
TUTTI_API int tutti_stream_until(tutti_stream *s, tutti_bytes delimiter, tutti_bytes *b);
/* A line without its "\n" or "\r\n"; the last may lack it: 1; 0 at the end; -EMSGSIZE.
 * [any] [wait] */
TUTTI_API int tutti_stream_line(tutti_stream *s, tutti_bytes *b);
/* At most n bytes into buf, waiting for the first: as tutti_read.  [any] [wait] */
TUTTI_API int tutti_stream_read(tutti_stream *s, void *buf, size_t n);
/* The last n bytes of the last view are not used up; at most the whole view.  [any] */
TUTTI_API void tutti_stream_back(tutti_stream *s, size_t n);
/* A view has n bytes at most; 64 KiB by default, 1 GiB at most.  [any] */
TUTTI_API void tutti_stream_limit(tutti_stream *s, size_t n);

/* Reading calls that still wait at `when` give -ETIMEDOUT, with nothing used up; TUTTI_NEVER,
 * the default: none do.  For this stream alone, and cheaper than a scope around each wait.  Not
 * for streams over something else.  [any] */
TUTTI_API void tutti_stream_deadline(tutti_stream *s, tutti_time when);

/* ---- writing -------------------------------------------------------------- */

/* Write all n bytes, now or when the task parks; waits where the peer does not keep up.  0, or
 * the error of this or an earlier write.  [any] [wait] */
TUTTI_API int tutti_stream_write(tutti_stream *s, const void *data, size_t n);
/* The same for formatted text: 0, or an error.  [any] [wait] */
TUTTI_API int tutti_stream_print(tutti_stream *s, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Until the kernel has all that was written.  0 or the error.  [any] [wait] */
TUTTI_API int tutti_stream_flush(tutti_stream *s);
/* Flush, then as tutti_sendfile.  [any] [wait] */
TUTTI_API int64_t tutti_stream_sendfile(tutti_stream *s, int file, int64_t offset, size_t n);
/* Flush, then tell the peer that no more will come; reading goes on.  [any] [wait] */
TUTTI_API int tutti_stream_finish(tutti_stream *s);

#ifdef __cplusplus
}
#endif
#endif
