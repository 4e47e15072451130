/* core/local.h - values made at first use, one for each task or each thread. */
#ifndef CORE_LOCAL_H
#define CORE_LOCAL_H
#include "core/context.h"

struct local_value;
/* Drop all, newest first; a drop may make others, which are dropped too. */
void locals_drop(struct local_value **list);
#endif
