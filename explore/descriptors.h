/* explore/descriptors.h - waiting for descriptors, of one call (hooks_block.c, which
 * owns this) and of those for several (hooks_poll.c). */
#ifndef EXPLORE_DESCRIPTORS_H
#define EXPLORE_DESCRIPTORS_H
#include "engine.h"

/* The point of a call that looks at descriptors. */
void fds_begin(const void *pc);
/* Wait in the call of that name until some descriptor may have changed; until: virtual
 * ns, 0 for ever.  False: the time is up. */
bool fds_wait(const char *name, uint64_t until);
/* The call is done; change: others who wait look again. */
void fds_end(bool change);
#endif
