/* examples/hashhunt.c - hunt through a directory tree for a file by the hash of what
 * is in it.
 *
 * The caller walks while tasks hash: a stream of batches of paths, of which some are
 * in flight and none is kept.  When the file is found the sink ends the stream, and
 * what is still in flight is cancelled.  Without a hash to hunt for the whole tree
 * is hashed, and the answer is all hashes folded together: the same in whatever order
 * they come. */
#include "common/example.h"
#include "common/sha256.h"
#include "common/walk.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <tutti/patterns.h>
#include <unistd.h>

static const struct example_about about = {
    .name = "hashhunt",
    .kind = "mixed",
    .summary = "Looks through a directory (/usr/share/doc) for a file with the hash\n"
               "given (SHA-256) or with the same content as FILE.  Without either,\n"
               "hashes all files there.",
    .size_means = "how many files at most",
    .size = 20000,
    .size_least = 1,
    .size_most = 100000000,
    .arguments = "[DIRECTORY [HASH|FILE]]",
    .arguments_most = 2,
};

enum { BATCH = 16, BLOCK = 32768 };

/* What a task gets: this, and behind it paths that each end with a NUL. */
struct order {
    uint8_t wanted[SHA256_SIZE];
};
/* What it gives: this, and behind it the path of the file, if it was found. */
struct report {
    uint64_t files, bytes, unreadable;
    uint8_t folded[SHA256_SIZE]; /* all hashes, exclusive-or */
};
TUTTI_TASK_BYTES(hash_files, "hashhunt.files");

static int hash_file(const char *path, uint8_t digest[SHA256_SIZE], uint64_t *bytes)
{
    uint8_t block[BLOCK];
    struct sha256 h;
    ssize_t n = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    sha256_begin(&h);
    while ((n = read(fd, block, sizeof block)) > 0)
        sha256_add(&h, block, (size_t)n);
    int rc = n < 0 ? -errno : 0;
    close(fd);
    *bytes = h.size;
    sha256_end(&h, digest);
    return rc;
}

/* Hash the next file into *r; 1 if it is the one. */
static int hash_next(const char *path, const uint8_t *wanted, struct report *r)
{
    uint8_t digest[SHA256_SIZE];
    uint64_t bytes = 0;
    if (hash_file(path, digest, &bytes) < 0) {
        r->unreadable++;
        return 0;
    }
    r->files++;
    r->bytes += bytes;
    for (unsigned i = 0; i < SHA256_SIZE; i++)
        r->folded[i] ^= digest[i];
    return !memcmp(digest, wanted, SHA256_SIZE);
}

static int hash_files(tutti_bytes in, tutti_out *out)
{
    const struct order *order = in.data;
    const char *path = (const char *)(order + 1), *found = NULL;
    const char *end = (const char *)in.data + in.size;
    struct report report = { 0 };
    for (; path < end && !found; path += strlen(path) + 1)
        if (hash_next(path, order->wanted, &report))
            found = path;
    int rc = tutti_put(out, &report, sizeof report);
    return rc < 0 || !found ? rc : tutti_put(out, found, strlen(found) + 1);
}

/* The hunt as the stream's ends see it, both in the caller. */
struct hunt {
    struct walk walk;
    struct report total;
    char found[PATH_MAX];
    struct {
        struct order order;
        char paths[WALK_BATCH];
    } batch;
};

static int next_batch(void *ctx, tutti_bytes *item)
{
    struct hunt *h = ctx;
    long length = walk_batch(&h->walk, h->batch.paths, BATCH);
    if (length <= 0)
        return (int)length;
    *item = (tutti_bytes){ &h->batch, offsetof(struct hunt, batch.paths) -
                           offsetof(struct hunt, batch) + (size_t)length };
    return 1;
}

/* 1 ends the stream: found. */
static int take_report(void *ctx, uint64_t i, int code, tutti_bytes result)
{
    struct hunt *h = ctx;
    struct report r;
    (void)i;
    if (code < 0)
        return code;
    memcpy(&r, result.data, sizeof r);
    h->total.files += r.files;
    h->total.bytes += r.bytes;
    h->total.unreadable += r.unreadable;
    for (unsigned k = 0; k < SHA256_SIZE; k++)
        h->total.folded[k] ^= r.folded[k];
    if (result.size == sizeof r)
        return 0;
    memcpy(h->found, (const char *)result.data + sizeof r, result.size - sizeof r);
    return 1;
}

static int hunt_tasks(struct example *e, struct hunt *h)
{
    TUTTI_SCOPE(s, e->executor, TUTTI_NEVER, 0);
    tutti_flow flow = { .size = sizeof flow, .unordered = 1, .source = next_batch,
                        .sink = take_report, .ctx = h };
    example_start(e);
    int rc = tutti_map_flow(&s, &hash_files_task, &flow);
    example_stop(e);
    int closed = tutti_scope_close(&s);
    return rc < 0 ? rc : closed;
}

static int hunt_serial(struct example *e, struct hunt *h)
{
    int rc;
    example_start(e);
    while ((rc = walk_next(&h->walk)) == 1 && !*h->found)
        if (hash_next(h->walk.path, h->batch.order.wanted, &h->total))
            strcpy(h->found, h->walk.path);
    example_stop(e);
    return rc;
}

/* A hash in 64 hexadecimal digits, or a file to hash. */
static void read_wanted(const struct example *e, const char *text, uint8_t *wanted)
{
    uint64_t bytes;
    size_t digits = strspn(text, "0123456789abcdefABCDEF");
    if (digits == 2 * SHA256_SIZE && !text[digits]) {
        for (unsigned i = 0; i < SHA256_SIZE; i++)
            sscanf(text + 2 * i, "%2hhx", &wanted[i]);
        return;
    }
    int rc = hash_file(text, wanted, &bytes);
    if (rc < 0)
        example_refuse(e, "\"%s\" is no hash of 64 digits and no file to read: %s",
                       text, strerror(-rc));
}

static void write_hex(const uint8_t *digest, char *text)
{
    for (unsigned i = 0; i < SHA256_SIZE; i++)
        sprintf(text + 2 * i, "%02x", digest[i]);
}

int main(int argc, char **argv)
{
    static struct hunt h;
    struct example e;
    char what[64], hex[2 * SHA256_SIZE + 1];
    example_open(&e, &about, argc, argv);
    const char *directory = e.argument_count > 0 ? e.arguments[0] : "/usr/share/doc";
    if (e.argument_count > 1)
        read_wanted(&e, e.arguments[1], h.batch.order.wanted);
    int rc = walk_open(&h.walk, directory, e.size);
    if (rc < 0)
        example_refuse(&e, "cannot read \"%s\": %s", directory, strerror(-rc));
    rc = e.serial ? hunt_serial(&e, &h) : hunt_tasks(&e, &h);
    walk_close(&h.walk);
    if (*h.found) {
        /* How many were looked at depends on who was first, and so does which of two
         * files with the same content was found. */
        write_hex(h.batch.order.wanted, hex);
        int status = example_close(&e, rc, "found", "found %s", hex);
        return e.json || status ? status : printf("  %s\n", h.found) < 0;
    }
    write_hex(h.total.folded, hex);
    snprintf(what, sizeof what, "%llu files", (unsigned long long)h.total.files);
    return example_close(
        &e, rc, what,
        "not found in %llu files of %llu bytes, %llu not readable, all hashes "
        "folded %s",
        (unsigned long long)h.total.files, (unsigned long long)h.total.bytes,
        (unsigned long long)(h.total.unreadable + h.walk.closed), hex);
}
