/* explore/races.h - plain accesses: see races.c. */
#ifndef EXPLORE_RACES_H
#define EXPLORE_RACES_H
#include "shadow.h"

void race_access(const void *a, size_t n, bool write, const void *pc);
void race_range(const void *a, size_t n, bool write, const void *pc);
void race_forget(const void *a, size_t n);
void race_free(const void *a, size_t n, const void *pc);
/* Judge an atomic access against plain ones in the same bytes. */
void race_atomic(struct cell *c, const void *a, int size, bool write, const void *pc);
#endif
