/* explore/restore.h - the program's variables: see restore.c. */
#ifndef EXPLORE_RESTORE_H
#define EXPLORE_RESTORE_H
#include "common.h"

void restore_take(void);
void restore_back(void);
void restore_touched(const void *a, size_t n);
/* The same for what libc or this library writes into objects of its own kinds. */
void restore_own(const void *a, size_t n);
bool restore_owns(const void *a);
/* An object of that name has variables that are not the program's. */
bool restore_system(const char *name);
extern hidden bool restore_tracks;
/* Words of memory that have changed in this schedule; those no hook has seen written. */
void restore_changes(uint64_t *changed, uint64_t *unseen);
#endif
