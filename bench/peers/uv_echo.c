/* uv_echo.c PORT - an echo server on libuv, as its guide has it, with the answer tried at once:
 * the fastest form it offers. */
#include <stdlib.h>
#include <uv.h>

struct client {
    uv_tcp_t tcp;
    char buf[2048];
};

static void on_room(uv_handle_t *handle, size_t wanted, uv_buf_t *buf)
{
    struct client *c = (struct client *)handle;
    (void)wanted;
    *buf = uv_buf_init(c->buf, sizeof c->buf);
}

static void on_closed(uv_handle_t *handle)
{
    free(handle);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    uv_buf_t answer = uv_buf_init(buf->base, n > 0 ? (unsigned)n : 0);
    if (n < 0 || (n > 0 && uv_try_write(stream, &answer, 1) != n))
        uv_close((uv_handle_t *)stream, on_closed);
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct client *c = status ? NULL : calloc(1, sizeof *c);
    if (!c)
        return;
    uv_tcp_init(listener->loop, &c->tcp);
    if (uv_accept(listener, (uv_stream_t *)&c->tcp)) {
        uv_close((uv_handle_t *)&c->tcp, on_closed);
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    uv_read_start((uv_stream_t *)&c->tcp, on_room, on_read);
}

int main(int argc, char **argv)
{
    struct sockaddr_in at;
    uv_tcp_t listener;
    uv_loop_t *loop = uv_default_loop();
    if (argc < 2 || uv_ip4_addr("127.0.0.1", atoi(argv[1]), &at))
        return 2;
    uv_tcp_init(loop, &listener);
    if (uv_tcp_bind(&listener, (struct sockaddr *)&at, 0)
        || uv_listen((uv_stream_t *)&listener, 4096, on_connection))
        return 1;
    return uv_run(loop, UV_RUN_DEFAULT);
}
