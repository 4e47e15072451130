/* explore_source.c - the lines of source files that a failure names.
 * Tests: tests/cc_test.sh. */
#include "explore.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A file that was read.  Holds: text ends with a zero byte and has lines - 1 more. */
struct file {
    char *name, *text;
    char **line;
    int lines;
    struct file *next;
};
static struct file *files;

static void cut_lines(struct file *f)
{
    size_t room = 0;
    for (char *rest = f->text, *one; (one = strsep(&rest, "\n")) != NULL;) {
        if ((size_t)f->lines == room) {
            room = room ? room * 2 : 256;
            char **more = realloc(f->line, room * sizeof *more);
            if (!more)
                return;
            f->line = more;
        }
        one += strspn(one, " \t");
        for (char *end = one + strlen(one); end > one && strchr(" \t\r", end[-1]);)
            *--end = '\0';
        f->line[f->lines++] = one;
    }
}

static struct file *file_read(const char *name)
{
    struct file *f = calloc(1, sizeof *f);
    if (!f || !(f->name = strdup(name)))
        return free(f), NULL;
    f->next = files;
    files = f;
    FILE *in = fopen(name, "re");
    size_t room = 0;
    if (!in)
        return f;
    if (getdelim(&f->text, &room, '\0', in) > 0)
        cut_lines(f);
    fclose(in);
    return f;
}

const char *source_line(const char *file, int line)
{
    struct file *f = files;
    while (f && strcmp(f->name, file) != 0)
        f = f->next;
    if (!f)
        f = file_read(file);
    return f && line >= 1 && line <= f->lines ? f->line[line - 1] : "";
}

const char *source_name(const char *file)
{
    static char here[4096];
    if (!*here && !getcwd(here, sizeof here))
        return file;
    size_t n = strlen(here);
    if (!strncmp(file, here, n) && file[n] == '/')
        file += n + 1;
    return !strncmp(file, "./", 2) ? file + 2 : file;
}
