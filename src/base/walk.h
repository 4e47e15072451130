/* base/walk.h - the stack of a thread that is stuck, and names for the addresses on it.
 * Nothing here takes a lock of the loader's, which the stuck thread may hold.
 * Tests: tests/culprit_test.c. */
#ifndef BASE_WALK_H
#define BASE_WALK_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { WALK_DEPTH = 24 };

/* Copy bytes of this process that may be gone or change meanwhile; how many could be read,
 * 0 when none. */
size_t peek_some(void *to, const void *from, size_t n);
/* All of them, or false. */
bool peek(void *to, const void *from, size_t n);

/* Once, before walk_interrupted: what it needs is loaded. */
void walk_begin(void);
/* In a signal handler, given its third argument: the interrupted place and the return
 * addresses above it, the innermost first.  How many. */
int walk_interrupted(const void *context, void **frame, int most);
/* Of a thread that is blocked in the kernel, whose stack ends at `high`: where it entered and
 * what looks like return addresses above, so some may be left over from calls that have
 * returned.  Without a signal, which would cut its sleep short.  0: it is not blocked, or the
 * system does not say. */
int walk_blocked(int tid, uintptr_t high, void **frame, int most);

/* "name+0x1f (object)" or "object+0x123", of the function that holds address `at` or, when
 * it is a return address, the call before it.  Reads the object's file. */
void symbol_say(char *to, size_t room, const void *at, bool returns);
/* Where the function that holds address `at` begins, and how long it is; `at` itself and 1 when
 * nobody says.  Reads the object's file. */
const void *symbol_start(const void *at, size_t *size);
/* Does it belong to the C library, the loader, this library or a sanitizer, if that is not
 * the program itself?  Then who called it is the one to name. */
bool symbol_is_system(const void *at);
/* Is it in the same object as this library, and that is not the program itself? */
bool symbol_is_ours(const void *at);
#endif
