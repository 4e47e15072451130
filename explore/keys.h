/* explore/keys.h - thread-specific values, and what is done once: see hooks_keys.c. */
#ifndef EXPLORE_KEYS_H
#define EXPLORE_KEYS_H
#include "engine.h"

void keys_open(void); /* keys made before main are there in every schedule */
void keys_reset(void);
void keys_begin(struct thread *t);
void keys_end(struct thread *t);
int once_call(void *address, bool done, void (*run)(void), const void *pc);
#endif
