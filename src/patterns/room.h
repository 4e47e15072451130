/* patterns/room.h - memory for one call of a pattern: handed out in pieces, never taken
 * back singly, gone with the call.
 *
 * Patterns see the public headers alone and so have no allocator of the library's.
 * What they need is exactly what a scope gives: tutti_share on a scope of the call's
 * own.  It is freed on every way out, a failing request is an error code and can be
 * tried by the tests that fail the n-th one, and no exception to the rule against
 * raw allocation has to be made.  A segment costs a system call, hence the pieces,
 * and hence the first bytes, which lie in the frame: small calls ask the system for
 * nothing.
 * Tests: tests/patterns_test.c. */
#ifndef PATTERNS_ROOM_H
#define PATTERNS_ROOM_H
#include <tutti.h>

enum { ROOM_FIRST = 1024, ROOM_ALIGN = 16 };

/* Holds: used <= size; at[used..size) is zero and nobody's. */
struct room {
    tutti_scope scope; /* keeps going: a request that failed is its caller's to tell */
    unsigned char *at;
    size_t used, size;
    _Alignas(ROOM_ALIGN) unsigned char first[ROOM_FIRST];
};

void room_open(struct room *r, tutti_executor *ex);
void room_close(struct room *r);
#define ROOM(r, ex)                                                           \
    struct room r __attribute__((cleanup(room_close)));                       \
    room_open(&r, ex)

/* count zeroed items of `item` bytes, aligned for any type; NULL: no memory.  One
 * caller at a time. */
void *room_take(struct room *r, uint64_t count, size_t item);
#endif
