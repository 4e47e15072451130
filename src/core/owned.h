/* core/owned.h - things a scope owns besides its tasks: channels, shared items, signal
 * hooks, descriptors.  Their owner embeds a struct owned and gives the function that ends
 * it; a scope that closes calls it, newest first, after the last task has ended. */
#ifndef CORE_OWNED_H
#define CORE_OWNED_H
#include "base/list.h"
#include <tutti.h>

/* Holds: from scope_own on link is in its scope's list, until that calls end, once. */
struct owned {
    struct list link;
    void (*end)(struct owned *o); /* frees *o; must not wait */
};

/* Hand *o to s.  0; -EINVAL: s is not open (o is still the caller's).  [any] */
int scope_own(tutti_scope *s, struct owned *o);
/* Record a failure of s with the caller's tutti_why; cancels unless it keeps going. */
void scope_fail(tutti_scope *s, int code);
#endif
