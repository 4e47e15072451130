/* overflow.c - a write behind an allocation, on purpose.  Built under the address
 * sanitizer only, which must report it (tests/planted/planted_test.sh), on the stack of a
 * task as on a thread's; with `safe`, the write stays inside and nothing may be reported.
 *
 *     overflow URL|threads|URL-stack [safe]
 *
 * URL-stack overflows an array on the task's stack in place of one on the heap. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tutti.h>

static volatile int at = 8; /* not a constant: the compiler would see it */

/* Out of line, or the checks of bounds that know the array would come first. */
static __attribute__((noinline)) void write_to(char *volatile bytes)
{
    bytes[at] = 1;
}

static int on_the_heap(void *arg)
{
    (void)arg;
    tutti_yield();
    char *bytes = malloc(8);
    if (!bytes)
        return -ENOMEM;
    write_to(bytes);
    free(bytes);
    return 0;
}

static int on_the_stack(void *arg)
{
    (void)arg;
    char bytes[8];
    tutti_yield();
    write_to(bytes);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 2)
        return 2;
    if (argc > 2 && strcmp(argv[2], "safe") == 0)
        at = 7;
    char url[64];
    snprintf(url, sizeof url, "%s", argv[1]);
    char *stack = strstr(url, "-stack");
    if (stack)
        *stack = '\0';
    int rc = strcmp(url, "threads") == 0
                 ? on_the_heap(NULL)
                 : tutti_run(url, stack ? on_the_stack : on_the_heap, NULL);
    if (rc < 0)
        fprintf(stderr, "overflow: %s\n", tutti_why());
    return rc < 0;
}
