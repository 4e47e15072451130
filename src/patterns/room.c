/* patterns/room.c - see room.h, also for why it is built on tutti_share. */
#include "patterns/room.h"

enum { ROOM_PIECE = 64 * 1024, ROOM_PIECE_MOST = 16 * 1024 * 1024 };

void room_open(struct room *r, tutti_executor *ex)
{
    tutti_scope_open(&r->scope, ex, TUTTI_NEVER, TUTTI_KEEP_GOING);
    memset(r->first, 0, sizeof r->first);
    r->at = r->first;
    r->used = 0;
    r->size = sizeof r->first;
}

void room_close(struct room *r)
{
    tutti_scope_leave(&r->scope);
}

void *room_take(struct room *r, uint64_t count, size_t item)
{
    uint64_t bytes;
    tutti_ref ref;
    if (__builtin_mul_overflow(count, item, &bytes)
        || bytes > (SIZE_MAX / 2 & ~(size_t)(ROOM_ALIGN - 1)))
        return NULL;
    bytes = (bytes + ROOM_ALIGN - 1) & ~(uint64_t)(ROOM_ALIGN - 1);
    if (bytes > r->size - r->used) {
        /* Pieces double, so that a list of many keys asks the system seldom. */
        size_t piece = r->size < ROOM_PIECE            ? ROOM_PIECE
                       : r->size < ROOM_PIECE_MOST / 2 ? r->size * 2
                                                       : ROOM_PIECE_MOST;
        if (bytes >= piece / 2) /* a large one has a segment of its own */
            return tutti_share(&r->scope, bytes, 1, TUTTI_WRITE, &ref);
        unsigned char *at = tutti_share(&r->scope, piece, 1, TUTTI_WRITE, &ref);
        if (!at)
            return NULL;
        r->at = at;
        r->used = 0;
        r->size = piece;
    }
    void *p = r->at + r->used;
    r->used += bytes;
    return p;
}
