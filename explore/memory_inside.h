/* explore/memory_inside.h - what hooks_memory.c gives the other files. */
#ifndef EXPLORE_MEMORY_INSIDE_H
#define EXPLORE_MEMORY_INSIDE_H
#include <stdbool.h>
#include <stddef.h>

void memory_open(bool exploring); /* first of all */
bool memory_in_libc(const void *pc); /* or in the loader */
bool memory_in_library(const void *pc); /* in this one */
/* Something done for the program by a function that the compiler cannot see into. */
void memory_reads(const void *a, size_t n, const void *pc);
void memory_writes(const void *a, size_t n, const void *pc);
#endif
