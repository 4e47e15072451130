/* explore/near.h - the hooks before plain accesses, of which there are two of each name:
 * hooks_access.c has them in the library, for a program that explores; near.c has those
 * that `tutti cc` links into a program itself, which are a call nearer and hand on only
 * there. */
#ifndef EXPLORE_NEAR_H
#define EXPLORE_NEAR_H
#include <stdbool.h>

/* X(name, size, writes) for each hook __tsan_<name><size>. */
#define ACCESSES_OF(X, size)                                                  \
    X(read, size, false)                                                      \
    X(write, size, true)                                                      \
    X(unaligned_read, size, false)                                            \
    X(unaligned_write, size, true)                                            \
    X(volatile_read, size, false)                                             \
    X(volatile_write, size, true)                                             \
    X(unaligned_volatile_read, size, false)                                   \
    X(unaligned_volatile_write, size, true)                                   \
    X(read_write, size, true)                                                 \
    X(unaligned_read_write, size, true)
#define ACCESSES(X)                                                           \
    ACCESSES_OF(X, 1) ACCESSES_OF(X, 2) ACCESSES_OF(X, 4) ACCESSES_OF(X, 8)   \
    ACCESSES_OF(X, 16)

/* By a program's own hooks before anything else: *exploring becomes true if they are to
 * hand on; else the calls of those that do nothing go (quiet.c).  It is no variable of the
 * program's. */
void tutti_explore_near(bool *exploring);
#endif
