/* exec/processes/spill.h - a file for what the arena has no room for: ?spill=DIR. */
#ifndef EXEC_PROCESSES_SPILL_H
#define EXEC_PROCESSES_SPILL_H
#include "exec/processes/arena.h"

/* --- at home --- */
/* Where head_lay_out has left room: the file, without a name, and mapped.  0, or an error with
 * words. */
int spill_open(struct arena *a, const struct url *u);
void spill_close(struct arena *a);
/* Under a's latch: n bytes with blocks on the disk behind them, READ or WRITE, as
 * extents_take; NULL, and a->spill.error says why: there is no file (0), or no room. */
void *spill_take(struct arena *a, unsigned flags, uint64_t n, bool *zeroed);
/* True: `at` was one of those, and is given back. */
bool spill_give(struct arena *a, void *at, uint64_t n);
/* A failure to take: the sentence. */
const char *spill_words(const struct arena *a, char *text, size_t size);

/* --- in a worker --- */
/* Map it for reading; and, for a lane, what that may write.  fd is closed by the second. */
bool spill_enter(const struct head *h, int fd);
bool spill_own(const struct head *h, int fd, unsigned box);
/* A result's room, of which blocks are there before it is written. */
void *spill_box_take(struct extents *box, uint64_t n);
#endif
