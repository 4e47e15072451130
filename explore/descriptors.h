/* explore/descriptors.h - waiting until some descriptor has changed, of one call
 * (hooks_block.c, which owns this) and of those for several (hooks_poll.c); and what the
 * use of files makes known (files.c). */
#ifndef EXPLORE_DESCRIPTORS_H
#define EXPLORE_DESCRIPTORS_H
#include "common.h"

void fds_open(void);
void fds_reset(void);
/* The point of a call that looks at descriptors. */
void fds_begin(const void *pc);
/* Wait in the call of that name until some descriptor may have changed; until: virtual
 * ns, 0 for ever.  False: the time is up. */
bool fds_wait(const char *name, uint64_t until);
/* Some descriptor has changed: those who wait look again. */
void fds_changed(void);

/* --- files.c --- */
void files_reset(void);
void files_written(int fd);    /* what this thread has done is known to its readers */
void files_read(int fd);
void files_room_made(int fd);  /* the same, to writers who had to wait */
void files_room_found(int fd);
void files_read_all(void);     /* of all files */
void files_closing(int fd);    /* before it is closed */
void files_pair(const int *fds); /* two sockets are a pair */
#endif
