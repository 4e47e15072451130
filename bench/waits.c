/* bench/waits.c - what waiting costs: a thousand tasks that wait 20 ms each, and a hundred
 * that block a thread of their own for 50 ms, on each executor.  Five rounds, medians; the
 * figures of README's table. */
#include <stdio.h>
#include <stdlib.h>
#include <tutti.h>
#include <unistd.h>

enum { ROUNDS = 5, WAITS = 1000, BLOCKS = 100 };

static int wait_20ms(void *arg)
{
    (void)arg;
    return tutti_sleep_until(tutti_after(20 * TUTTI_MS));
}

static int block_50ms(void *arg)
{
    (void)arg;
    usleep(50000);
    return 0;
}

static int call_blocking(void *arg)
{
    return tutti_blocking(block_50ms, arg, NULL);
}

static int by_value(const void *a, const void *b)
{
    const tutti_time *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int measure(const char *url, const char *what, tutti_fn *fn, int n, int each_ms)
{
    tutti_executor *ex;
    tutti_time took[ROUNDS];
    int rc = tutti_executor_open(&ex, url);
    for (int r = 0; r < ROUNDS && rc == 0; r++) {
        took[r] = tutti_now();
        TUTTI_SCOPE(s, ex, TUTTI_NEVER, 0);
        for (int i = 0; i < n; i++)
            tutti_go(&s, fn, NULL);
        rc = tutti_scope_close(&s);
        took[r] = tutti_now() - took[r];
    }
    if (rc < 0)
        return fprintf(stderr, "%s: %s\n", url, tutti_why()), 1;
    qsort(took, ROUNDS, sizeof *took, by_value);
    double ms = (double)took[ROUNDS / 2] / 1e6;
    printf("%-30s %4d %-8s %2d ms each  %7.1f ms  %5.0fx\n", tutti_executor_url(ex), n,
           what, each_ms, ms, n * each_ms / ms);
    return tutti_executor_close(ex) < 0;
}

int main(void)
{
    static const char *const urls[] = { "loop://", "threads://",
                                        "threads://?lock=interpreter" };
    int failed = 0;
    for (int i = 0; i < 3; i++) {
        failed |= measure(urls[i], "waits", wait_20ms, WAITS, 20);
        failed |= measure(urls[i], "blocking", call_blocking, BLOCKS, 50);
    }
    return failed;
}
