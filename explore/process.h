/* explore/process.h - how the program ends: see hooks_process.c. */
#ifndef EXPLORE_PROCESS_H
#define EXPLORE_PROCESS_H
#include "common.h"

void process_reset(void);
void process_exit(int status) __attribute__((noreturn));
#endif
