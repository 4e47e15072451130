/* examples/common/server.c - starting and ending servers; see server.h.  Ours is
 * slow.c.  Tests: tests/server_test.c. */
#include "server.h"
#include "slow.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { START_MS = 30000, PATH_ROOM = 256 };
#define POSTGRES_BIN "/usr/lib/postgresql/15/bin"

__attribute__((format(printf, 2, 3))) static int refuse(struct server *s,
                                                        const char *format, ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(s->why, sizeof s->why, format, list);
    va_end(list);
    return -1;
}

static void pause_ms(int ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000L };
    nanosleep(&t, NULL);
}

/* --- folders ------------------------------------------------------------------ */

static int folder_make(struct server *s)
{
    return folder_open(&s->folder, "server")
               ? refuse(s, "no folder in $TMPDIR or /tmp: %s", strerror(errno))
               : 0;
}

/* FOLDER/name, in one of a few rooms. */
static const char *in_folder(const struct server *s, const char *name)
{
    static char rooms[4][PATH_ROOM];
    static unsigned next;
    char *room = rooms[next++ % 4];
    snprintf(room, PATH_ROOM, "%s/%s", s->folder.path, name);
    return room;
}

static int file_write(struct server *s, const char *name, const char *text)
{
    FILE *f = fopen(in_folder(s, name), "w");
    int bad = !f || fputs(text, f) < 0;
    if (f)
        bad |= fclose(f) != 0;
    return bad ? refuse(s, "cannot write in %s", s->folder.path) : 0;
}

/* --- ports ---------------------------------------------------------------------- */

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons((uint16_t)port),
                                 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
}

/* A listening socket on a free port, which is put into *port. */
static int listen_anywhere(int *port)
{
    struct sockaddr_in a = loopback(0);
    socklen_t size = sizeof a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (bind(fd, (struct sockaddr *)&a, sizeof a) || listen(fd, 1024)
        || getsockname(fd, (struct sockaddr *)&a, &size)) {
        close(fd);
        return -1;
    }
    *port = ntohs(a.sin_port);
    return fd;
}

static int port_find(struct server *s)
{
    int fd = listen_anywhere(&s->port);
    if (fd < 0)
        return refuse(s, "no free port: %s", strerror(errno));
    close(fd);
    return 0;
}

static int port_answers(int port)
{
    struct sockaddr_in a = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int rc = fd < 0 ? -1 : connect(fd, (struct sockaddr *)&a, sizeof a);
    if (fd >= 0)
        close(fd);
    return rc == 0;
}

/* --- processes -------------------------------------------------------------------- */

/* As the user `name` when we are root and it exists: PostgreSQL refuses root. */
static int become(const char *name)
{
    struct passwd *user = geteuid() == 0 && name ? getpwnam(name) : NULL;
    if (!user)
        return 0;
    return setgid(user->pw_gid) || setuid(user->pw_uid);
}

static void own(const struct server *s, const char *name)
{
    struct passwd *user = geteuid() == 0 ? getpwnam(name) : NULL;
    if (user && chown(s->folder.path, user->pw_uid, user->pw_gid))
        return; /* it will say so itself */
}

/* A child that dies with us, its words in FOLDER/log. */
static pid_t start(const struct server *s, const char *user, char *const argv[])
{
    pid_t parent = getpid(), pid = fork();
    if (pid)
        return pid;
    int none = open("/dev/null", O_RDWR);
    int log =
        open(in_folder(s, "log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    dup2(none, 0);
    dup2(log < 0 ? none : log, 1);
    dup2(log < 0 ? none : log, 2);
    if (chdir(s->folder.path) || become(user))
        _exit(126);
    prctl(PR_SET_PDEATHSIG, s->end ? s->end : SIGTERM); /* setuid would clear it */
    if (getppid() != parent)
        _exit(125);
    unsetenv("LD_PRELOAD"); /* what stands in front of our libc is none of theirs */
    execv(argv[0], argv);
    _exit(127);
}

/* Its last words, for a sentence. */
static const char *last_words(const struct server *s)
{
    static char text[100];
    FILE *f = fopen(in_folder(s, "log"), "r");
    text[0] = 0;
    while (f && fgets(text, sizeof text, f))
        ;
    if (f)
        fclose(f);
    text[strcspn(text, "\n")] = 0;
    return text;
}

static int run_to_end(struct server *s, const char *user, char *const argv[])
{
    int status = -1;
    pid_t pid = start(s, user, argv);
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
        return refuse(s, "%s failed: %s", argv[0], last_words(s));
    return 0;
}

static int await_port(struct server *s, const char *name)
{
    for (int ms = 0; ms < START_MS; ms += 10) {
        if (port_answers(s->port))
            return 0;
        if (waitpid(s->pid, NULL, WNOHANG) == s->pid) {
            s->pid = 0;
            return refuse(s, "%s ended at once: %s", name, last_words(s));
        }
        pause_ms(10);
    }
    return refuse(s, "%s does not answer after %d s", name, START_MS / 1000);
}

static int start_server(struct server *s, const char *name, const char *user,
                        char *const argv[])
{
    s->pid = start(s, user, argv);
    if (s->pid < 0) {
        s->pid = 0;
        return refuse(s, "no process for %s", name);
    }
    return await_port(s, name);
}

static int is_program(struct server *s, const char *path)
{
    return access(path, X_OK) ? refuse(s, "%s is not installed", path) : 0;
}

static int begin(struct server *s, const char *path)
{
    memset(s, 0, sizeof *s);
    return is_program(s, path) || folder_make(s) || port_find(s) ? -1 : 0;
}

void server_stop(struct server *s)
{
    if (s->pid > 0) {
        kill(s->pid, s->end ? s->end : SIGTERM);
        for (int ms = 0; ms < 5000 && waitpid(s->pid, NULL, WNOHANG) == 0; ms += 10)
            pause_ms(10);
        kill(s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0); /* -1 when it has been waited for */
    }
    s->pid = 0;
    folder_close(&s->folder);
}

/* --- nginx ------------------------------------------------------------------------ */

static const char nginx_form[] =
    "daemon off; master_process off; pid %1$s/pid; error_log stderr error;\n"
    "events { worker_connections 4096; }\n"
    "http {\n"
    "    access_log off; types { text/html html htm; text/css css; }\n"
    "    client_body_temp_path %1$s/body; proxy_temp_path %1$s/proxy;\n"
    "    fastcgi_temp_path %1$s/fastcgi; uwsgi_temp_path %1$s/uwsgi;\n"
    "    scgi_temp_path %1$s/scgi;\n"
    "    server {\n"
    "        listen 127.0.0.1:%2$d backlog=1024%3$s;\n"
    "%4$s"
    "        root %5$s;\n"
    "        location ~ ^/(wait|meet)/ { proxy_pass http://127.0.0.1:%6$d; }\n"
    "    }\n"
    "}\n";

static int certificate_make(struct server *s)
{
    char *const argv[] = { "/usr/bin/openssl", "req", "-x509", "-newkey", "ec",
        "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
        "-keyout", (char *)(size_t)in_folder(s, "key.pem"),
        "-out", (char *)(size_t)in_folder(s, "cert.pem"), NULL };
    return is_program(s, argv[0]) ? -1 : run_to_end(s, NULL, argv);
}

int server_nginx(struct server *s, const struct nginx_options *o)
{
    static const char program[] = "/usr/sbin/nginx";
    char text[4096], keys[3 * PATH_ROOM] = "";
    if (begin(s, program) || (o->tls && certificate_make(s)))
        return -1;
    if (o->tls)
        snprintf(keys, sizeof keys,
                 "        ssl_certificate %s; ssl_certificate_key %s;\n",
                 in_folder(s, "cert.pem"), in_folder(s, "key.pem"));
    int n = snprintf(text, sizeof text, nginx_form, s->folder.path, s->port,
                     o->tls ? " ssl" : "", keys, o->root ? o->root : s->folder.path,
                     o->behind ? o->behind : 9);
    if (n >= (int)sizeof text)
        return refuse(s, "the name of %s is too long", o->root);
    if (file_write(s, "nginx.conf", text))
        return -1;
    char *const argv[] = { (char *)(size_t)program,
                           "-e",
                           "stderr",
                           "-p",
                           s->folder.path,
                           "-c",
                           (char *)(size_t)in_folder(s, "nginx.conf"),
                           NULL };
    return start_server(s, "nginx", NULL, argv);
}

/* --- PostgreSQL, Redis ------------------------------------------------------------ */

int server_postgres(struct server *s, int connections)
{
    static const char user[] = "postgres";
    char port[16], most[40], data[PATH_ROOM], sockets[PATH_ROOM];
    if (begin(s, POSTGRES_BIN "/postgres"))
        return -1;
    own(s, user);
    snprintf(port, sizeof port, "%d", s->port);
    snprintf(most, sizeof most, "max_connections=%d", connections + 5);
    snprintf(data, sizeof data, "%s/data", s->folder.path);
    snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", s->folder.path);
    char *const make[] = { POSTGRES_BIN "/initdb", "-D", data, "-A", "trust", "-U",
                           (char *)(size_t)user, "--no-sync", "--no-instructions", "-E",
                           "UTF8", "--locale=C", NULL };
    if (run_to_end(s, user, make))
        return -1;
    s->end = SIGINT; /* at once, without waiting for its clients to go */
    char *const argv[] = { POSTGRES_BIN "/postgres", "-D", data, "-p", port, "-c", most,
        "-c", sockets, "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off",
        "-c", "shared_buffers=16MB", "-c", "autovacuum=off", NULL };
    if (start_server(s, "postgres", user, argv))
        return -1;
    /* It accepts connections before it will have any. */
    char *const ready[] = {
        POSTGRES_BIN "/pg_isready", "-q", "-h", "127.0.0.1", "-p", port, NULL
    };
    for (int ms = 0; ms < START_MS; ms += 20) {
        if (run_to_end(s, user, ready) == 0)
            return 0;
        pause_ms(20);
    }
    return -1;
}

int server_redis(struct server *s)
{
    char port[16];
    if (begin(s, "/usr/bin/redis-server"))
        return -1;
    snprintf(port, sizeof port, "%d", s->port);
    char *const argv[] = { "/usr/bin/redis-server",
                           "--port",
                           port,
                           "--bind",
                           "127.0.0.1",
                           "--save",
                           "",
                           "--appendonly",
                           "no",
                           "--dir",
                           s->folder.path,
                           NULL };
    return start_server(s, "redis-server", NULL, argv);
}

/* --- ours ------------------------------------------------------------------------- */

int server_slow(struct server *s, const struct slow_options *o)
{
    memset(s, 0, sizeof *s);
    int fd = listen_anywhere(&s->port);
    if (fd < 0)
        return refuse(s, "no free port: %s", strerror(errno));
    pid_t parent = getpid();
    s->pid = fork();
    if (s->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == parent)
            slow_serve(fd, o);
        _exit(1);
    }
    close(fd);
    if (s->pid > 0)
        return 0;
    s->pid = 0;
    return refuse(s, "no process for our server");
}
