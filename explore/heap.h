/* explore/heap.h - the program's heap: see heap.c. */
#ifndef EXPLORE_HEAP_H
#define EXPLORE_HEAP_H
#include "common.h"

bool heap_open(void);
void heap_seal(void);  /* what is there now belongs to every schedule */
void heap_reset(void);
void *heap_take(size_t n, size_t align, const void *pc);
void heap_give(void *p, const void *pc);
size_t heap_size(const void *p);
bool heap_owns(const void *p);
void heap_check(const void *a, size_t n, bool write, const void *pc);
#endif
