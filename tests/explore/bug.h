/* bug.h - what the programs of the suite share: which bug this build has, and starting
 * threads.  -DBUG=n builds bug n of a program; without it the program is right.  The
 * comment at the head of each program lists its bugs,
 *
 *     bug NUMBER  KIND[|KIND]: what is wrong  @mark @mark
 *
 * and a failure must have one of the kinds and name a line that has one of the marks in
 * a comment, or, if the bug has none, an assertion.  Run by suite.py. */
#ifndef TESTS_EXPLORE_BUG_H
#define TESTS_EXPLORE_BUG_H
#undef NDEBUG
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef BUG
#define BUG 0
#endif

/* The memory order `right`, but `weak` in the build of that bug. */
#define ORDER(bug, weak, right) \
    (BUG == (bug) ? memory_order_##weak : memory_order_##right)

/* A read that no compiler may leave out, since it knows the value. */
__attribute__((unused)) static void look_at(int value)
{
    __asm__ volatile("" : : "r"(value));
}

typedef void *body(void *);

/* Run all bodies, each in a thread of its own, until all have ended. */
#define TOGETHER(...)                   \
    together((body *[]){ __VA_ARGS__ }, \
             sizeof((body *[]){ __VA_ARGS__ }) / sizeof(body *))
__attribute__((unused)) static void together(body *const *bodies, size_t count)
{
    pthread_t threads[8];
    assert(count <= 8);
    for (size_t i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, bodies[i], (void *)i) != 0)
            abort();
    for (size_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}
#endif
