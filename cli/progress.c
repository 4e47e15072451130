/* progress.c - the line on stderr that says what runs, how far the tour is and how long
 * it may take.  Shown on a terminal only, and wiped before anything else is printed.
 * Tests: tests/cli_test.sh. */
#include "tour.h"
#include <string.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void progress_begin(struct progress *p, int all)
{
    const char *term = getenv("TERM");
    *p = (struct progress){ .all = all, .began = seconds_now() };
    p->shown = isatty(STDERR_FILENO) && term && strcmp(term, "dumb") != 0;
}

static const char *minutes(double seconds, char out[32])
{
    if (seconds < 60)
        snprintf(out, 32, "%.0f s", seconds);
    else
        snprintf(out, 32, "%d min %02d s", (int)seconds / 60, (int)seconds % 60);
    return out;
}

void progress_show(void *progress)
{
    const struct progress *p = progress;
    struct winsize window;
    char line[256], past[32], left[32];
    if (!p->shown)
        return;
    double elapsed = seconds_now() - p->began;
    int n = snprintf(line, sizeof line, "[%d/%d] %s  %s", p->done + 1, p->all, p->what,
                     minutes(elapsed, past));
    double rest = p->rest - (seconds_now() - p->rest_when);
    if (p->rest > 0)
        snprintf(line + n, sizeof line - (size_t)n, ", about %s left",
                 minutes(rest > 1 ? rest : 1, left));
    int width = ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 ? window.ws_col : 80;
    if (width < 2)
        width = 80;
    fprintf(stderr, "\r\033[K%.*s", width - 1, line);
    fflush(stderr);
}

void progress_clear(const struct progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr), fflush(stderr);
}
