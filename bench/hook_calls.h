/* bench/hook_calls.h - one blocking call of half a second through each library, and the
 * server that it needs.  For hook_bench, and for the test that they come side by side. */
#ifndef BENCH_HOOK_CALLS_H
#define BENCH_HOOK_CALLS_H

struct hook_calls {
    const char *name; /* "hook-libpq" */
    int count;        /* of calls at once */
    int (*begin)(void);     /* start the server: 0, or -1: see hook_calls_why */
    int (*call)(void *arg); /* arg: an int, the number of the call; negative: failed */
    int (*meet)(void *arg); /* the same, but it ends only when `count` such calls wait */
    void (*end)(void);
};

/* NULL: there is none of that name, or its library was not there when this was built. */
const struct hook_calls *hook_calls_find(const char *name);
/* The last thing that went wrong, in words. */
const char *hook_calls_why(void);
#endif
