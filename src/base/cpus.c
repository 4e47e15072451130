/* base/cpus.c - see cpus.h.  Whatever cannot be read or understood counts as no quota:
 * a wrong guess here costs speed, never correctness. */
#include "base/cpus.h"
#include "base/memory.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NONE = 0 }; /* no quota, in hundredths */

/* The whole file with a 0 behind it, to be freed; NULL: not readable. */
static char *file_read(const char *path)
{
    int fd = fault_now() ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    char *text = NULL;
    size_t room = 0, used = 0;
    for (;;) {
        if (used + 1 >= room) {
            char *more = memory_realloc(text, room = room ? room * 2 : 4096);
            if (!more)
                break;
            text = more;
        }
        ssize_t got = read(fd, text + used, room - used - 1);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            close(fd);
            text[used] = 0;
            return text;
        }
        used += (size_t)got;
    }
    close(fd);
    memory_free(text);
    return NULL;
}

/* Cut the next piece off *at at any of `ends`; NULL at the end. */
static char *cut(char **at, const char *ends)
{
    return *at ? strsep(at, ends) : NULL;
}

/* mountinfo writes space, tab, newline and backslash as \ooo. */
static void unescape(char *s)
{
    char *out = s;
    for (; *s; s++) {
        if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] >= '0' && s[2] <= '7'
            && s[3] >= '0' && s[3] <= '7') {
            *out++ = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + (s[3] - '0'));
            s += 3;
        } else {
            *out++ = *s;
        }
    }
    *out = 0;
}

static bool listed(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; p; p = strchr(p, ',')) {
        p += *p == ',';
        if (!strncmp(p, word, n) && (p[n] == ',' || p[n] == 0))
            return true;
    }
    return false;
}

static unsigned least(unsigned a, unsigned b)
{
    return a == NONE ? b : b == NONE ? a : a < b ? a : b;
}

static unsigned hundredths(long long quota, long long period)
{
    if (quota <= 0 || period <= 0 || quota > LLONG_MAX / 100)
        return NONE;
    long long h = quota * 100 / period;
    return h > UINT_MAX / 2 ? NONE : h < 1 ? 1 : (unsigned)h;
}

/* The file dir/name as text; NULL: none. */
static char *group_file(const char *dir, const char *name)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", dir, name);
    return n < 0 || (size_t)n >= sizeof path ? NULL : file_read(path);
}

/* A whole number at the start of text, with nothing but white space behind it or, if
 * rest is given, whatever stands there; 0 for anything else ("max", -1, nonsense). */
static long long number(const char *text, const char **rest)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    bool clean = end != text && !errno && (!*end || strchr(" \t\n", *end));
    if (rest)
        *rest = end;
    return clean && value > 0 ? value : 0;
}

static unsigned group_quota_v2(const char *dir)
{
    char *max = group_file(dir, "cpu.max"); /* "max 100000" or "150000 100000" */
    if (!max)
        return NONE;
    const char *rest;
    long long quota = number(max, &rest);
    unsigned h = quota ? hundredths(quota, number(rest, NULL)) : NONE;
    memory_free(max);
    return h;
}

static unsigned group_quota_v1(const char *dir)
{
    char *quota = group_file(dir, "cpu.cfs_quota_us"); /* -1: none */
    char *period = group_file(dir, "cpu.cfs_period_us");
    unsigned h = quota && period
                     ? hundredths(number(quota, NULL), number(period, NULL)) : NONE;
    memory_free(quota);
    memory_free(period);
    return h;
}

/* One hierarchy: where it is mounted, which of its groups is the top of that mount, and
 * the group this process is in. */
struct tree {
    const char *root, *mount, *top, *group;
    bool v2;
};

/* The least quota of the group and all above it that the mount shows. */
static unsigned tree_quota(const struct tree *t)
{
    char dir[PATH_MAX];
    const char *below = t->group;
    size_t top = strlen(t->top);
    if (top > 1) { /* a mount of a part: the group's path begins with it */
        bool inside = !strncmp(below, t->top, top)
                      && (!below[top] || below[top] == '/');
        below = inside ? below + top : "";
    }
    if (strstr(below, "/..")) /* the group lies outside this namespace */
        below = "";
    int stem = snprintf(dir, sizeof dir, "%s%s", t->root, t->mount);
    if (stem < 0 || (size_t)stem >= sizeof dir)
        return NONE;
    int n = snprintf(dir + stem, sizeof dir - (size_t)stem, "%s", below);
    if (n < 0 || (size_t)n >= sizeof dir - (size_t)stem)
        return NONE;
    unsigned quota = NONE;
    for (;;) {
        quota = least(quota, t->v2 ? group_quota_v2(dir) : group_quota_v1(dir));
        char *slash = strrchr(dir + stem, '/');
        if (!slash)
            return quota;
        *slash = 0;
    }
}

/* The group of this process in the tree that v2 is, or that has v1's cpu controller:
 * lines "id:controllers:path" of /proc/self/cgroup.  Points into text; NULL: none. */
static char *group_find(char *text, bool v2)
{
    char *at = text, *line;
    while ((line = cut(&at, "\n"))) {
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path || path[1] != '/')
            continue;
        *controllers = *path = 0;
        bool fits = v2 ? !controllers[1] && !strcmp(line, "0")
                       : listed(controllers + 1, "cpu");
        if (fits)
            return path + 1;
    }
    return NULL;
}

/* One line of mountinfo: id parent dev top mount options [optional] - type source
 * super. True if it is a tree that counts. */
static bool mount_parse(char *line, struct tree *t)
{
    char *field[5] = { NULL }, *at = line;
    for (int i = 0; i < 5; i++)
        field[i] = cut(&at, " ");
    char *word;
    while ((word = cut(&at, " ")) && strcmp(word, "-"))
        ;
    char *type = cut(&at, " ");
    cut(&at, " ");
    char *super = cut(&at, " ");
    if (!super)
        return false;
    t->v2 = !strcmp(type, "cgroup2");
    if (!t->v2 && (strcmp(type, "cgroup") || !listed(super, "cpu")))
        return false;
    unescape(field[3]);
    unescape(field[4]);
    t->top = field[3];
    t->mount = field[4];
    return true;
}

/* root/proc/self/name as text. */
static char *self_file(const char *root, const char *name)
{
    char dir[PATH_MAX];
    int n = snprintf(dir, sizeof dir, "%s/proc/self", root);
    return n < 0 || (size_t)n >= sizeof dir ? NULL : group_file(dir, name);
}

unsigned cpus_quota(const char *root)
{
    if (!strcmp(root, "/"))
        root = "";
    char *mounts = self_file(root, "mountinfo");
    char *groups[2] = { self_file(root, "cgroup"), self_file(root, "cgroup") };
    const char *group[2] = { groups[0] ? group_find(groups[0], false) : NULL,
                             groups[1] ? group_find(groups[1], true) : NULL };
    unsigned quota = NONE;
    char *at = mounts, *line;
    while ((line = cut(&at, "\n"))) {
        struct tree t = { .root = root };
        if (!mount_parse(line, &t) || !(t.group = group[t.v2]))
            continue;
        quota = least(quota, tree_quota(&t));
    }
    memory_free(mounts);
    memory_free(groups[0]);
    memory_free(groups[1]);
    return quota;
}

const char *_Atomic cpus_root = "/";

unsigned cpus_granted(void)
{
    cpu_set_t set[8]; /* 8192 CPUs, the most Linux is built for */
    unsigned cpus = 0;
    if (!sched_getaffinity(0, sizeof set, set))
        cpus = (unsigned)CPU_COUNT_S(sizeof set, set);
    unsigned quota = cpus_quota(load_relaxed(&cpus_root)); /* tests alone change it */
    if (quota != NONE)
        cpus = least(cpus, (quota + 99) / 100);
    return cpus ? cpus : 1;
}
